"""What hardening costs at baseline: python -P -m pytest tests/benchmarks/twins_cost.py -s

CPU and median time of a request in this process, on a real PostgreSQL, both twins by turns. Prints, asserts nothing.
Nothing else should run on the machine meanwhile.
"""

import logging
import time

import pytest

from tests.twins import HARDENED, HEADERS, NAIVE, PROFILE

pytest_plugins = ("tests.integration.conftest",)

TRANSFER = {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 1, "reference": "cost"}
REQUESTS = {
    "one row": ("GET", "/bookings/1/", None),
    "a page with bookings": ("GET", "/users/?include=bookings", None),
    "availability": ("GET", "/rooms/1/availability/?date=2025-01-01", None),
    "a profile": ("PUT", "/users/1/profile/", PROFILE),
    "a transfer": ("POST", "/transfers/", TRANSFER),
}
ROUNDS, WARM_UP, REPEATS = 4, 20, 100


@pytest.mark.timeout(600)
def test_what_hardening_costs(make, capfd):
    logging.disable(logging.CRITICAL)
    cost = {}
    for number in range(ROUNDS):
        for twin in (NAIVE, HARDENED):
            client = make(*twin).test_client()
            for name, request in REQUESTS.items():
                cost.setdefault((name, twin), []).append(measured(client, request, f"{number}-{name}"))
    with capfd.disabled():
        print(f"\n{'':24}{'CPU ms':>20}{'p50 ms':>20}\n{'':24}{'naive  hardened':>20}{'naive  hardened':>20}")
        for name in REQUESTS:
            naive, hardened = (map(min, zip(*cost[name, twin], strict=True)) for twin in (NAIVE, HARDENED))
            (naive_cpu, naive_p50), (cpu, p50) = naive, hardened
            print(f"{name:24}{naive_cpu:10.2f} {cpu:9.2f}{naive_p50:10.2f} {p50:9.2f}")


def measured(client, request, key: str) -> tuple[float, float]:
    """CPU of one request of the process, and its median time, in milliseconds."""
    method, path, body = request
    waits, cpu = [], 0.0
    for i in range(WARM_UP + REPEATS):
        keyed = {} if method == "GET" else {"Idempotency-Key": f"{key}-{i}".replace(" ", "-")}
        cpu, began = (time.process_time() if i == WARM_UP else cpu), time.perf_counter()
        answer = client.open(path, method=method, json=body, headers=HEADERS | keyed)
        waits.append(time.perf_counter() - began)
        assert answer.status_code in (200, 201), answer.json
    return (time.process_time() - cpu) / REPEATS * 1000, sorted(waits[WARM_UP:])[REPEATS // 2] * 1000
