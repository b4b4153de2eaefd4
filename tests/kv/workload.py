"""The key-value product as a workload, and a scenario for it: all that the lab needs to know of a product."""

from lab.checks.slos import GoodRatio, RecoversWithin
from lab.faults import Latency
from lab.model import EDGE, FAULT, Arrival, Load, Phases, Question, Scenario, ServerProfile, Topology, Verdict
from lab.workload import Intent, Service, Workload


def put(intent: Intent) -> Arrival:
    key = f"k{intent.one_of(intent.sizes['keys'])}"
    return intent.write("PUT", f"/values/{key}", {"value": f"v{intent.i}"}, key=key, value=f"v{intent.i}")


def get(intent: Intent) -> Arrival:
    key = f"k{intent.one_of(intent.sizes['keys'])}"
    return intent.read(f"/values/{key}", key=key)


KV = Workload(
    name="kv",
    services={"dict": Service(app="tests.kv.service:create_app()")},
    line_up=("dict", "dict"),
    operations={"put": put, "get": get},
    sizes={"keys": 50},
)
SLOW = Scenario(
    name="kv-slow",
    title="The edge is slow",
    hypothesis="With 100 ms on the way to the clients no read comes within 90 ms.",
    question=Question(
        text="100 ms on the edge: how long does a read take?",
        choices={"a": "100 ms", "b": "200 ms"},
        answer="a",
        because="A read is one round trip.",
    ),
    mirrors="Nothing: it proves that the lab's machinery knows no bookings.",
    workload=KV.name,
    load=Load(rate_rps=20, mix={"put": 1, "get": 4}, good_within_ms=90, client_timeout_s=2),
    topology=Topology(parts=(), profile=ServerProfile(workers=1, threads=8)),
    faults=(Latency(link=EDGE, latency_ms=100),),
    checks=(GoodRatio(phase=FAULT, at_least=0.95), RecoversWithin(at_most_s=2)),
    expected={"dict": Verdict.BROKEN},
    quick=Phases(warmup_s=1, baseline_s=3, fault_s=6, recovery_s=7, drain_s=1),
)
