from services.defences import deadline, openers, server_timeouts
from tests.defended import defended


def milliseconds(setting: str) -> float:
    value = server_timeouts.SETTINGS[setting]
    return float(value.removesuffix("ms")) if value.endswith("ms") else float(value.removesuffix("s")) * 1000


def test_the_inner_timeouts_fire_before_the_outer_ones():
    ordered = [milliseconds(name) for name in ("deadlock_timeout", "lock_timeout", "statement_timeout")]
    assert ordered == sorted(ordered)
    assert ordered[-1] < deadline.DEADLINE_S * 1000


def test_the_pool_has_all_its_time_to_connect():
    assert server_timeouts.NETWORK["connect_timeout"] >= openers.CONNECT_S


def test_they_are_given_to_every_new_connection():
    with defended("none,+server_timeouts").app_context():
        given = server_timeouts.connect_args()
    assert "-c statement_timeout=900ms" in given["options"]
    assert given["tcp_user_timeout"] == 3000


def test_off_libpq_keeps_its_defaults():
    with defended("all,-server_timeouts").app_context():
        assert server_timeouts.connect_args() == {}
