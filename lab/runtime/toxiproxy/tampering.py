"""Which proxies are ours, and what somebody else has done to them: Toxiproxy's API asks for no password."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.model import LinkState, Proxy
from lab.runtime.toxiproxy.client import Toxiproxy
from lab.runtime.toxiproxy.server import BIRTHMARK, Birthmark


class ServerProxies:
    """`lab.ports.Proxies` of the server at `url`."""

    def __init__(self, url: str, planned: Mapping[str, Proxy]) -> None:
        self.planned = planned
        self._server = Toxiproxy(url)

    def read(self) -> Mapping[str, Proxy]:
        return read(self._server)


def read(server: Toxiproxy) -> dict[str, Proxy]:
    """All proxies of `server`."""
    return {
        name: Proxy(listen=proxy.listen, upstream=proxy.upstream, state=proxy.state)
        for name, proxy in server.proxies().items()
    }


def marked_for(run: str, url: str) -> bool:
    """Whether the server at `url` bears a mark of `run`. Raises LabError where none answers."""
    return any(name.startswith(f"{BIRTHMARK}{run}-") for name in Toxiproxy(url).proxies())


def mark(url: str, run: str) -> Mapping[str, Proxy]:
    """Give the server at `url`, which was started without one, a mark of `run`; returns that mark's proxy."""
    birthmark = Birthmark.of(run)
    Toxiproxy(url).create(birthmark.upstream, birthmark.name, birthmark.listen, enabled=False)
    return {birthmark.name: proxy_of(birthmark)}


def proxy_of(birthmark: Birthmark) -> Proxy:
    return Proxy(listen=birthmark.listen, upstream=birthmark.upstream, state=LinkState(enabled=False))


def found_at(url: str) -> Iterator[str]:
    """How the proxies of the server at `url` differ from a state without faults, a line each."""
    for name, proxy in read(Toxiproxy(url)).items():
        if not name.startswith(BIRTHMARK) and proxy.state != LinkState():
            what = ", ".join(f"{toxic.type} ({toxic.stream})" for toxic in proxy.state.toxics) or "down"
            yield f"{name}: {what}"
