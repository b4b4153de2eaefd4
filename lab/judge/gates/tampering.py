"""The gates of the proxies: whoever can run a program on this machine can change them, and that must show.

A reading that failed shows nothing: it is the machine's fault or Toxiproxy's, not somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge.evidence import TwinEvidence
from lab.model import Gate, LinkState, ProxiesRead, Proxy

READ, UNTOUCHED = "proxies read", "proxies untouched"


def was_read(twin: TwinEvidence) -> Gate:
    """No reading of the proxies failed. An answer that never came is no sign that somebody has changed them."""
    read = [event for event in twin.events if isinstance(event, ProxiesRead)]
    failed = [event for event in read if event.error]
    sentence = "Every reading of the proxies was answered."
    if failed:
        sentence = (
            f"At {failed[0].at_s:.2f} s the proxies could not be read, so nobody knows how they were; that is no sign "
            f"that somebody has changed them. {failed[0].error.rstrip('.')}."
        )
    return Gate(
        name=READ,
        passed=not failed,
        value=len(failed),
        limit=0,
        unit="failed readings",
        sentence=sentence,
        twin=twin.twin,
    )


def untouched(twin: TwinEvidence) -> Gate:
    """Every time they could be read, all proxies were as planned, and there were no others."""
    read = [event for event in twin.events if isinstance(event, ProxiesRead)]
    wrong = [event for event in read if event.asked or event.echo]
    answered = sum(not event.error for event in read)
    sentence = f"{'All ' if answered == len(read) else ''}{answered} readings found the proxies as planned."
    if not read:
        sentence = "The proxies were never read."
    if wrong:
        changes = "; ".join(_differences(wrong[0]))
        sentence = f"At {wrong[0].at_s:.2f} s somebody else had changed the proxies: {changes}."
    return Gate(
        name=UNTOUCHED,
        passed=bool(read) and not wrong,
        value=len(wrong) if read else None,
        limit=0,
        unit="odd readings",
        sentence=sentence,
        twin=twin.twin,
    )


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
