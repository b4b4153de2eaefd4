"""The faults: one a file, each with its parameters in units, what it makes of its target, and how a probe proves it."""

from lab.faults.links.bandwidth import Bandwidth
from lab.faults.links.down import Down
from lab.faults.links.latency import Latency
from lab.faults.links.limit_data import LimitData
from lab.faults.links.noop import Noop
from lab.faults.links.reset_peer import ResetPeer
from lab.faults.links.slicer import Slicer
from lab.faults.links.slow_close import SlowClose
from lab.faults.links.timeout import Timeout
from lab.model import Fault

FAULTS: tuple[type[Fault], ...] = (
    Bandwidth,
    Down,
    Latency,
    LimitData,
    Noop,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
)

__all__ = [
    "FAULTS",
    "Bandwidth",
    "Down",
    "Latency",
    "LimitData",
    "Noop",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Timeout",
]
