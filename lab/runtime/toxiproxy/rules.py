"""Which toxics may be sent to Toxiproxy: it ignores unknown attributes, and some known ones crash it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lab.model import LabError, Toxic

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "latency": frozenset({"latency", "jitter"}),
    "bandwidth": frozenset({"rate"}),
    "slow_close": frozenset({"delay"}),
    "timeout": frozenset({"timeout"}),
    "reset_peer": frozenset({"timeout"}),
    "slicer": frozenset({"average_size", "size_variation", "delay"}),
    "limit_data": frozenset({"bytes"}),
    "noop": frozenset(),
}


def checked(toxic: Toxic) -> Toxic:
    """Returns `toxic`. Raises LabError if Toxiproxy would misunderstand it, or crash."""
    values, known = toxic.attributes, ATTRIBUTES.get(toxic.type)
    if known is None:
        raise LabError(f"Toxiproxy has no toxic {toxic.type!r}. It has: {', '.join(ATTRIBUTES)}.")
    if set(values) != known:
        raise LabError(f"The {toxic.type} toxic takes {_listed(known)}, not {_listed(values)}.")
    if any(isinstance(value, bool) or not isinstance(value, int) or value < 0 for value in values.values()):
        raise LabError(f"The {toxic.type} toxic takes whole numbers of 0 or more, not {dict(values)}.")
    if toxic.stream not in ("upstream", "downstream") or not 0 <= toxic.toxicity <= 1:
        raise LabError(
            f"The {toxic.type} toxic takes stream upstream or downstream and a toxicity from 0 to 1."
        )
    if toxic.type == "latency" and values["jitter"] > values["latency"]:
        raise LabError("The latency toxic takes a jitter of at most its latency.")
    if toxic.type == "slicer" and not values["size_variation"] < values["average_size"]:
        raise LabError("The slicer toxic takes an average_size of 1 or more and a smaller size_variation.")
    if toxic.type == "reset_peer" and toxic.toxicity != 1:
        raise LabError(
            "The reset_peer toxic takes toxicity 1: with less, Toxiproxy still resets every connection."
        )
    return toxic


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no attributes"
