"""The page of a report in a browser: what is seen of a run, and what clicks do."""

from __future__ import annotations

import html
import json
import random
import re
import shutil
import subprocess

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.report import summarize, write_page
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import functions, unavailable

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_S = 60
TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"


@workflow
def keep(value):
    return value


@workflow
def keep_not(value):
    return value


@workflow
def fail(value):
    raise ArithmeticError(f"no </script> {value}\nand a second line")


@workflow
def fail_if_odd(value):
    if value % 2:
        raise ArithmeticError("odd")
    return value


@workflow
def gather(*values):
    return values


@workflow
def interrupt(value):
    raise KeyboardInterrupt


@workflow
class Counter:
    def __init__(self):
        self.total = 0

    def add(self, value):
        self.total += value
        return self.total


def opened(page):
    """Return the text of a page as Chromium leaves it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        unavailable("chromium is not installed")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command = [browser, *options, "--window-size=1200,900", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=BROWSER_S)
    assert "Uncaught" not in done.stderr
    return done.stdout


@pytest.fixture
def seen(tmp_path):
    """Return what a script of ours gives on the page of a summary or of nodes that are run."""

    def see(subject, script, **options):
        if not isinstance(subject, dict):
            subject = summary_of(*subject, **options)
        page = tmp_path / "report.html"
        write_page(subject, page)
        probe = f"document.body.dataset.seen = JSON.stringify((() => {{ {script} }})());"
        text = page.read_text().replace("</body>", f"<script>{probe}</script></body>")
        page.write_text(text)
        return json.loads(html.unescape(re.search(r'data-seen="([^"]*)"', opened(page))[1]))

    return see


def summary_of(*nodes, workflow_name="w", storage=None):
    w = LocalWorkflow(*nodes, workflow_name=workflow_name)
    if storage is not None:
        w.set_storage(storage)
    try:
        w.run(on_error="continue")
    except (Exception, KeyboardInterrupt):
        assert w.last_run.ending in ("failed", "interrupted")
    return json.loads(json.dumps(summarize(w.last_run)))


ALL = "const all = (selector) => [...document.querySelectorAll(selector)];"
TEXTS = f"{ALL} const texts = (selector) => all(selector).map((one) => one.textContent);"
NAMES = f"{TEXTS} const names = () => texts('#rows td:first-child');"


def test_a_page_opens_whatever_names_hold(seen):
    names = ["{{data}}", "{{script}}", "</script><b>", "$& \\1", "two\nlines"]
    nodes = [keep(i).set_name(name) for i, name in enumerate(names)]
    script = f"{NAMES} return [byId('workflow').textContent, names()];"
    assert seen(nodes, script, workflow_name="{{data}}") == ["{{data}}", names]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (keep, "completed after"),
        (fail, "failed after"),
        (interrupt, "interrupted after"),
    ],
)
def test_the_head_tells_how_a_run_ended(seen, node, expected):
    assert f", {expected} " in seen([node(1)], "return byId('about').textContent;")


def test_the_head_tells_that_a_run_goes_on(seen):
    summary = {**summary_of(keep(1)), "ending": ""}
    assert ", still running after " in seen(summary, "return byId('about').textContent;")


FAILURES = f"{TEXTS} return [byId('failures').hidden, texts('#failures > *'), texts('summary')];"


def test_nodes_that_failed_alike_are_one_entry(seen):
    nodes = [fail(1).set_name(f"node {i}") for i in range(25)]
    summary = summary_of(*nodes, fail(2).set_name("other"))
    summary["errors"]["0"]["traceback"] = ""
    hidden, entries, titles = seen(summary, FAILURES)
    assert not hidden
    assert titles == [
        f"ArithmeticError: no </script> 1 {TIMES} 25",
        "other: ArithmeticError: no </script> 2",
    ]
    alike = entries[1]
    assert [name in alike for name in ("node 0", "node 19", "node 20")] == [True, True, False]
    assert "and 5 more" in alike
    assert alike.count("Traceback (most recent call last)") == 1
    assert "and a second line" in alike


def test_of_very_many_failures_the_first_messages_are_shown(seen):
    _, entries, titles = seen([fail(i) for i in range(23)], FAILURES)
    assert len(titles) == 20
    assert entries[-1] == "and 3 more: search state:failed"


def test_a_run_without_failures_shows_none(seen):
    assert seen([keep(1)], FAILURES) == [True, ["Failures"], []]


def test_a_search_finds_words_anywhere_or_exactly_what_it_names(seen):
    a = keep(1).set_name("a")
    nodes = [a, keep_not(a).set_name("a b"), keep(2).set_name("executed"), fail(3).set_name("x\ny")]
    expected = {
        "": 4,
        "keep": 3,
        "KEEP a": 2,
        "function:keep": 2,
        "function:kee": 0,
        "executed": 3,
        "state:executed": 3,
        "state:failed": 1,
        "node:a": 1,
        "node:x\ny": 1,
        "node:a b": 1,
        "node:": 0,
        "worker:thread 7": 1,
        "function:keep a": 0,
    }
    summary = summary_of(*nodes)
    summary["workers"] += ["thread 7", "thread 77"]
    summary["nodes"]["worker"][:2] = [1, 2]
    script = (
        f"return {json.dumps(list(expected))}.map((text) => "
        "(searchFor(text), Number(byId('found').textContent.split(' ')[0])));"
    )
    assert dict(zip(expected, seen(summary, script), strict=True)) == expected


def test_a_click_lists_exactly_what_was_clicked(seen):
    """Words would also find the function `keep_not`, and the node that is named for a state."""
    fan = [keep(keep_not(i)) for i in range(600)]
    script = """
      const click = (target) => {
        showAll();
        target.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
        return [byId("search").value, byId("found").textContent, byId("rows").children.length];
      };
      const [count, bar] = ["#counts button", ".bar"].map((one) => document.querySelector(one));
      return [...document.querySelectorAll("#graph a"), count, bar].map(click);
    """
    nodes = [*fan, keep(1).set_name("executed")]
    clicked = seen(nodes, script)
    assert clicked[:4] == [
        ["function:keep_not", "600 of 1201 nodes", 500],
        ["box:1", "600 of 1201 nodes", 500],
        ["node:executed", "1 of 1201 nodes", 1],
        ["state:executed", "1201 of 1201 nodes", 500],
    ]
    assert clicked[4][1:] == ["1 of 1201 nodes", 1]


def test_rows_are_sorted_and_numbers_stand_below_their_headings(seen):
    script = f"""
      {NAMES}
      sortBy("name"); sortBy("name");
      const sorted = names();
      const sort = [...byId("columns").children].map((th) => th.getAttribute("aria-sort"));
      sortBy("duration", true);
      const right = (element) => {{
        const range = document.createRange();
        range.selectNodeContents(element);
        return range.getBoundingClientRect().right;
      }};
      const numbers = [...document.querySelectorAll("#rows tr:first-child .number")];
      const headings = [...document.querySelectorAll("th.number button")];
      return [sorted, sort[0], numbers.map((number, i) => right(number) - right(headings[i]))];
    """
    names, sort, apart = seen([keep(i).set_name(f"n{i}") for i in (10, 9, 1)], script)
    assert (names, sort) == (["n10", "n9", "n1"], "descending")
    assert len(apart) == 2
    assert all(abs(distance) < 1 for distance in apart)


def test_a_row_names_the_first_parents(seen):
    parents = [keep(i).set_name(f"p{i}") for i in range(5)]
    script = f"{TEXTS} return texts('td.parentNames');"
    row = seen([gather(*parents), keep(parents[0])], script)[-2:]
    assert row == ["p0, p1, p2 and 2 more", "p0"]
    assert seen([keep(1)], script) == []


BOXES = f"""
  {TEXTS}
  const boxes = [...document.querySelectorAll("#graph a")].map((box) =>
    [...box.querySelectorAll("text")].map((text) => text.textContent).join(" "));
  const kinds = ["forward", "back", "loop", "order"].map((kind) =>
    [kind, document.querySelectorAll(`#graph .${{kind}}`).length]).filter(([, number]) => number);
  return [boxes, Object.fromEntries(kinds), byId("graph-note").textContent];
"""


def chain(length):
    node = keep(0)
    for _ in range(length - 1):
        node = keep(node)
    return node


def test_up_to_eighty_nodes_have_a_box_each(seen):
    boxes, lines, note = seen([chain(80)], BOXES)
    assert (len(boxes), lines, note) == (80, {"forward": 79}, "")


def test_a_large_fan_shows_siblings_in_one_box(seen):
    """root ──► 198 nodes of one function ──► end."""
    root = keep(0).set_name("root")
    end = gather(*[keep(root) for _ in range(198)]).set_name("end")
    boxes, lines, note = seen([end], BOXES)
    assert boxes == ["root", f"keep {TIMES} 198", "end"]
    assert lines == {"forward": 2}
    assert "200 nodes; those of one function whose parents are alike share a box" in note


def test_a_long_chain_is_one_box_with_a_loop(seen):
    boxes, lines, note = seen([chain(200)], BOXES)
    assert boxes == [f"keep {TIMES} 200"]
    assert lines == {"loop": 1}
    assert "200 nodes, drawn by function" in note


def test_functions_that_take_turns_are_joined_to_and_fro(seen):
    node = 0
    for _ in range(100):
        node = keep_not(keep(node))
    boxes, lines, _ = seen([node], BOXES)
    assert boxes == [f"keep {TIMES} 100", f"keep_not {TIMES} 100"]
    assert lines == {"forward": 1, "back": 1}


def test_instances_are_round_and_the_order_of_calls_is_dotted(seen):
    counter = Counter().set_name("counter")
    calls = [counter.add(1).set_name(f"add {i}") for i in range(3)]
    script = BOXES.replace("return [", "return [texts('a:has(.round) .label'), ")
    round_ones, boxes, lines, note = seen(calls, script)
    assert round_ones == ["counter"]
    assert len(boxes) == 4
    assert lines["order"] == 2
    assert "Dotted" in note


def test_calls_that_follow_each_other_share_no_box(seen):
    """counter ──► add ┄┄► add, forty times."""
    counters = [Counter() for _ in range(40)]
    calls = [counter.add(i) for i in range(2) for counter in counters]
    boxes, lines, _ = seen(calls, BOXES)
    assert boxes == [f"Counter {TIMES} 40", *[f"Counter.add {TIMES} 40"] * 2]
    assert lines["order"] == 1


def test_many_calls_on_an_instance_are_a_dotted_loop(seen):
    counter = Counter()
    boxes, lines, _ = seen([counter.add(1) for _ in range(100)], BOXES)
    assert boxes == ["Counter_0000", f"Counter.add {TIMES} 100"]
    assert lines == {"forward": 1, "loop": 1, "order": 1}


def test_a_box_of_many_nodes_shows_the_share_of_each_state(seen):
    end = gather(*[keep(fail_if_odd(i)) for i in range(100)])
    script = f"""
      {ALL}
      return all("#graph a").map((box) => Object.fromEntries(
        [...box.querySelectorAll("rect:not(.box)")].map((stripe) =>
          [stripe.getAttribute("class"), Number(stripe.getAttribute("width"))])));
    """
    tried, below, last = seen([end], script)
    assert tried.keys() == {"executed", "failed"}
    assert tried["executed"] == tried["failed"]
    assert below == {"executed": tried["executed"], "pending": tried["failed"]}
    assert last.keys() == {"pending"}


GEOMETRY = f"""
  {ALL}
  const [drawing, ...boxes] = all("#graph svg, #graph .box").map((one) =>
    one.getBoundingClientRect());
  const isIn = (rect, {{ x, y }}, inset) =>
    Math.min(x - rect.left, rect.right - x, y - rect.top, rect.bottom - y) > inset;
  const problems = new Set();
  for (const line of all("#graph .edge")) {{
    const [length, matrix] = [line.getTotalLength(), line.getScreenCTM()];
    for (let at = 0; at <= length; at += 2) {{
      const point = line.getPointAtLength(at).matrixTransform(matrix);
      if (boxes.some((box) => isIn(box, point, 1))) problems.add("behind a box");
      if (!isIn(drawing, point, 0)) problems.add("outside the drawing");
    }}
  }}
  const overlap = (a, b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  boxes.forEach((box, i) => {{
    if (boxes.slice(i + 1).some((other) => overlap(box, other))) problems.add("boxes overlap");
  }});
  return [boxes.length, all("#graph .edge[marker-end]").length, [...problems]];
"""


def test_no_line_runs_behind_a_box(seen):
    """A graph of seven layers, in which half of the arrows skip some of them."""
    choose = random.Random(0)
    layers = [[keep(i) for i in range(5)]]
    for _ in range(7):
        anywhere = [node for layer in layers for node in layer]
        layers.append(
            [gather(choose.choice(layers[-1]), choose.choice(anywhere)) for _ in range(9)]
        )
    nodes = [node for layer in layers for node in layer]
    arrows = sum(len(set(node.parents)) for node in nodes)
    assert seen(nodes, GEOMETRY) == [len(nodes), arrows, []]


def test_lines_that_lead_back_stay_in_the_drawing_and_beside_boxes(seen):
    node = keep(0)
    for _ in range(30):
        node = gather(keep_not(node), keep(node), functions.total([node]))
    number, heads, problems = seen([node], GEOMETRY)
    assert (number, problems) == (4, [])
    assert heads >= 7


def test_labels_fit_into_their_boxes_and_keep_their_ends(seen):
    names = ["W" * 60 + " 1", "i" * 30, "\N{WOMAN}" * 40, "short"]
    script = f"""
      {TEXTS}
      const [outer, inner] = [".box", ".label"].map((part) =>
        all(`#graph ${{part}}`).map((one) => one.getBoundingClientRect()));
      const isIn = ({{ left, right }}, i) => left > outer[i].left && right < outer[i].right;
      return [inner.map(isIn), texts("#graph .label")];
    """
    fits, labels = seen([keep(i).set_name(name) for i, name in enumerate(names)], script)
    assert all(fits)
    assert re.fullmatch(r"W+\N{HORIZONTAL ELLIPSIS}W+ 1", labels[0])
    assert labels[1] == names[1]
    assert re.fullmatch(r"\N{WOMAN}+\N{HORIZONTAL ELLIPSIS}\N{WOMAN}+", labels[2])
    assert labels[3] == "short"


ZOOM = """
  const frame = byId("graph");
  const svg = frame.querySelector("svg");
  const seen = (rect) => {
    const inside = frame.getBoundingClientRect();
    return rect.top >= inside.top && rect.bottom <= inside.bottom && rect.left >= inside.left;
  };
  const isHidden = byId("zoom").hidden;
  const root = seen(document.querySelector("#graph .box").getBoundingClientRect());
  const sizes = [svg.clientWidth];
  for (const button of ["in", "out", "fit"]) {
    byId(`zoom-${button}`).click();
    sizes.push(svg.clientWidth);
  }
  const fits = frame.scrollWidth <= frame.clientWidth && frame.scrollHeight <= frame.clientHeight;
  return [isHidden, root, sizes, fits];
"""


@pytest.mark.parametrize("is_wide", [False, True])
def test_of_a_large_graph_the_roots_are_seen_and_it_can_be_zoomed(seen, is_wide):
    root = keep(0)
    node = chain(40) if is_wide else gather(root, *[keep(root) for _ in range(70)])
    is_hidden, root_is_seen, (start, larger, smaller, fitting), fits = seen([node], ZOOM)
    assert not is_hidden
    assert root_is_seen
    assert larger > start
    assert smaller == start
    assert fitting < start
    assert fits


def test_a_small_graph_needs_no_zoom(seen):
    is_hidden, root_is_seen, (start, *_, fitting), _ = seen([chain(3)], ZOOM)
    assert is_hidden
    assert root_is_seen
    assert fitting == start


def test_pending_nodes_are_seen_in_the_graph_and_the_head(seen):
    script = """
      const style = (one) => getComputedStyle(document.querySelector(one));
      return [style("#graph rect.pending").stroke, style("#share .pending").backgroundImage];
    """
    stroke, background = seen([keep(fail(1))], script)
    assert stroke.startswith("rgb(")
    assert background.startswith("repeating-linear-gradient(")


BARS = f"""
  {TEXTS}
  const whole = document.querySelector(".lane").getBoundingClientRect();
  const bars = all(".bar").map((bar) => {{
    const {{ left, width }} = bar.getBoundingClientRect();
    const shares = [left - whole.left, width].map((length) => length / whole.width);
    return [bar.title.split("\\n")[0], ...shares, width];
  }});
  const note = byId("timeline-note").textContent;
  return [bars.sort(), note, texts("td:nth-child(4)"), texts("td:nth-child(5)")];
"""


def timed(*times):
    """Return the summary of a run of ten seconds in which nodes started and lasted as given."""
    summary = summary_of(*[keep(i).set_name(f"n{i}") for i in range(len(times))])
    summary["seconds"] = 10
    summary["nodes"]["started"], summary["nodes"]["duration"] = zip(*times, strict=True)
    return summary


def test_a_bar_is_as_long_as_a_node_ran_but_can_be_seen(seen):
    bars, note, started, lasted = seen(timed((0, 2.5), (5, 0), (7, 0.0001)), BARS)
    assert [bar[1] for bar in bars] == pytest.approx([0, 0.5, 0.7], abs=0.001)
    assert bars[0][2] == pytest.approx(0.25, abs=0.001)
    assert [bar[3] for bar in bars[1:]] == pytest.approx([1, 1], abs=0.01)
    assert started == ["0 s", "5.00 s", "7.00 s"]
    assert lasted == ["2.50 s", "<1 µs", "100 µs"]
    assert note == ""


def test_nodes_of_other_clocks_are_drawn_within_the_run(seen):
    times = ((-3600, 2), (9, 4), (3700, 1), (2, -0.5))
    bars, note, started, lasted = seen(timed(*times), BARS)
    assert [bar[1] for bar in bars] == pytest.approx([0, 0.6, 0.9, 0.2], abs=0.001)
    assert [bar[2] for bar in bars[:3]] == pytest.approx([0.2, 0.4, 0.1], abs=0.001)
    assert note == "Clocks differ: 3 of the bars lay outside the run and were moved into it."
    assert started == [f"{MINUS}1:00:00", "9.00 s", "1:01:40", "2.00 s"]
    assert lasted == ["2.00 s", "4.00 s", "1.00 s", "<1 µs"]


def test_bars_that_overlap_go_below_each_other(seen):
    script = "return [...document.querySelectorAll('.bar')].map((bar) => bar.style.top);"
    first, second, third = seen(timed((0, 5), (1, 5), (5, 5)), script)
    assert first == third != second


def test_the_timeline_says_that_saving_is_not_in_it(seen, tmp_path):
    script = "return byId('timeline-note').textContent;"
    note = seen([keep(1)], script, storage=FileStorage(tmp_path / "storage"))
    assert note == "Bars are the functions' own time; saving the results is not in them."
    assert seen([keep(1)], script) == ""


def test_a_large_graph_is_listed_in_part_at_first(seen):
    nodes = [keep([functions.total([i]) for i in range(5000)])]
    script = """
      const shown = () => [byId("rows").children.length, byId("more").hidden];
      const [first, label] = [shown(), byId("more").textContent];
      byId("more").click();
      return [first, label, shown()];
    """
    assert seen(nodes, script) == [[500, False], "Show all 5001", [5001, True]]
