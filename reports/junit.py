"""junit.xml: what a build server shows. A test case fails if a twin did not do what the scenario expects of it.

If a twin is expected to break, its broken checks are described and fail nothing. If nothing is expected of it, nothing
can fail. An invalid run and an inconclusive check are errors rather than failures: nobody's code is to blame.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lab.model import Gate, RunVerdict, TwinVerdict, Verdict


def junit(verdict: RunVerdict, total_s: float) -> str:
    """The whole document."""
    suite = Element("testsuite", name=verdict.scenario)
    for gate in verdict.gates:
        _gate(suite, verdict, gate)
    for twin in verdict.twins if verdict.valid else ():
        _twin(suite, verdict, twin)
    for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        suite.set(kind, str(len(list(suite.iter(tag)))))
    suite.set("time", f"{total_s:g}")
    root = Element("testsuites", name="failure-lab")
    root.append(suite)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _gate(suite: Element, verdict: RunVerdict, gate: Gate) -> None:
    case = _case(
        suite, f"{verdict.scenario}.validity", f"{gate.name} ({gate.twin})" if gate.twin else gate.name
    )
    if not gate.passed:
        SubElement(case, "error", type="invalid", message=_printable(gate.sentence))


def _twin(suite: Element, verdict: RunVerdict, twin: TwinVerdict) -> None:
    where = f"{verdict.scenario}.{twin.twin}"
    if twin.expected is not None:
        case = _case(suite, where, f"{twin.twin} is {twin.expected}, as expected")
        if twin.surprising:
            _fault(case, twin.verdict, f"{twin.twin} is {twin.verdict}, expected: {twin.expected}")
    for check in twin.checks:
        case = _case(suite, where, check.check)
        if twin.expected is Verdict.HELD and check.verdict is not Verdict.HELD:
            _fault(case, check.verdict, check.sentence)
        SubElement(case, "system-out").text = _printable(
            "\n".join((f"{check.verdict}: {check.sentence}", *check.examples))
        )


def _case(suite: Element, where: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=_printable(where), name=_printable(name))


def _fault(case: Element, verdict: Verdict, message: str) -> None:
    tag = "error" if verdict is Verdict.INCONCLUSIVE else "failure"
    SubElement(case, tag, type=str(verdict), message=_printable(message))


def _printable(text: str) -> str:
    """XML 1.0 has no way to write most control characters."""
    return "".join(char if char >= " " or char in "\n\t" else "\ufffd" for char in text)
