"""The servers that a twin may have, one per file: where its program is, how it is started, and when it is ready.

None reads a configuration of the user or of the current folder: each gets its settings explicitly, a scratch folder of
the run, and an address on loopback. Clients must know the password.
"""

from collections.abc import Mapping

from lab.model import BALANCER, CACHE, QUEUE
from lab.runtime.local.parts.caddy import CADDY
from lab.runtime.local.parts.nats import NATS
from lab.runtime.local.parts.valkey import VALKEY
from lab.runtime.local.parts.wheels import Wheel

WHEELS: Mapping[str, Wheel] = {BALANCER: CADDY, CACHE: VALKEY, QUEUE: NATS}
