"""junit.xml: what a build server shows. A test case fails if a twin did not do what the scenario expects of it.

If a twin is expected to break, its broken checks are described and fail nothing. If nothing is expected of it, nothing
can fail. An invalid run and an inconclusive check are errors rather than failures: nobody's code is to blame.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lab.model import Gate, RunVerdict, TwinVerdict, Verdict
from reports.words import expectation

UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


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
    for element in root.iter():
        element.text = element.text and _printable(element.text)
        element.attrib.update({name: _printable(value) for name, value in element.items()})
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _gate(suite: Element, verdict: RunVerdict, gate: Gate) -> None:
    case = _case(
        suite, f"{verdict.scenario}.validity", f"{gate.name} ({gate.twin})" if gate.twin else gate.name
    )
    if not gate.passed:
        SubElement(case, "error", type="invalid", message=gate.sentence)


def _twin(suite: Element, verdict: RunVerdict, twin: TwinVerdict) -> None:
    where = f"{verdict.scenario}.{twin.twin}"
    if twin.expected is not None:
        case = _case(suite, where, f"{twin.twin} is {twin.expected}, as expected")
        if twin.surprising:
            _fault(case, twin.verdict, f"{twin.twin} is {twin.verdict}, {expectation(twin)}")
    for check in twin.checks:
        case = _case(suite, where, check.check)
        if twin.expected is Verdict.HELD and check.verdict is not Verdict.HELD:
            _fault(case, check.verdict, check.sentence)
        SubElement(case, "system-out").text = "\n".join(
            (f"{check.verdict}: {check.sentence}", *check.examples)
        )


def _case(suite: Element, where: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=where, name=name)


def _fault(case: Element, verdict: Verdict, message: str) -> None:
    tag = "error" if verdict is Verdict.INCONCLUSIVE else "failure"
    SubElement(case, tag, type=str(verdict), message=message)


def _printable(text: str) -> str:
    """Without what XML 1.0 cannot express: most control characters, halves of characters, two non-characters."""
    return UNWRITABLE.sub("\ufffd", text)
