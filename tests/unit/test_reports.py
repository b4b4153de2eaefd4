"""What a reader of a report can rely on. Figures are drawn in few of these: a drawing costs a second."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import reports
from lab.model import FAULT, Phases, RunVerdict, Verdict
from reports import gallery, words
from reports.figures import heatmaps, outcomes, percentiles, probes, timelines, waits
from reports.junit import junit
from reports.page import Page
from reports.provenance import command
from reports.reading import read
from reports.view import GOOD, KINDS, REFUSED, TIMEOUT, RunView, bin_edges, seconds
from tests.fabricated.folder import Fabricated, make_run
from tests.fabricated.verdicts import HOSTILE, make_verdict

FILES = ("report.html", "summary.md", "junit.xml")
VERDICT_WORDS = re.compile(r"\b(held|broken|inconclusive)\b", re.IGNORECASE)


class Text(HTMLParser):
    """What a browser shows of a page, and every address in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.shown, self.addresses, self.tags, self._hidden = "", [], set(), False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._hidden = tag == "style"
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")
        ]

    def handle_endtag(self, tag):
        self._hidden = False

    def handle_data(self, data):
        self.shown += "" if self._hidden else data.replace(words.NBSP, " ")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A whole report, really drawn."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "run", Fabricated(requests=400))
    reports.render(folder, make_verdict("run"))
    return folder


def page(folder: Path, verdict: RunVerdict) -> Text:
    """The page without its figures."""
    return Text(Page.of(verdict, read(folder), gallery.missing(gallery.ALL, "not drawn in this test")).html())


def view(tmp_path: Path, **changes) -> RunView:
    found = read(make_run(tmp_path / "run", Fabricated(**changes))).view
    assert found is not None
    return found


def digests(folder: Path) -> dict[str, str]:
    paths = [folder / name for name in FILES] + sorted((folder / "figures").iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_the_same_folder_gives_the_same_bytes(drawn):
    before = digests(drawn)
    reports.render(drawn, make_verdict("run"))
    assert digests(drawn) == before
    assert len(before) == len(FILES) + 2 * len(gallery.ALL)


def test_the_page_needs_nothing_but_itself(drawn):
    text = Text((drawn / "report.html").read_text())
    assert len(text.addresses) == len(gallery.ALL)
    assert all(address.startswith("data:image/svg+xml;base64,") for address in text.addresses)
    for address in text.addresses:
        svg = base64.b64decode(address.partition(",")[2]).decode()
        assert not re.findall(r'(?:href|src)="(?!#|data:)', svg)
    assert not text.tags & {"script", "link", "iframe", "object"}
    assert "url(" not in (drawn / "report.html").read_text()


def test_the_style_sheet_reaches_the_browser_unescaped(drawn):
    style = (drawn / "report.html").read_text().partition("<style>")[2].partition("</style>")[0]
    assert '"Segoe UI"' in style


def test_the_answer_comes_first(drawn):
    shown = Text((drawn / "report.html").read_text()).shown
    assert shown.index("naive broke (1.4 % good)") < shown.index("The verdict, check by check")


def test_every_number_stands_beside_its_threshold(drawn):
    shown = " ".join(Text((drawn / "report.html").read_text()).shown.split())
    assert "1.4 % threshold 95 % ✕ broken" in shown
    assert "99.8 % threshold 95 % ✓ held" in shown
    assert "3 bookings threshold 0 bookings ✕ broken" in shown
    assert re.search(r"send lag\s*hardened\s*0\.4 ms\s*5\.0 ms\s*✓ passed", shown)


def test_the_cost_of_hardening_is_stated(drawn):
    shown = Text((drawn / "report.html").read_text()).shown
    assert "median answer 6.1 ms hardened against 5.9 ms naive (+3 %)" in shown
    assert "CPU per request 4.2 ms hardened against 5.0 ms naive (−16 %)" in shown


def test_what_was_never_reached_is_not_given_a_number(drawn):
    shown = " ".join(Text((drawn / "report.html").read_text()).shown.split())
    assert re.search(r"p95\s*12 ms\s*12 ms\s*no ok answer", shown)
    assert re.search(r"time to recover\s*not in this run\s*0\.0 s", shown)


def test_an_invalid_run_shows_the_gate_first_and_no_verdict(tmp_path):
    folder = make_run(tmp_path / "run")
    text = page(folder, make_verdict("run", valid=False))
    assert text.shown.index("fault felt") < text.shown.index("What happened")
    assert "Value 0.1 ms, limit 3.0 ms" in text.shown
    assert not VERDICT_WORDS.search(text.shown)


def test_an_invalid_run_says_no_verdict_even_if_one_was_computed(tmp_path):
    folder = make_run(tmp_path / "run")
    judged = replace(make_verdict("run", valid=False), twins=make_verdict("run").twins)
    made = Page.of(judged, read(folder), gallery.missing(gallery.ALL, "not drawn"))
    for text in (Text(made.html()).shown, made.markdown(), junit(judged, 31)):
        assert not VERDICT_WORDS.search(text)


def test_a_figure_that_fails_leaves_its_reason_and_the_verdict(tmp_path, monkeypatch):
    def fail(_run):
        raise ZeroDivisionError("a planted failure")

    folder = make_run(tmp_path / "run", Fabricated(requests=60))
    monkeypatch.setattr(timelines, "draw", fail)
    monkeypatch.setattr(probes, "claim", fail)
    monkeypatch.setattr(gallery, "ALL", (gallery.TIMELINES, gallery.OUTCOMES, gallery.PROBES))
    text = Text(reports.render(folder, make_verdict("run")).read_text())
    assert text.shown.count("ZeroDivisionError: a planted failure") == 2
    assert "naive broke (1.4 % good)" in text.shown
    assert len(text.addresses) == 1
    assert {path.name for path in (folder / "figures").iterdir()} == {"outcomes.png", "outcomes.svg"}


def test_what_was_written_by_others_is_shown_and_not_obeyed(drawn):
    text = Text((drawn / "report.html").read_text())
    assert HOSTILE in text.shown
    assert "script" not in text.tags
    assert "<script>" not in (drawn / "summary.md").read_text()
    ET.parse(drawn / "junit.xml")


def test_the_engine_and_the_command_are_named(drawn):
    shown = Text((drawn / "report.html").read_text()).shown
    assert "toxiproxy 2.12.0" in shown
    assert "bin/lab run s01-db-latency --quick --runtime local --seed 7" in shown


def test_an_embedded_proxy_is_owned_up_to(tmp_path):
    folder = make_run(tmp_path / "run")
    manifest = (folder / "manifest.json").read_text().replace('"engine": "toxiproxy"', '"engine": "embedded"')
    (folder / "manifest.json").write_text(manifest)
    assert "stands in where Toxiproxy cannot be had" in page(folder, make_verdict("run")).shown


def test_the_naive_twin_comes_first_however_the_manifest_is_sorted(tmp_path):
    assert [twin.name for twin in view(tmp_path, requests=50).twins] == [NAIVE, HARDENED]


def test_the_command_carries_settings_and_defences():
    manifest = {
        "scenario": "s11-blackhole", "runtime": "docker", "seed": 3, "settings": ["load.rate_rps=80"],
        "twins": {"hardened": {"defences": "all,-deadline"}},
    }  # fmt: skip
    wanted = (
        "bin/lab run s11-blackhole --runtime docker --seed 3 --defences all,-deadline --set load.rate_rps=80"
    )
    assert command(manifest) == wanted


def test_an_aborted_run_with_half_its_files_still_has_a_page(tmp_path):
    folder = make_run(tmp_path / "run", Fabricated(status="aborted"))
    (folder / HARDENED / "requests.bin").unlink()
    (folder / HARDENED / "probes.jsonl").unlink()
    with (folder / "events.jsonl").open("a") as events:
        events.write('{"event": "ph')  # the lab died while it wrote
    text = page(folder, make_verdict("run", valid=False))
    assert "did not go to its end (status: aborted)" in text.shown
    assert read(folder).view is not None


def test_a_folder_with_nothing_in_it_still_has_a_page(tmp_path):
    text = Text(reports.render(tmp_path, make_verdict("run", valid=False)).read_text())
    assert "This run is invalid" in text.shown
    assert "manifest.json" in text.shown


@pytest.mark.parametrize(
    "changes",
    [
        {"bursts": (), "probes": False},
        {"twins": (HARDENED,), "bursts": ((0.1, 0.2), (0.5, 0.7))},
        {"keep": 0.0, "twins": (NAIVE,)},
    ],
    ids=["a control without probes", "one twin and bursts", "nothing recorded"],
)
def test_every_figure_is_drawn_of_a_run_at_the_edge(tmp_path, changes):
    run = view(tmp_path, requests=50, **changes)
    for figure in (waits, timelines, heatmaps, outcomes, percentiles, probes):
        assert figure.claim(run).endswith(".")
        assert figure.draw(run).axes


def test_a_request_that_was_planned_but_not_recorded_is_not_good(tmp_path):
    run = view(tmp_path, requests=1_000, keep=0.5)
    last = seconds(run, run.twins[1])
    assert last.planned.sum() == pytest.approx(1_000)
    assert last.ratio[-1] == 0
    assert np.isinf(last.p95_ms[-1])
    assert run.twins[1].share(GOOD, run.window(FAULT)) < 0.7


def test_no_second_reaches_over_the_edge_of_a_phase(tmp_path):
    phases = Phases(warmup_s=2.5, baseline_s=3.3, fault_s=4, recovery_s=3, drain_s=1)
    run = view(tmp_path, requests=100, phases=phases)
    edges = bin_edges(run, 1.0)
    assert 0.0 in edges
    assert set(np.round([-5.8, -3.3, 0, 4, 7], 9)) <= set(np.round(edges, 9))
    assert np.diff(edges).max() <= 1 + 1e-9


def test_the_seconds_of_the_figure_count_each_request_once(tmp_path):
    run = view(tmp_path, requests=1_000)
    each = seconds(run, run.twins[0])
    assert (each.planned * np.diff(each.edges)).sum() == pytest.approx(1_000)
    assert (each.good * np.diff(each.edges)).sum() == pytest.approx(np.sum(run.twins[0].kind == GOOD))


def test_the_quantiles_of_a_second_are_those_of_its_requests(tmp_path):
    run = view(tmp_path, requests=2_000)
    twin = run.twins[0]
    each = seconds(run, twin)
    for number in (0, 8, 12, 25):
        answer = twin.answer_ms((each.edges[number], each.edges[number + 1]))
        assert each.p50_ms[number] == answer[int(np.ceil(0.5 * answer.size)) - 1]
        assert each.p95_ms[number] == answer[int(np.ceil(0.95 * answer.size)) - 1]


def test_claims_carry_the_number_of_the_figure(tmp_path):
    run = view(tmp_path, requests=2_000)
    counts = run.twins[0].counts(run.window(FAULT))
    unknown = counts[KINDS.index("error")] + counts[KINDS.index("timeout")]
    assert f"naive {unknown} and hardened 0" in outcomes.claim(run)
    assert "naive 0 % and hardened 100 %" in timelines.claim(run).replace(words.NBSP, " ")
    assert re.search(r"naive 0\.\d ms → 20\d ms", probes.claim(run).replace(words.NBSP, " "))


def test_a_wait_counts_whatever_it_ended_in(tmp_path):
    run = view(tmp_path, requests=2_000)
    naive, hardened = run.twins
    gave_up = replace(naive, kind=np.full_like(naive.kind, TIMEOUT))
    refused = replace(
        hardened, kind=np.full_like(hardened.kind, REFUSED), latency_ms=np.full_like(hardened.latency_ms, 3.0)
    )
    claim = waits.claim(replace(run, twins=(gave_up, refused))).replace(words.NBSP, " ")
    assert "naive 5 s and then no answer; hardened 3.0 ms" in claim


def test_dots_that_hide_each_other_are_drawn_once_and_no_other_is_lost(tmp_path):
    run = view(tmp_path, requests=2_000)
    twin = run.twins[0]
    twice = replace(
        twin,
        at_s=np.repeat(twin.at_s, 2),
        latency_ms=np.repeat(twin.latency_ms, 2),
        kind=np.repeat(twin.kind, 2),
    )
    once = waits.dots(run, twin, (GOOD,))
    assert [list(part) for part in waits.dots(run, twice, (GOOD,))] == [list(part) for part in once]
    assert once[0].size > 0.8 * np.count_nonzero(twin.kind == GOOD)


def test_where_hardly_anything_was_answered_the_heat_map_claims_how_much(tmp_path):
    run = view(tmp_path, requests=2_000)
    assert heatmaps.claim(run).startswith("95th percentile")
    silent = tuple(replace(twin, kind=np.full_like(twin.kind, TIMEOUT)) for twin in run.twins)
    claim = heatmaps.claim(replace(run, twins=silent)).replace(words.NBSP, " ")
    assert claim == "Requests with an ok answer during the fault: naive 0 % and hardened 0 %."


def test_junit_fails_where_a_twin_is_not_as_expected():
    as_expected = make_verdict("run")
    hardened = replace(as_expected.twins[1], verdict=Verdict.BROKEN)
    assert 'failures="0" errors="0"' in junit(as_expected, 31)
    assert 'failures="1" errors="0"' in junit(
        replace(as_expected, twins=(as_expected.twins[0], hardened)), 31
    )


def test_junit_calls_an_invalid_run_an_error():
    suite = ET.fromstring(junit(make_verdict("run", valid=False), 31))[0]
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert suite.find("testcase/error").get("message").startswith("The probe felt 0.1 ms more")


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "ms", ""), (0.4, "ms", "0.4 ms"), (1234.5, "ms", "1\u202f234 ms"), (float("inf"), "ms", "never"),
        (1234.5, "faults", "1\u202f234 faults"), (float("inf"), "s", "never"),
        (0.9996, "share", "99.9 %"), (1.0, "share", "100 %"), (3, "bookings", "3 bookings"), (2.5, "s", "2.5 s"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_read_them(value, unit, shown):
    assert words.quantity(value, unit).replace(words.NBSP, " ") == shown
