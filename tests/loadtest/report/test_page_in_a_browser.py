"""The report's page in a real browser, without a network: it draws, and it can be read."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Page

from loadtest.report.page import PLOTS, page
from tests.browser import INK, WIDTHS, report_page
from tests.loadtest.report.test_page import HOSTILE, full

pytestmark = pytest.mark.slow


@pytest.fixture(params=WIDTHS, scope="module")
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert PLOTS.is_dir(), "make setup"
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page(full()), encoding="utf-8")
    with report_page(file, width=WIDTHS[request.param]) as shown:
        yield shown


def test_the_verdict_is_what_one_sees_first(opened: Page) -> None:
    heading = opened.get_by_role("heading", level=1)
    assert heading.inner_text() == "Objectives missed"
    reason = opened.get_by_text("p95 was 250 ms.", exact=True).bounding_box()
    assert reason
    assert reason["y"] + reason["height"] < 300


def test_every_plot_is_drawn(opened: Page) -> None:
    for name in ("rates", "latency", "replicas", "distribution"):
        assert opened.locator(f"#{name} canvas").evaluate(INK), name


AXES = """() => charts.filter(([, place]) => place.id !== "distribution").map(
  ([{ bbox, scales }]) => [bbox.left, bbox.width, scales.x.min, scales.x.max].map(Math.round).join(" ")
)"""


def test_rates_latency_and_replicas_are_one_timeline_also_when_looked_at_closer(opened: Page) -> None:
    def axes() -> str:
        (same,) = set(opened.evaluate(AXES))
        return str(same)

    def picture() -> str:
        return str(opened.locator("#latency canvas").evaluate("canvas => canvas.toDataURL()"))

    whole, drawn = axes(), picture()
    assert whole.endswith(" 0 60"), "all of the run"
    over = opened.locator("#latency .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box
    opened.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    assert opened.locator("#rates .u-legend .u-value").first.inner_text() == "0:30"
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 40, steps=4)
    opened.mouse.up()
    assert axes().endswith(" 30 45")
    assert picture() != drawn
    over.dblclick()
    assert axes() == whole
    assert picture() == drawn, "names and shades where they were"


WITHOUT = """async ([plot, what]) => {
  const [chart, place] = charts.find(([, place]) => place.id === plot);
  const seen = async () => {
    chart.redraw();
    await new Promise(requestAnimationFrame);
    return chart.ctx.canvas.toDataURL();
  };
  const before = await seen(), kept = data[what];
  data[what] = [];
  const after = await seen();
  data[what] = kept;
  return before !== after && before === await seen();
}"""


@pytest.mark.parametrize(
    ("plot", "what"),
    [
        ("rates", "phases"),
        ("latency", "phases"),
        *(("replicas", what) for what in ("phases", "events", "conditions", "gaps")),
    ],
)
def test_phases_events_conditions_and_gaps_are_on_the_timeline(opened: Page, plot: str, what: str) -> None:
    assert opened.evaluate(WITHOUT, [plot, what])


NAMED = """async () => {
  const [chart] = charts.find(([, place]) => place.id === "replicas");
  const kept = [data.events, data.conditions, written], found = [];
  data.events = [20, 22, 24, 40].map((at) => [at, "SuccessfulRescale"]);
  data.conditions = [20, 21, 22, 40].map((at) => [at, "True", "AbleToScale"]);
  written = (ctx, text, x) => {
    const [from, to] = [x, x + ctx.measureText(text).width].map((each) => chart.posToVal(each, "x", true));
    found.push([text, from, to]);
  };
  chart.redraw();
  await new Promise(requestAnimationFrame);
  [data.events, data.conditions, written] = kept;
  chart.redraw();
  await new Promise(requestAnimationFrame);
  return found;
}"""


def test_no_name_of_an_event_or_a_condition_runs_into_the_next_mark_or_out_of_the_plot(opened: Page) -> None:
    names = opened.evaluate(NAMED)
    marks = {"SuccessfulRescale": (20, 22, 24, 40, 60), "AbleToScale: True": (20, 21, 22, 40, 60)}
    named: dict[str, list[int]] = {text: [] for text in marks}
    for text, start, end in names:
        if text in marks:
            assert not any(start < mark < end for mark in marks[text]), (text, start, end)
            named[text].append(int(start))
    if opened.viewport_size == {"width": WIDTHS["desk"], "height": 800}:
        assert {"warm-up", "steady"} <= {text for text, *_ in names}, "phases have their names too"
        assert named == {"SuccessfulRescale": [24, 40], "AbleToScale: True": [22, 40]}


TICKS = """() => {
  const [chart] = charts.find(([, place]) => place.id === "distribution");
  return chart.axes[0]._splits.map((value) => chart.valToPos(value, "x"));
}"""


def test_percentiles_on_the_axis_have_room_for_their_names(opened: Page) -> None:
    places = opened.evaluate(TICKS)
    assert len(places) >= 4
    assert all(after - before > 30 for before, after in pairwise(places))


@pytest.mark.parametrize(
    ("table", "held"),
    [
        ("What was to be met, and what was", "p95 at most 200 ms"),
        ("How closely ready replicas followed the demand, in percent", "under-provisioned time"),
        ("Run against the baseline of 2026-01-01", "+8 to +12 ms"),
        ("Latency and service time in milliseconds, phase steady", "GET /api/catalog"),
    ],
)
def test_objectives_elasticity_comparison_and_endpoints_are_tables_on_the_page(
    opened: Page, table: str, held: str
) -> None:
    shown = opened.get_by_role("table", name=table)
    assert shown.is_visible()
    assert held in shown.inner_text()


SMALLEST = """() => Math.min(...[...document.querySelectorAll("p, dd, li, td, th, summary, .u-legend")].map(
  (each) => parseFloat(getComputedStyle(each).fontSize)
))"""


def test_no_text_is_too_small_to_read(opened: Page) -> None:
    assert opened.evaluate(SMALLEST) >= 12


def test_nothing_is_wider_than_the_screen(opened: Page) -> None:
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_plots_and_tables_have_names_for_those_who_do_not_see_them(opened: Page) -> None:
    plots = opened.locator(".plot")
    assert plots.count() == 4
    for plot in plots.all():
        assert plot.get_attribute("role") == "img"
        assert plot.get_attribute("aria-label")
    tables = opened.locator("[role=region]")
    assert tables.count() >= 8
    for table in tables.all():
        assert table.get_attribute("aria-label")
    assert opened.get_by_role("heading", level=1).count() == 1


def test_what_a_target_answered_is_shown_and_never_run(opened: Page) -> None:
    assert opened.get_by_text(f"content: {HOSTILE}").count() == 1
