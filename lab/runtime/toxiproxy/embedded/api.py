"""Toxiproxy's HTTP API, with its statuses, its defaults and its weak validation.

Requests read or change the proxies one at a time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from lab.runtime.toxiproxy.embedded.proxies import DOWNSTREAM, UPSTREAM, Proxy, resolved
from lab.runtime.toxiproxy.embedded.toxics import KINDS, Toxic

VERSION = "2.12-embedded"
Answer = tuple[int, Any]  # status; the JSON body, None for none


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """All proxies of one server, and what requests do to them."""

    def __init__(self) -> None:
        self._proxies: dict[str, Proxy] = {}
        self._lock = asyncio.Lock()

    async def answer(self, method: str, path: str, body: str) -> Answer:
        """The answer to `method` on `path`. Never raises."""
        try:
            async with self._lock:
                return await self._route(method, path.partition("?")[0].strip("/").split("/"), body)
        except Refusal as refusal:
            return refusal.status, {"error": str(refusal), "status": refusal.status}
        except OSError as error:
            return 500, {"error": str(error), "status": 500}

    async def _route(self, method: str, path: list[str], body: str) -> Answer:
        if method == "POST":
            method = "POST" if len(path) == 1 or path[2:] == ["toxics"] else "PATCH"
        match method, path:
            case "GET", ["version"]:
                return 200, {"version": VERSION}
            case "POST", ["reset"]:
                return await self._reset()
            case "POST", ["populate"]:
                return await self.populate(body)
            case "GET", ["proxies"]:
                return 200, {name: shown(proxy) for name, proxy in self._proxies.items()}
            case "POST", ["proxies"]:
                return 201, shown(await self._create(fields(body)))
            case _, ["proxies", name, *rest] if len(rest) <= 2 and rest[:1] in ([], ["toxics"]):
                return await self._route_proxy(method, self._proxy(name), rest, body)
        raise Refusal(404, "404 page not found")

    async def _route_proxy(self, method: str, proxy: Proxy, rest: list[str], body: str) -> Answer:
        match method, rest:
            case "GET", []:
                return 200, shown(proxy)
            case "PATCH", []:
                return 200, shown(await self._update(proxy, fields(body)))
            case "DELETE", []:
                del self._proxies[proxy.name]
                proxy.stop()
                return 204, None
            case "GET", ["toxics"]:
                return 200, shown(proxy)["toxics"]
            case "POST", ["toxics"]:
                return 200, shown_toxic(await add_toxic(proxy, fields(body)))
            case "GET", ["toxics", name]:
                return 200, shown_toxic(toxic_of(proxy, name))
            case "PATCH", ["toxics", name]:
                return 200, shown_toxic(await update_toxic(proxy, toxic_of(proxy, name), fields(body)))
            case "DELETE", ["toxics", name]:
                await proxy.remove(toxic_of(proxy, name))
                return 204, None
        raise Refusal(405, "method not allowed")

    def _proxy(self, name: str) -> Proxy:
        if name not in self._proxies:
            raise Refusal(404, "proxy not found")
        return self._proxies[name]

    async def _create(self, asked: Mapping[str, Any]) -> Proxy:
        proxy = made(asked)
        if proxy.name in self._proxies:
            raise Refusal(409, "proxy already exists")
        if asked.get("enabled", True):
            proxy.start()
        self._proxies[proxy.name] = proxy
        return proxy

    async def _update(self, proxy: Proxy, asked: Mapping[str, Any]) -> Proxy:
        """A changed address closes all connections; toxics stay."""
        wanted = made({"name": proxy.name, "listen": proxy.listen, "upstream": proxy.upstream, **asked})
        enabled = asked.get("enabled", proxy.enabled)
        if not enabled or (wanted.listen, wanted.upstream) != (proxy.listen, proxy.upstream):
            proxy.stop()
            proxy.listen, proxy.upstream = wanted.listen, wanted.upstream
        if enabled:
            proxy.start()
        return proxy

    async def _reset(self) -> Answer:
        for proxy in self._proxies.values():
            proxy.start()
            for toxic in list(proxy.toxics):
                await proxy.remove(toxic)
        return 204, None

    async def populate(self, body: str) -> Answer:
        """Existing proxies with the same addresses stay untouched; others are replaced."""
        asked = parsed(body)
        if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
            raise Refusal(400, "bad request body: a list of proxies is wanted")
        wanted = [made(one) for one in asked]
        for one, proxy in zip(asked, wanted, strict=True):
            old = self._proxies.get(proxy.name)
            if old and (old.listen, old.upstream) == (proxy.listen, proxy.upstream):
                continue
            if old:
                old.stop()
            if one.get("enabled", True):
                proxy.start()
            self._proxies[proxy.name] = proxy
        return 201, {"proxies": [shown(self._proxies[proxy.name]) for proxy in wanted]}


async def add_toxic(proxy: Proxy, asked: Mapping[str, Any]) -> Toxic:
    kind, stream = str(asked.get("type", "")), str(asked.get("stream", DOWNSTREAM))
    if stream.lower() not in (UPSTREAM, DOWNSTREAM):
        raise Refusal(400, "stream was invalid, can be either upstream or downstream")
    if kind not in KINDS:
        raise Refusal(400, "invalid toxic type")
    name = str(asked.get("name") or f"{kind}_{stream}")
    if any(toxic.name == name for toxic in proxy.toxics):
        raise Refusal(409, "toxic already exists")
    toxic = Toxic(name, kind, stream, 1.0, dict.fromkeys(KINDS[kind].attributes, 0))
    change(toxic, asked)
    await proxy.add(toxic)
    return toxic


async def update_toxic(proxy: Proxy, toxic: Toxic, asked: Mapping[str, Any]) -> Toxic:
    """Name, type and stream cannot be changed, and are silently ignored."""
    change(toxic, asked)
    await proxy.update(toxic)
    return toxic


def change(toxic: Toxic, asked: Mapping[str, Any]) -> None:
    """Set toxicity and known attributes. Raises Refusal, with nothing changed, if one is not a number."""
    toxicity, attributes = asked.get("toxicity", toxic.toxicity), asked.get("attributes") or {}
    changed = {name.lower(): value for name, value in attributes.items() if name.lower() in toxic.attributes}
    if isinstance(toxicity, bool) or not isinstance(toxicity, int | float):
        raise Refusal(400, "bad request body: toxicity is not a number")
    for name, value in changed.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refusal(400, f"bad request body: {name} is not an integer")
    toxic.toxicity = toxicity
    toxic.attributes.update(changed)


def toxic_of(proxy: Proxy, name: str) -> Toxic:
    for toxic in proxy.toxics:
        if toxic.name == name:
            return toxic
    raise Refusal(404, "toxic not found")


def made(asked: Mapping[str, Any]) -> Proxy:
    """A proxy, not started."""
    for member in ("name", "upstream"):
        if not asked.get(member):
            raise Refusal(400, f"missing required field: {member}")
    try:
        return Proxy(str(asked["name"]), resolved(str(asked.get("listen", ""))), str(asked["upstream"]))
    except ValueError as error:
        raise Refusal(500, str(error)) from None


def parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Refusal(400, f"bad request body: {error}") from None


def fields(body: str) -> dict[str, Any]:
    asked = parsed(body)
    if not isinstance(asked, dict):
        raise Refusal(400, "bad request body: an object is wanted")
    return asked


def shown(proxy: Proxy) -> dict[str, Any]:
    """In Toxiproxy's format: toxics by direction, upstream first."""
    ordered = sorted(proxy.toxics, key=lambda toxic: toxic.stream.lower() != UPSTREAM)
    toxics = [shown_toxic(toxic) for toxic in ordered]
    here = {"name": proxy.name, "listen": proxy.listen, "upstream": proxy.upstream, "enabled": proxy.enabled}
    return {**here, "Logger": {}, "toxics": toxics}


def shown_toxic(toxic: Toxic) -> dict[str, Any]:
    here = {"attributes": dict(toxic.attributes), "name": toxic.name, "type": toxic.type}
    return {**here, "stream": toxic.stream, "toxicity": toxic.toxicity}
