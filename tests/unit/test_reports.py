"""What a reader of a report can rely on. Figures are drawn in few of these: a drawing costs a second."""

import base64
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import reports
from lab.cli import assembly
from lab.model import (
    FAULT,
    SERVICE,
    STORE,
    Capability,
    Ending,
    Fault,
    LabError,
    Phases,
    RunVerdict,
    Target,
    TwinPlan,
    Verdict,
    a_part,
    line_up,
)
from lab.record import REQUEST, Isolation, Status
from lab.record.requests import NOT_NEEDED
from reports import gallery, look, words
from reports.figures import heatmaps, outcomes, percentiles, probes, timelines, waits
from reports.figures.__main__ import main as draw_for_slides
from reports.junit import junit
from reports.numbers import numbers_table
from reports.page import Page
from reports.provenance import command, provenance
from reports.reading import read
from reports.view import RunView, bin_edges, seconds
from tests.fabricated.evidence import HARDENED, NAIVE, PAIR, THREE, a_manifest, a_scenario
from tests.fabricated.folder import Fabricated, make_run
from tests.fabricated.verdicts import HOSTILE, make_verdict


@dataclass(frozen=True, kw_only=True)
class Strike(Fault):
    """A fault of whatever target."""

    kind: ClassVar[str] = "strike"
    needs: ClassVar[Capability] = Capability.KILL
    target_: Target

    def target(self) -> Target:
        return self.target_


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


@pytest.mark.thorough
def test_the_same_folder_gives_the_same_bytes(drawn, tmp_path):
    """Two figures, of the cells and of the points by the thousand, here by two painters; test_hostile_report has the
    whole of it."""
    gallery.hang((gallery.HEATMAPS, gallery.WAITS), read(drawn).view, tmp_path / "figures", workers=2)
    again = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert again == {name: (drawn / "figures" / name).read_bytes() for name in again}
    assert len(again) == 2
    assert len(list((drawn / "figures").iterdir())) == len(gallery.ALL)


def test_where_no_painters_can_be_had_the_figures_are_drawn_all_the_same(drawn, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")  # as with a full /dev/shm

    monkeypatch.setattr(gallery, "ProcessPoolExecutor", full)
    plans = (gallery.OUTCOMES, gallery.PERCENTILES)
    pictures = gallery.hang(plans, read(drawn).view, tmp_path / "figures", workers=2)
    assert [picture.problem for picture in pictures] == ["", ""]


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


@pytest.mark.parametrize(
    ("predicted", "settings", "told"),
    [
        ("", (), ["Answer: b: 300 ms. Three round trips."]),
        ("b", (), ["You predicted b: 300 ms, which is right.", "Answer: b: 300 ms. Three round trips."]),
        ("a", (), ["You predicted a: 100 ms, which is not right.", "Answer: b: 300 ms. Three round trips."]),
        ("", ("fault.jitter=50",), [
            "Answer: b: 300 ms. Three round trips.",
            "The question is about the unchanged scenario; this run was made with fault.jitter=50.",
        ]),
    ],
)  # fmt: skip
def test_the_question_is_answered_beside_what_was_predicted_and_measured(tmp_path, predicted, settings, told):
    folder = make_run(tmp_path / "run", Fabricated())
    reading = read(folder)
    manifest = replace(reading.manifest, predicted=predicted, settings=settings)
    verdict = make_verdict("run")
    page = Page.of(verdict, replace(reading, manifest=manifest), gallery.missing(gallery.ALL, "not drawn"))
    assert page.context["answered"] == told
    for text in (page.html(), page.markdown()):
        assert all(line in text for line in told)
    assert [twin for twin, _ in page.context["measured"]] == [twin.twin for twin in verdict.twins]
    medians = "Median answer time of all requests: 5.9 ms in the baseline, 512 ms in the fault phase."
    assert page.context["measured"][0][1].replace(words.NBSP, " ").endswith(medians)


def test_every_number_stands_beside_its_threshold(drawn):
    shown = " ".join(Text((drawn / "report.html").read_text()).shown.split())
    assert "1.4 % limit 95 % ✕ broken" in shown
    assert "99.8 % limit 95 % ✓ held" in shown
    assert "3 in 66 ✕ broken" in shown
    assert "none in 66 ✓ held" in shown
    assert re.search(r"schedule lag\s*hardened\s*0\.4 ms\s*5\.0 ms\s*✓ passed", shown)


def test_the_cost_of_hardening_is_stated(drawn):
    shown = Text((drawn / "report.html").read_text()).shown
    assert "median answer 6.1 ms (hardened) against 5.9 ms (naive), +3 %" in shown
    assert "CPU per request 4.2 ms (hardened) against 5.0 ms (naive), −16 %" in shown
    assert "From about 240 requests of one baseline: a small difference may be chance." in shown


def test_what_was_never_reached_is_not_given_a_number(drawn):
    shown = " ".join(Text((drawn / "report.html").read_text()).shown.split())
    assert re.search(r"p95\s*12 ms\s*12 ms\s*none", shown)
    assert re.search(r"time to recover\s*not in this run\s*0\.0 s", shown)


def test_an_invalid_run_shows_the_gate_first_and_no_verdict(tmp_path):
    folder = make_run(tmp_path / "run")
    text = page(folder, make_verdict("run", valid=False))
    assert text.shown.index("fault observed") < text.shown.index("What happened")
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
    assert {path.name for path in (folder / "figures").iterdir()} == {"outcomes.svg"}


@pytest.mark.parametrize("odd", ["\x00", "\x1b[31m", "\x7f", "\x9b", "\ud800", "\uffff"])
def test_no_character_of_a_run_spoils_a_file_of_its_report(tmp_path, odd):
    """JSON can carry them all; XML cannot, and UTF-8 not all."""
    folder = make_run(tmp_path / "run", Fabricated(requests=10))
    made = make_verdict("run")
    checks = tuple(
        replace(check, check=f"c{odd}", sentence=odd, examples=(odd,)) for check in made.twins[0].checks
    )
    verdict = replace(made, scenario=f"s{odd}", twins=(replace(made.twins[0], checks=checks), made.twins[1]))
    reports.render(folder, verdict, "no figures")
    suite = ET.parse(folder / "junit.xml").find("testsuite")
    assert suite.get("name") == "s\ufffd" + odd[1:]
    for name in FILES:
        (folder / name).read_text(encoding="utf-8")


def test_the_figures_are_drawn_for_slides_when_asked_for(tmp_path, monkeypatch):
    folder = make_run(tmp_path / "run", Fabricated(requests=60))
    monkeypatch.setattr(gallery, "ALL", (gallery.OUTCOMES,))
    draw_for_slides(str(folder))
    assert {path.name for path in (folder / "figures").iterdir()} == {"outcomes.svg", "outcomes.png"}


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
    folder = make_run(tmp_path / "run", Fabricated(requests=20, engine="embedded"))
    assert "embedded proxy instead of Toxiproxy" in page(folder, make_verdict("run")).shown


def test_another_version_that_judged_a_run_is_named(tmp_path, monkeypatch):
    folder = make_run(tmp_path / "run", Fabricated(requests=300))
    assert assembly.grade(folder).judged_by == ""
    monkeypatch.setattr(assembly, "__version__", "7.8.9")
    verdict = assembly.grade(folder)
    assert verdict.judged_by == "7.8.9"
    assert "Version 7.8.9 judged it" in page(folder, verdict).shown


def test_what_is_more_than_was_looked_at_is_no_share_of_it():
    """Charges, for example, of which no booking knows."""
    (check,) = (one for one in make_verdict("run").twins[0].checks[:1])
    check = replace(check, value=12, looked=0, invariant="I5")
    assert words.found(check) == "12"
    assert words.found(replace(check, looked=12)) == "12 in 12"


def test_twins_come_in_the_order_of_the_run_whatever_they_are_called(tmp_path):
    run = view(tmp_path, requests=50, twins=PAIR[::-1])
    assert [(twin.name, twin.place) for twin in run.twins] == [(HARDENED, 0), (NAIVE, 1)]


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ([(NAIVE, "none"), (HARDENED, "all")], "--twin naive --twin hardened"),
        ([(NAIVE, "none"), (HARDENED, "none")], "--twin naive --twin hardened --defences none"),
        ([(NAIVE, "none"), (HARDENED, "all,-deadline")], "--twin naive --twin hardened:all,-deadline"),
        ([(HARDENED, "none"), (HARDENED, "all")], "--twin hardened:none --twin hardened"),
        ([(HARDENED, "all")], "--twin hardened"),
    ],
)
def test_the_command_brings_back_the_same_twins(services, said):
    made = command(a_manifest(a_scenario(name="s11-blackhole"), line_up(services), runtime="docker", seed=3))
    assert made == f"bin/lab run s11-blackhole --quick --runtime docker --seed 3 {said}"


def test_the_command_carries_settings():
    made = command(
        a_manifest(a_scenario(), PAIR, quick=False, settings=("load.rate_rps=80", "fault.latency_ms=7"))
    )
    assert made.endswith("--set load.rate_rps=80 --set fault.latency_ms=7")
    assert "--quick" not in made


def test_an_aborted_run_with_half_its_files_still_has_a_page(tmp_path):
    folder = make_run(tmp_path / "run", Fabricated(requests=100, status=Status.ABORTED))
    (folder / HARDENED / "requests.bin").unlink()
    (folder / HARDENED / "probes.jsonl").unlink()
    with (folder / "events.jsonl").open("a") as events:
        events.write('{"type": "Ph')  # the lab died while it wrote
    text = page(folder, make_verdict("run", valid=False))
    assert "did not complete (status: aborted)" in text.shown
    assert read(folder).view is not None


def test_a_folder_without_a_manifest_has_no_report(tmp_path):
    with pytest.raises(LabError, match=r"manifest\.json"):
        reports.render(tmp_path, make_verdict("run", valid=False))


def test_a_folder_of_figures_that_is_a_link_is_refused_and_what_it_leads_to_stays_as_it_is(tmp_path):
    folder, theirs = make_run(tmp_path / "run", Fabricated(requests=20)), tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "waits.svg").write_text("theirs")
    (folder / "figures").symlink_to(theirs)
    shown = Text(reports.render(folder, make_verdict("run")).read_text()).shown
    assert shown.count("figures is a symlink") == len(gallery.ALL)
    assert {path.name: path.read_text() for path in theirs.iterdir()} == {"waits.svg": "theirs"}


@pytest.mark.parametrize("name", FILES)
def test_no_page_is_written_through_a_link(tmp_path, name):
    folder, theirs = make_run(tmp_path / "run", Fabricated(requests=20)), tmp_path / "theirs"
    theirs.write_text("theirs")
    (folder / name).symlink_to(theirs)
    reports.render(folder, make_verdict("run"), no_figures="not drawn in this test")
    assert theirs.read_text() == "theirs"
    assert not (folder / name).is_symlink()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "changes",
    [
        {"bursts": (), "probes": False},
        {"twins": PAIR[1:], "bursts": ((0.1, 0.2), (0.5, 0.7))},
        {"keep": 0.0, "twins": PAIR[:1]},
    ],
    ids=["nothing broken and no probe", "one twin and bursts", "nothing recorded"],
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
    assert run.twins[1].share(Ending.GOOD, run.window(FAULT)) < 0.7


def test_a_repetition_that_was_not_needed_is_no_request(tmp_path):
    folder = make_run(tmp_path / "run", Fabricated(requests=1_000))
    path = folder / HARDENED / "requests.bin"
    rows = np.fromfile(path, dtype=REQUEST)
    rows["flags"][-100:] = NOT_NEEDED
    rows.tofile(path)
    run = read(folder).view
    assert run is not None
    assert (run.twins[0].planned, run.twins[1].planned) == (1_000, 900)
    assert seconds(run, run.twins[1]).planned.sum() == pytest.approx(900)


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
    assert (each.good * np.diff(each.edges)).sum() == pytest.approx(np.sum(run.twins[0].kind == Ending.GOOD))


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
    unknown = counts[Ending.UNKNOWN]
    assert f"naive {unknown} and hardened 0" in outcomes.claim(run)
    assert "naive 0 % and hardened 100 %" in timelines.claim(run).replace(words.NBSP, " ")
    assert re.search(r"naive 0\.\d ms → 20\d ms", probes.claim(run).replace(words.NBSP, " "))


def test_a_wait_counts_whatever_it_ended_in(tmp_path):
    run = view(tmp_path, requests=2_000)
    naive, hardened = run.twins
    gave_up = replace(
        naive,
        kind=np.full_like(naive.kind, Ending.FAILED),
        latency_ms=np.full_like(naive.latency_ms, run.client_timeout_ms + 0.4),
    )
    refused = replace(
        hardened,
        kind=np.full_like(hardened.kind, Ending.REFUSED),
        latency_ms=np.full_like(hardened.latency_ms, 3.0),
    )
    claim = waits.claim(replace(run, twins=(gave_up, refused))).replace(words.NBSP, " ")
    assert "naive 5 s, without an answer; hardened 3.0 ms" in claim


def test_dots_that_hide_each_other_are_drawn_once_and_no_other_is_lost(tmp_path):
    run = view(tmp_path, requests=2_000)
    twin = run.twins[0]
    twice = replace(
        twin,
        at_s=np.repeat(twin.at_s, 2),
        latency_ms=np.repeat(twin.latency_ms, 2),
        kind=np.repeat(twin.kind, 2),
    )
    once = waits.dots(run, twin, (Ending.GOOD,))
    assert [list(part) for part in waits.dots(run, twice, (Ending.GOOD,))] == [list(part) for part in once]
    assert once[0].size > 0.8 * np.count_nonzero(twin.kind == Ending.GOOD)


def test_where_a_twin_has_no_median_the_heat_map_claims_how_much_each_answered(tmp_path):
    run = view(tmp_path, requests=2_000)
    assert heatmaps.claim(run).startswith(
        "Median"
    )  # one request in five of naive gets no answer: it has no p95
    naive, hardened = run.twins
    silent = replace(naive, kind=np.full_like(naive.kind, Ending.UNKNOWN))
    claim = heatmaps.claim(replace(run, twins=(silent, hardened))).replace(words.NBSP, " ")
    told = "Requests that got a right answer during the fault, late or not"
    assert claim == f"{told}: naive 0 % and hardened 100 %."
    assert heatmaps.claim(replace(run, twins=(hardened,))).startswith("95th percentile")


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
    assert suite.find("testcase/error").get("message").startswith("The probe saw 0.1 ms more")


def test_where_nothing_is_expected_of_a_twin_nothing_can_fail():
    guest = TwinPlan(name="student", service="student", role=THREE[2].role)
    verdict = make_verdict("run", twins=(*PAIR, guest))
    broken = replace(verdict.twins[2], verdict=Verdict.BROKEN)
    assert 'failures="0" errors="0"' in junit(replace(verdict, twins=(*verdict.twins[:2], broken)), 31)


# -- one, two or three twins


@pytest.fixture(scope="module")
def of_three(tmp_path_factory) -> Path:
    """A run of three twins on two cores, with everything that can be probed."""
    made_up = Fabricated(requests=400, twins=THREE, isolation=Isolation.SHARED, members=2, sessions=True)
    return make_run(tmp_path_factory.mktemp("runs") / "three", made_up)


@pytest.mark.thorough
def test_three_twins_are_drawn_each_in_its_own_style(of_three):
    run = read(of_three).view
    assert [(twin.name, twin.place) for twin in run.twins] == [("naive", 0), ("hardened", 1), ("naive-2", 2)]
    assert len({(style.colour, style.line, style.marker) for style in look.STYLES}) == 3
    assert len({style.line for style in look.STYLES}) == len({style.marker for style in look.STYLES}) == 3
    for figure in (waits, timelines, heatmaps, outcomes, percentiles, probes):
        assert re.search(
            r"naive .*, hardened .*and naive-2 |naive: .*naive-2|naive .*naive-2", figure.claim(run)
        )
        assert figure.draw(run).axes


def test_a_guest_is_tabled_and_compared_with_nobody(of_three):
    shown = page(of_three, make_verdict("three", twins=THREE)).shown
    assert "naive-2" in shown
    assert "CPU per request 4.2 ms (hardened) against 5.0 ms (naive), −16 %" in shown
    assert not re.search(r"against [\d.]+ ms \(naive-2\)|\(naive-2\) against", shown)
    assert "One run of three twins, 400 requests planned for each" in shown


def test_latencies_of_twins_that_share_cores_are_not_compared_and_the_page_says_why(of_three, tmp_path):
    shared = page(of_three, make_verdict("three", twins=THREE)).shown
    assert "fewer cores than the run has twins" in shared
    assert "median answer" not in shared
    alone = page(make_run(tmp_path / "run", Fabricated(requests=20)), make_verdict("run")).shown
    assert "fewer cores" not in alone
    assert "median answer 6.1 ms (hardened) against 5.9 ms (naive)" in alone


def test_twins_that_share_cores_share_no_panel_of_percentiles(of_three):
    run = read(of_three).view
    assert max(len(axes.get_lines()) for axes in percentiles.draw(run).axes) < len(
        percentiles.draw(replace(run, comparable=True)).axes[1].get_lines()
    )


def test_one_twin_alone_is_told_as_one(tmp_path):
    folder = make_run(tmp_path / "run", Fabricated(requests=100, twins=PAIR[1:]))
    shown = page(folder, make_verdict("run", twins=PAIR[1:])).shown
    assert "One twin, 100 requests planned, seed 7" in shown
    assert "The cost when nothing is wrong" not in shown


def test_the_cost_is_that_of_the_treatment_whatever_it_is_called():
    twins = line_up([(HARDENED, "none"), (HARDENED, "all")])
    cost = numbers_table(make_verdict("run", twins=twins), comparable=True).cost
    assert "4.2 ms (hardened-2) against 4.2 ms (hardened), +0 %" in cost.replace(words.NBSP, " ")


# -- what was probed


@pytest.mark.thorough
def test_a_part_and_the_sessions_of_a_database_have_panels_of_their_own(of_three):
    figure = probes.draw(read(of_three).view)
    labels = [axes.get_ylabel().replace("\n", " ") for axes in figure.axes]
    assert [label for label in labels if label] == [
        "database link: answer, ms", "sessions of the database", "service: members", "CPU, cores", "memory, MB",
    ]  # fmt: skip


def test_the_claim_is_about_the_target_that_breaks(of_three):
    run = read(of_three).view
    assert probes.claim(run).startswith("Probe on the database link, without → with the fault: naive 0.")
    killed = replace(run, faults=(Strike(target_=a_part(SERVICE, "2")),))
    down = "dead for 8.0 s, paused for 2.0 s and restarted 1 time"
    assert f"naive {down}; hardened {down}; naive-2 {down}." in probes.claim(killed)
    locked = replace(run, faults=(Strike(target_=STORE),))
    assert "Sessions of the database during the fault, at most: naive 8 held, 4 waiting;" in probes.claim(
        locked
    )


def test_faults_are_shaded_from_the_record_and_delays_count_round_trips(tmp_path):
    run = view(tmp_path, requests=50, bursts=((0.0, 0.3), (0.5, 0.8)))
    assert [edge for window in run.twins[0].windows for edge in window] == pytest.approx(
        [0.003, 3.001, 5.003, 8.001]
    )
    assert [asked.words for asked in run.twins[0].asked] == ["2 round trips × 100 ms"] * 2
    assert {asked.target for asked in run.twins[0].asked} == {"link/database"}


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "ms", ""), (0.4, "ms", "0.4 ms"), (-0.04, "ms", "0.0 ms"), (9.96, "ms", "10 ms"),
        (1234.5, "ms", "1\u202f234 ms"), (float("inf"), "ms", ""),
        (1234.5, "faults", "1\u202f234 faults"), (float("inf"), "s", ""),
        (0.9996, "share", "99.9 %"), (1.0, "share", "100 %"), (3, "bookings", "3 bookings"), (2.5, "s", "2.5 s"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_read_them(value, unit, shown):
    assert words.quantity(value, unit).replace(words.NBSP, " ") == shown


def test_times_that_are_compared_have_the_same_number_of_digits():
    told = [text.replace(words.NBSP, " ") for text in (*words.alike(10.4, 9.96), *words.alike(9.6, 10.4))]
    assert told == ["10 ms", "10 ms", "9.6 ms", "10.4 ms"]


def test_bytes_are_written_as_people_read_them(tmp_path):
    manifest = read(make_run(tmp_path / "run", Fabricated(requests=20))).manifest
    facts = {"limits": {"service": {"cpus": 1, "memory_bytes": 2**30}}}
    told = dict(provenance(replace(manifest, facts=facts)))
    assert told["Limits"].replace(words.NBSP, " ") == "service (cpus 1, memory 1 GiB)"
