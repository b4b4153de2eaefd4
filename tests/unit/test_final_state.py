"""When a twin's data may be read: once its service is idle."""

import pytest

from loadtests import final_state
from loadtests.final_state import ACTIVITY, QUIET_FOR_S, QUIET_WITHIN_S, UNCHANGED


class Server:
    """A database whose service did something for the last time at `until_s`; the clock stands still meanwhile."""

    def __init__(self, until_s: float) -> None:
        self.now_s = 100.0
        self._until_s = self.now_s + until_s

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def execute(self, query: str) -> list[dict[str, object]]:
        if query == UNCHANGED:
            return [{"unchanged_s": max(0.0, self.now_s - self._until_s)}]
        assert query == ACTIVITY
        return [{"state": "idle" if self.now_s >= self._until_s else "active"}]


@pytest.mark.parametrize(
    ("until_s", "waited_s"),
    [(-10.0, 0.0), (-QUIET_FOR_S / 2, QUIET_FOR_S / 2), (0.5, 0.5 + QUIET_FOR_S), (60.0, QUIET_WITHIN_S)],
    ids=["idle for long", "idle of late", "busy for a while", "never idle"],
)
def test_data_is_read_when_the_service_has_been_idle_for_a_while(
    until_s: float, waited_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(until_s)
    monkeypatch.setattr(final_state, "time", server)
    final_state._await_quiet(server)  # type: ignore[arg-type]
    assert server.now_s - 100 == pytest.approx(waited_s, abs=2 * final_state.POLL_S)
