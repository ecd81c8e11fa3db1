from __future__ import annotations

import re
from html.parser import HTMLParser

from components.gate.page import render
from components.gate.rules import verdict
from tests.components.gate.made import TIMING, VALIDATION, champion, changed, evaluation, label, rules


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts += [" ".join(data.split())] if data.strip() else []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def read(page: str) -> Texts:
    parser = Texts()
    parser.feed(page)
    return parser


def test_the_page_holds_every_rule_with_its_figures_and_what_to_do() -> None:
    budget = {"metric": "size_mb", "at_most": 20, "severity": "warn"}
    decision = verdict(evaluation(champion(changed(105, 90))), TIMING, VALIDATION, rules(size=budget))
    texts = read(render(decision)).texts
    assert decision["summary"] in texts
    for rule in decision["rules"]:
        place = texts.index(rule["why"])
        assert rule["limit"] in texts[place - 3 : place] and rule["rule"] in texts[place - 5 : place]
    champion_row = texts.index("champion")
    assert texts[champion_row - 1] == "fail" and texts[champion_row + 1] == "0.0050"
    assert texts[texts.index("size") - 1] == "warn" and texts[texts.index("latency") - 1] == "pass"
    assert texts[-len(decision["next"]) :] == decision["next"]


def test_markup_in_labels_and_reasons_is_shown_as_text() -> None:
    each = {"metric": "recall", "label": "*", "at_least": 0.99}
    labels = {"<script>alert(1)</script>": label(0.5)}
    decision = verdict(evaluation(per_label=labels), TIMING, VALIDATION, rules(each=each))
    plain = read(render(decision)).tags
    decision["override"] = {"who": "<b>eve</b>", "reason": "<img src=x>"}
    page = render(decision)
    assert "script" not in plain and not {"b", "img", "script"} & set(read(page).tags)
    assert "<img src=x>" in "".join(read(page).texts)


def test_the_page_needs_nothing_else() -> None:
    page = render(verdict(evaluation(), TIMING, VALIDATION, rules()))
    assert not re.search(r"https?://|src=|href=|@import|url\(", page)
