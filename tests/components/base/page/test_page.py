"""Both pages in a browser: report.html of an evaluation and verdict.html of the gate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.evaluate.reports import write_reports
from components.gate.page import write_page as write_verdict
from components.gate.rules import verdict
from tests.chromium import Tab
from tests.components.gate import made
from tests.evaluations import make_champion, make_evaluation

MARKUP, ENDLESS = '<b>&"</b>', "x" * 200
LABELS = [MARKUP, ENDLESS, *(f"intent {number}" for number in range(148))]
FOLDED = "Labels, lowest F1 first: 130 more rows"
Browse = Callable[..., Tab]

OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
TEXTS = """
const shown = () => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = []
  while (walker.nextNode()) found.push(walker.currentNode)
  return found.filter(one => one.data.trim() && one.parentElement.checkVisibility())
}
"""
# Of each text the ratio of WCAG 2.2, to what lies behind it: backgrounds of what it stands in, one over the other.
CONTRASTS = f"""(() => {{ {TEXTS}
const channels = colour => {{
  const [red, green, blue, alpha = 1] = colour.match(/[\\d.]+/g).map(Number)
  return [red, green, blue, alpha]
}}
const over = ([r, g, b, a], below) => [r, g, b].map((one, place) => a * one + (1 - a) * below[place])
const behind = one => {{
  const below = one.parentElement ? behind(one.parentElement) : [255, 255, 255]
  return over(channels(getComputedStyle(one).backgroundColor), below)
}}
const luminance = colour => {{
  const linear = colour.map(one => one / 255).map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}}
return shown().map(text => {{
  const back = behind(text.parentElement), front = over(channels(getComputedStyle(text.parentElement).color), back)
  const [low, high] = [luminance(front), luminance(back)].sort((one, other) => one - other)
  return [text.data.trim(), (high + 0.05) / (low + 0.05), luminance(back)]
}}) }})()"""
# What reaches beyond the window, outside parts that scroll by themselves.
BEYOND = """[...document.querySelectorAll('body *')].filter(one => {
  for (let above = one.parentElement; above !== document.body; above = above.parentElement)
    if (getComputedStyle(above).overflowX === 'auto') return false
  return one.checkVisibility() && one.getBoundingClientRect().right > document.documentElement.clientWidth
}).map(one => one.outerHTML.slice(0, 200))"""
BROKEN_WORDS = f"""(() => {{ {TEXTS}
return shown().flatMap(text => [...text.data.matchAll(/[\\p{{L}}\\d_]+/gu)].filter(word => {{
  const range = document.createRange()
  range.setStart(text, word.index)
  range.setEnd(text, word.index + word[0].length)
  return word[0].length < 20 && new Set([...range.getClientRects()].map(one => one.top)).size > 1
}}).map(word => word[0])) }})()"""
WIDEST_CELL = "Math.max(...[...document.querySelectorAll('th, td')].map(one => one.clientWidth))"
FOCUSED = """(() => {
  const one = document.activeElement, outline = getComputedStyle(one).outlineStyle
  return [one.tagName, one.hasAttribute('tabindex'), one.textContent.trim(), outline, one.closest('details') !== null]
})()"""

# Once it has moved: scrolling is gradual.
SCROLLED = """new Promise(done => {
  const look = () => document.activeElement.scrollLeft > 0 ? done(true) : setTimeout(look, 20)
  look()
})"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name, with labels and ids that are hard to show."""
    folder = tmp_path_factory.mktemp("pages")
    champion = make_champion(labels=LABELS, fair=False, notes=[f"it was read from {ENDLESS}"])
    evaluation = make_evaluation(labels=LABELS, champion=champion)
    evaluation["behaviour"][0]["failed"] = [ENDLESS]
    evaluation["bundle"]["metrics"]["matthews"]["unreliable"] = True
    write_reports(evaluation, {label: (np.array([1.0, 0.0]), np.array([0.5, 1.0])) for label in LABELS}, folder)
    labels = {MARKUP: made.label(0.5), ENDLESS: made.label(0.4)}
    rules = made.rules(each={"metric": "recall", "label": "*", "at_least": 0.45, "severity": "warn"})
    against = made.champion(made.changed(105, 90))
    decision = verdict(made.evaluation(against, per_label=labels), made.TIMING, made.VALIDATION, rules)
    override = {"who": "eve", "reason": f"{MARKUP} is not read by anybody, see {ENDLESS}"}
    write_verdict({**decision, "override": override}, folder / "verdict.html")
    return {"report": folder / "report.html", "verdict": folder / "verdict.html"}


@pytest.fixture(params=["report", "verdict"])
def page(request: pytest.FixtureRequest, pages: dict[str, Path]) -> Path:
    return pages[request.param]


def test_the_page_asks_for_nothing_and_the_browser_has_no_complaint(browse: Browse, page: Path) -> None:
    tab = browse(page)
    asked = [address for address in tab.requests if not address.startswith("data:image/png;base64,")]
    assert asked == [page.as_uri()]
    assert tab.complaints == []
    assert tab.evaluate("document.compatMode") == "CSS1Compat"


def test_the_page_runs_nothing_that_gets_into_it(browse: Browse, page: Path) -> None:
    tab = browse(page)
    script = "Object.assign(document.createElement('script'), {textContent: 'window.ran = true'})"
    tab.evaluate(f"document.body.append({script})")
    assert tab.evaluate("window.ran") is None
    assert "Content Security Policy" in "".join(tab.complaints)


def test_every_picture_is_shown(browse: Browse, pages: dict[str, Path]) -> None:
    images = "[...document.images].map(one => [one.complete, one.naturalWidth, one.width, one.alt])"
    shown = browse(pages["report"]).evaluate(images)
    assert len(shown) == 4
    for complete, natural, width, said in shown:
        assert complete and natural > 300 and width > 300 and said


def test_markup_is_shown_as_text(browse: Browse, page: Path) -> None:
    tab = browse(page)
    tab.evaluate(OPEN_ALL)
    assert MARKUP in tab.evaluate("document.body.innerText")
    assert tab.evaluate("document.querySelectorAll('b, script').length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browse: Browse, page: Path, scheme: str) -> None:
    tab = browse(page, scheme=scheme)
    tab.evaluate(OPEN_ALL)
    contrasts = tab.evaluate(CONTRASTS)
    assert len(contrasts) > 50
    assert [one for one in contrasts if one[1] < 4.5] == []
    assert all(behind < 0.1 if scheme == "dark" else behind > 0.8 for _, _, behind in contrasts)


def test_a_narrow_window_scrolls_only_tables_sideways_and_breaks_no_word(browse: Browse, page: Path) -> None:
    tab = browse(page, width=400)
    tab.evaluate(OPEN_ALL)
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 400
    assert tab.evaluate(BEYOND) == []
    assert tab.evaluate(BROKEN_WORDS) == []
    assert tab.evaluate(WIDEST_CELL) < 300


def test_headings_stand_over_their_figures(browse: Browse, page: Path) -> None:
    sides = """[...document.querySelectorAll('td.number')].map(one => {
      const heading = one.closest('table').querySelectorAll('thead th')[one.cellIndex]
      return [getComputedStyle(one).textAlign, getComputedStyle(heading).textAlign]
    })"""
    found = browse(page).evaluate(sides)
    assert len(found) > 10 and all(side == ["right", "right"] for side in found)


def test_folded_rows_are_reached_and_opened_by_keyboard(browse: Browse, pages: dict[str, Path]) -> None:
    tab = browse(pages["report"], width=400)
    seen = "[...document.querySelectorAll('details tbody tr')].filter(one => one.checkVisibility()).length"
    assert tab.evaluate(seen) == 0
    for _ in range(20):
        tab.press("Tab")
        tag, _, text, outline, _ = tab.evaluate(FOCUSED)
        if (tag, text) == ("SUMMARY", FOLDED):
            break
    assert (tag, text) == ("SUMMARY", FOLDED) and outline == "solid"
    tab.press("Enter")
    assert tab.evaluate(seen) == 130
    tab.press("Tab")
    tag, named, _, outline, folded = tab.evaluate(FOCUSED)
    assert tag == "DIV" and named and outline == "solid" and folded
    tab.press("ArrowRight")
    assert tab.evaluate(SCROLLED)
