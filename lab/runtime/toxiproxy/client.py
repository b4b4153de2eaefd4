"""Toxiproxy's API: toxiproxy-python, extended where it falls short, and the actuator of a link built on it.

It adds what version 0.1.1 of that package lacks: an address per server (not one per process), a timeout on every call,
an error for every answer that is not a success, PATCH, and reading a single proxy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import takewhile
from operator import itemgetter
from typing import Any, TypeVar

import requests
import toxiproxy as library
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from lab.model import LabError, LinkState, State, Toxic, Undo
from lab.runtime.effects import about_to
from lab.runtime.toxiproxy.rules import checked

TIMEOUT_S = 5.0
TOXIPROXY = "toxiproxy"  # the way to undo a fault of a link

Shaped = TypeVar("Shaped")


class ToxiproxyError(LabError):
    """Toxiproxy did not answer, or answered with an error."""


class MissingError(ToxiproxyError, NotFound):  # type: ignore[misc]  # the package has no types
    """404: no such proxy or toxic."""


class ExistsError(ToxiproxyError, ProxyExists):  # type: ignore[misc]
    """409: the name is taken."""


class RejectedError(ToxiproxyError, InvalidToxic):  # type: ignore[misc]
    """400: not a proxy or toxic."""


ERRORS = {400: RejectedError, 404: MissingError, 409: ExistsError}


class Consumer(APIConsumer):  # type: ignore[misc]
    """The API of one server, at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # the machine's HTTP proxy must not be used

    def get(self, url: str, params: Any = None, **options: Any) -> requests.Response:
        return self._call("GET", url, params=params, **options)

    def delete(self, url: str, **options: Any) -> requests.Response:
        return self._call("DELETE", url, **options)

    def post(self, url: str, data: Any = None, json: Any = None, **options: Any) -> requests.Response:
        return self._call("POST", url, data=data, json=json, **options)

    def patch(self, url: str, json: Any) -> requests.Response:
        return self._call("PATCH", url, json=json)

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        call = f"{method} {self.url}{path}"
        if method != "GET":
            about_to(f"proxy: {method} {path}")
        try:
            response = self._session.request(method, self.url + path, timeout=TIMEOUT_S, **options)
        except requests.Timeout as error:
            raise ToxiproxyError(
                f"Toxiproxy did not answer {call} within {TIMEOUT_S:g} s, so its links cannot be "
                "trusted any more. Stop the stack: bin/lab down"
            ) from error
        except requests.RequestException as error:
            raise ToxiproxyError(
                f"Toxiproxy cannot be reached ({call}). Is the stack up? See: bin/lab ps"
            ) from error
        if not response.ok:
            kind = ERRORS.get(response.status_code, ToxiproxyError)
            raise kind(f"Toxiproxy answered {call} with {response.status_code}: {response.text.strip()}")
        return response


class Proxy(library.Proxy):  # type: ignore[misc]
    """One proxy of one server, in the state in which it was read."""

    def __init__(self, consumer: Consumer, fields: Mapping[str, Any]) -> None:
        super().__init__(**fields)
        self.enabled: bool = fields["enabled"]
        self.carried = {
            toxic["name"]: _toxic(toxic) for toxic in sorted(fields["toxics"], key=itemgetter("name"))
        }
        self.state = LinkState(enabled=self.enabled, toxics=tuple(self.carried.values()))
        self._consumer = consumer
        self._path = f"/proxies/{self.name}"

    def add(self, name: str, toxic: Toxic) -> Toxic:
        """Add a toxic behind the existing ones; returns the server's version of it."""
        asked = {"name": name, "type": toxic.type, "stream": toxic.stream, "toxicity": toxic.toxicity}
        asked["attributes"] = dict(toxic.attributes)
        return _shaped(self._consumer.post(f"{self._path}/toxics", json=asked), _toxic)

    def destroy_toxic(self, toxic_name: str) -> bool:
        return bool(self._consumer.delete(f"{self._path}/toxics/{toxic_name}"))

    def destroy(self) -> bool:
        return bool(self._consumer.delete(self._path))

    def disable(self) -> None:
        """Refuse new connections and close existing ones. Toxics stay."""
        self._enable(False)

    def enable(self) -> None:
        self._enable(True)

    def _enable(self, enabled: bool) -> None:
        self._consumer.patch(self._path, json={"enabled": enabled})
        self.enabled = enabled


class Toxiproxy(library.Toxiproxy):  # type: ignore[misc]
    """One Toxiproxy server, at `url`."""

    def __init__(self, url: str) -> None:
        self._consumer = Consumer(url)

    def version(self) -> str:
        return _shaped(self._consumer.get("/version"), lambda found: str(found["version"]))

    def proxies(self) -> dict[str, Proxy]:
        answer = self._consumer.get("/proxies")
        return _shaped(answer, lambda found: {name: self._proxy(fields) for name, fields in found.items()})

    def get_proxy(self, proxy_name: str) -> Proxy:
        """Raises MissingError if there is none of that name."""
        return _shaped(self._consumer.get(f"/proxies/{proxy_name}"), self._proxy)

    def create(self, upstream: str, name: str, listen: str = "127.0.0.1:0", enabled: bool = True) -> Proxy:
        asked = {"name": name, "upstream": upstream, "listen": listen, "enabled": enabled}
        return _shaped(self._consumer.post("/proxies", json=asked), self._proxy)

    def reset(self) -> bool:
        """Every proxy enabled, every toxic gone."""
        return bool(self._consumer.post("/reset"))

    def _proxy(self, fields: Mapping[str, Any]) -> Proxy:
        return Proxy(self._consumer, fields)


class LinkActuator:
    """`lab.ports.Actuator` of a link: the proxy called `name` of the server whose API is at `url`."""

    healthy: State = LinkState()

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self._url = url
        self._server = Toxiproxy(url)
        self._seen: Proxy | None = None

    def undo(self) -> tuple[Undo, ...]:
        return (Undo(how=TOXIPROXY, details={"url": self._url, "proxy": self.name}),)

    def get(self) -> LinkState:
        self._seen = self._server.get_proxy(self.name)
        return self._seen.state

    def set(self, state: State) -> LinkState:
        """Change what differs from the last known state: reading before each change would make it late.

        If the answer shows that somebody else has changed the link meanwhile, read and change again.
        """
        if not isinstance(state, LinkState):
            raise TypeError(f"a link cannot be in {state}")
        wanted = {
            f"lab-{n:02d}-{toxic.type}-{toxic.stream}": checked(toxic) for n, toxic in enumerate(state.toxics)
        }
        echo = None
        with suppress(MissingError, ExistsError):
            echo = self._change(wanted, state.enabled)
        if echo != state:
            self._seen = None
            echo = self._change(wanted, state.enabled)
        return echo

    def _change(self, wanted: Mapping[str, Toxic], enabled: bool) -> LinkState:
        """Toxics are replaced, never patched, from the first that differs: a patch would release the data they hold.

        A link goes down before its toxics change and up afterwards, so that no connection sees a mixed state. The last
        toxic is removed first: with an earlier one Toxiproxy may hang (see lab/plan/switches.py).
        """
        proxy = self._seen or self._server.get_proxy(self.name)
        if proxy.enabled and not enabled:
            proxy.disable()
        pairs = zip(proxy.carried.items(), wanted.items(), strict=False)
        alike = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        for name in reversed(list(proxy.carried)[alike:]):
            proxy.destroy_toxic(name)
        for name, toxic in list(wanted.items())[alike:]:
            proxy.add(name, toxic)
        if enabled and not proxy.enabled:
            proxy.enable()
        return self.get()


def create_proxy(url: str, name: str, *, listen: str, upstream: str) -> Proxy:
    """A new proxy that passes everything."""
    return Toxiproxy(url).create(upstream, name, listen)


def _toxic(fields: Mapping[str, Any]) -> Toxic:
    return Toxic(
        type=fields["type"],
        stream=fields["stream"],
        attributes=fields["attributes"] or {},
        toxicity=fields["toxicity"],
    )


def _shaped(answer: requests.Response, shape: Callable[[Any], Shaped]) -> Shaped:
    """What `shape` makes of the JSON in `answer`. By now another program may have the port of a server that died."""
    try:
        return shape(answer.json())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ToxiproxyError(
            f"What answers at {answer.url} is not Toxiproxy. Is the stack up? See: bin/lab ps"
        ) from error
