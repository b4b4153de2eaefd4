"""The faults, one per file: its parameters with units, the state it puts its target into, and how a probe proves it."""

from lab.faults.links.bandwidth import Bandwidth
from lab.faults.links.down import Down
from lab.faults.links.latency import Latency
from lab.faults.links.limit_data import LimitData
from lab.faults.links.noop import Noop
from lab.faults.links.reset_peer import ResetPeer
from lab.faults.links.slicer import Slicer
from lab.faults.links.slow_close import SlowClose
from lab.faults.links.timeout import Timeout
from lab.faults.load.surge import Surge
from lab.faults.parts.cpu_limit import CpuLimit
from lab.faults.parts.descriptor_limit import DescriptorLimit
from lab.faults.parts.kill import Kill
from lab.faults.parts.memory_limit import MemoryLimit
from lab.faults.parts.pause import Pause
from lab.faults.parts.stop import Stop
from lab.faults.stores.connection_hog import ConnectionHog
from lab.faults.stores.drop_sessions import DropSessions
from lab.faults.stores.row_lock import RowLock
from lab.faults.stores.table_lock import TableLock
from lab.model import Fault

FAULTS: tuple[type[Fault], ...] = (
    Bandwidth,
    ConnectionHog,
    CpuLimit,
    DescriptorLimit,
    Down,
    DropSessions,
    Kill,
    Latency,
    LimitData,
    MemoryLimit,
    Noop,
    Pause,
    ResetPeer,
    RowLock,
    Slicer,
    SlowClose,
    Stop,
    Surge,
    TableLock,
    Timeout,
)

__all__ = [
    "FAULTS",
    "Bandwidth",
    "ConnectionHog",
    "CpuLimit",
    "DescriptorLimit",
    "Down",
    "DropSessions",
    "Kill",
    "Latency",
    "LimitData",
    "MemoryLimit",
    "Noop",
    "Pause",
    "ResetPeer",
    "RowLock",
    "Slicer",
    "SlowClose",
    "Stop",
    "Surge",
    "TableLock",
    "Timeout",
]
