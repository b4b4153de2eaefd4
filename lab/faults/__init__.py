"""The faults: one a file, each with its parameters in units, what it makes of a link, and how a probe proves it."""

from lab.faults.bandwidth import Bandwidth
from lab.faults.down import Down
from lab.faults.latency import Latency
from lab.faults.limit_data import LimitData
from lab.faults.noop import Noop
from lab.faults.reset_peer import ResetPeer
from lab.faults.slicer import Slicer
from lab.faults.slow_close import SlowClose
from lab.faults.timeout import Timeout
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
