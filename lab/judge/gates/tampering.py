"""The gate of the proxies: whoever can run a program on this machine can change them, and that must show."""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge.evidence import TwinEvidence
from lab.model import Gate, LinkState, ProxiesRead, Proxy

UNTOUCHED = "proxies untouched"


def untouched(twin: TwinEvidence) -> Gate:
    """Every time they were read, all proxies were as planned, and there were no others."""
    read = [event for event in twin.events if isinstance(event, ProxiesRead)]
    wrong = [event for event in read if not event.ok]
    sentence = f"All {len(read)} readings found the proxies as planned."
    if not read:
        sentence = "The proxies were never read."
    if wrong:
        sentence = f"At {wrong[0].at_s:.2f} s {_told(wrong[0])}."
    return Gate(
        name=UNTOUCHED,
        passed=bool(read) and not wrong,
        value=len(wrong) if read else None,
        limit=0,
        unit="odd readings",
        sentence=sentence,
        twin=twin.twin,
    )


def _told(event: ProxiesRead) -> str:
    if event.error:
        return f"the proxies could not be read: {event.error.rstrip('.')}"
    return f"somebody else had changed the proxies: {'; '.join(_differences(event))}"


def _differences(event: ProxiesRead) -> Iterator[str]:
    for name in sorted({*event.asked, *event.echo}):
        asked, echo = event.asked.get(name), event.echo.get(name)
        if echo is None:
            yield f"{name} was gone"
        elif asked is None:
            yield f"{name} was added, from {echo.listen} to {echo.upstream}"
        else:
            yield from _changed(name, asked, echo)


def _changed(name: str, asked: Proxy, echo: Proxy) -> Iterator[str]:
    if echo.upstream != asked.upstream:
        yield f"{name} led to {echo.upstream} instead of {asked.upstream}"
    if echo.listen != asked.listen:
        yield f"{name} listened on {echo.listen} instead of {asked.listen}"
    if echo.state != asked.state:
        yield f"{name} had {_state(echo.state)} instead of {_state(asked.state)}"


def _state(state: LinkState) -> str:
    toxics = ", ".join(f"{toxic.type} {toxic.stream}" for toxic in state.toxics)
    return toxics or ("no toxic" if state.enabled else "a closed listener")
