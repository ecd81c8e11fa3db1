from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from components.gate.page import write_page
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


def render(decision: dict[str, Any], folder: Path) -> str:
    write_page(decision, folder / "verdict.html")
    return (folder / "verdict.html").read_text()


def read(page: str) -> Texts:
    parser = Texts()
    parser.feed(page)
    return parser


def test_the_page_holds_every_rule_with_its_figures_and_what_to_do(tmp_path: Path) -> None:
    budget = {"metric": "size_mb", "at_most": 20, "severity": "warn"}
    decision = verdict(evaluation(champion(changed(105, 90))), TIMING, VALIDATION, rules(size=budget))
    texts = read(render(decision, tmp_path)).texts
    assert decision["summary"] in texts
    for rule in decision["rules"]:
        place = texts.index(rule["why"])
        assert rule["limit"] in texts[place - 3 : place] and rule["rule"] in texts[place - 5 : place]
    champion_row = texts.index("champion")
    assert texts[champion_row + 1 : champion_row + 3] == ["no", "0.0050"]
    assert texts[texts.index("size") + 1] == "warning" and texts[texts.index("latency") + 1] == "yes"
    following = texts.index("What to do next") + 1
    assert texts[following : texts.index("Rules")] == decision["next"]


def test_markup_in_labels_and_reasons_is_shown_as_text(tmp_path: Path) -> None:
    each = {"metric": "recall", "label": "*", "at_least": 0.99}
    labels = {"<script>alert(1)</script>": label(0.5)}
    decision = verdict(evaluation(per_label=labels), TIMING, VALIDATION, rules(each=each))
    plain = read(render(decision, tmp_path)).tags
    decision["override"] = {"who": "<b>eve</b>", "reason": "<img src=x>"}
    page = render(decision, tmp_path)
    assert "script" not in plain and not {"b", "img", "script"} & set(read(page).tags)
    assert "<img src=x>" in "".join(read(page).texts)


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    page = render(verdict(evaluation(), TIMING, VALIDATION, rules()), tmp_path)
    assert not re.search(r"https?://|src=|href=|@import|url\(", page)
