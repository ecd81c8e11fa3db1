"""report.html as a browser would take it: whole, without anything from elsewhere, and saying what the JSON says."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from components.evaluate.page import write_page
from components.evaluate.plots import plot_reliability
from tests.evaluations import estimate, make_champion, make_evaluation

VOID = {"meta", "img", "br"}
LOADING = ("src", "href", "srcset", "action", "data", "poster")


class Reader(HTMLParser):
    """Texts of a page, its tables by caption, and what is wrong with its nesting."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.loaded: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.images: list[dict[str, str | None]] = []
        self.text = self.caption = ""
        self.rows: list[list[str]] = []
        self.folded: dict[str, int] = {}
        self.feed(content)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        assert len(given) == len(attributes)
        assert tag not in {"script", "link", "iframe", "object"} and not any(name.startswith("on") for name in given)
        self.loaded += [value or "" for name, value in attributes if name in LOADING]
        if tag == "img":
            self.images.append(given)
        if tag == "table":
            self.rows = []
        if tag == "caption":
            self.caption = ""
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            assert tag == "td" or given["scope"] in {"row", "col"}
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag, f"</{tag}> closes another element"
        if tag == "table":
            assert self.caption and len({len(row) for row in self.rows}) == 1
            self.tables.setdefault(self.caption, []).extend(self.rows)
            if "details" in [name for name, _ in self.open]:
                self.folded[self.caption] = len(self.rows) - 1

    def handle_data(self, data: str) -> None:
        within = [name for name, _ in self.open]
        if "style" in within:
            assert "url(" not in data and "@import" not in data and "prefers-color-scheme: dark" in data
            return
        self.text += data
        if "caption" in within:
            self.caption += data
        if "td" in within or "th" in within:
            self.rows[-1][-1] += data


@pytest.fixture
def show(tmp_path: Path) -> Any:
    def read(evaluation: dict[str, Any]) -> Reader:
        write_page(evaluation, tmp_path, tmp_path / "report.html")
        return Reader((tmp_path / "report.html").read_text())

    return read


def row(table: list[list[str]], name: str) -> list[str]:
    return next(cells for cells in table if cells[0] == name)


def test_the_page_is_whole_and_loads_nothing(show: Any, tmp_path: Path) -> None:
    evaluation = make_evaluation(champion=make_champion())
    plot_reliability(evaluation["calibration"], tmp_path / "reliability.png")
    page = show(evaluation)
    (image,) = page.images
    assert page.loaded == [image["src"]]
    prefix = "data:image/png;base64,"
    assert image["src"].startswith(prefix) and image["alt"].startswith("Reliability")
    assert base64.b64decode(image["src"].removeprefix(prefix)) == (tmp_path / "reliability.png").read_bytes()
    assert "http" not in (tmp_path / "report.html").read_text().replace("http-equiv", "")
    again = (tmp_path / "report.html").read_bytes()
    show(evaluation)
    assert (tmp_path / "report.html").read_bytes() == again


def test_labels_are_shown_as_they_are(show: Any, tmp_path: Path) -> None:
    label = "<b>&\"'{{ 7*7 }}</td>"
    page = show(make_evaluation(labels=[label, "other"]))
    assert row(page.tables["Labels, lowest F1 first"], label)[1] == "30"
    assert page.tables["Wrong answers, first those whose right answer was held least likely"][1][1] == label
    assert "<b>" not in (tmp_path / "report.html").read_text()


def test_the_metrics_of_every_model_stand_beside_each_other(show: Any) -> None:
    page = show(make_evaluation(champion=make_champion("7")))
    table = page.tables["Each model on the test rows"]
    assert table[0] == ["metric", "served bundle", "float parent", "linear model", "champion version 7"]
    assert [cell[:6] for cell in row(table, "accuracy")[1:]] == ["0.7000", "0.7200", "0.6500", "0.6000"]
    assert row(table, "accuracy")[1] == "0.7000 [0.6020, 0.7980]"
    assert row(table, "Brier score less is better")
    minus = page.tables["Served bundle minus the other model"]
    assert row(minus, "accuracy")[1:] == [
        "-0.0200 [-0.0690, +0.0290]",
        "+0.0500 [+0.0010, +0.0990]",
        "+0.1000 [+0.0510, +0.1490]",
    ]
    assert ["accuracy", "champion version 7", "12", "3", "0.25"] in page.tables[
        "Rows that only one of the two has right"
    ]
    assert page.text.count("Against champion version 7 on the same rows: +0.1000 [+0.0510, +0.1490].") == 1


def test_an_unfair_comparison_says_so_and_why(show: Any) -> None:
    champion = make_champion(fair=False, seen=12, notes=["it knew 12 test rows", "it has other labels"])
    champion["comparison"]["labels"] = ["a", "b"]
    page = show(make_evaluation(champion=champion))
    assert "the comparison is not fair" in page.text
    said = "not fair; it knew 12 test rows; it has other labels; those labels are a, b."
    assert f"Champion version 7, compared on 90 rows: {said}" in page.text
    assert "Float parent, compared on 90 rows: trained on none of them." in page.text


def test_a_champion_without_a_row_in_common_is_said_so(show: Any) -> None:
    champion = make_champion(fair=False, seen=90)
    champion["comparison"] |= {"rows": 0, "metrics": {}, "per_label": {}, "slices": {}}
    page = show(make_evaluation(champion=champion))
    assert "Against champion version 7 on the same rows: no row to compare on; the comparison is not fair." in page.text
    assert row(page.tables["Served bundle minus the other model"], "accuracy")[-1] == ""


@pytest.mark.parametrize("champion", [None, {"version": "7", "digest": "f" * 64, "problem": "its files are gone"}])
def test_what_there_is_not_is_said(show: Any, champion: Any) -> None:
    nothing = {"linear": None, "calibration": None, "abstain": None, "out_of_scope": None}
    page = show(make_evaluation(champion=champion, behaviour=[], mistakes=[], slices=[], **nothing))
    said = "version 7 was not compared with: its files are gone" if champion else "There is no champion yet"
    assert said in page.text
    assert page.tables["Each model on the test rows"][0] == ["metric", "served bundle", "float parent"]
    assert "Calibration was not measured." in page.text
    assert "Out of scope" not in page.text and "Behaviour" not in page.text


def test_what_is_not_defined_says_why_and_what_is_unreliable_is_marked(show: Any) -> None:
    evaluation = make_evaluation()
    evaluation["bundle"]["metrics"]["roc_auc"] = estimate(None, why="one label only")
    evaluation["bundle"]["metrics"]["matthews"] = estimate(0.5, support=5)
    page = show(evaluation)
    table = page.tables["Each model on the test rows"]
    assert row(table, "ROC-AUC")[1] == "not defined: one label only"
    assert row(table, "Matthews correlation")[1].endswith("] unreliable")
    slices = page.tables["Slices, lowest first"]
    assert [cells[0] for cells in slices[1:]] == ["worst 1", "long", "label negative", "short", "channel=mail"]
    assert slices[-1][-1] == "not defined: no row is in it" and slices[3][-1] == ""
    assert "None" not in page.text and "nan" not in page.text


def test_findings_are_listed_by_id(show: Any) -> None:
    page = show(make_evaluation())
    assert row(page.tables["Behaviour tests"], "typos")[2:] == ["0.0500 [0.0000, 0.1480]", "2", "40"]
    assert row(page.tables["Behaviour tests"], "names")[2] == "no test row has a name in it"
    assert "typos: 2 failing cases" in page.text and "row-5" in page.text
    assert row(page.tables["Rows whose label is likely wrong"], "train")[1:4] == ["4", "200", "0.0200"]
    assert "row-9" in page.text and "not looked for in test: it has fewer than 10 rows" in page.text
    assert page.tables["Wrong answers, first those whose right answer was held least likely"][1][0] == "row-3"


def test_many_labels_are_folded_away_the_worst_first(show: Any) -> None:
    labels = [f"intent {number}" for number in range(150)]
    evaluation = make_evaluation(labels=labels, champion=make_champion(labels=labels))
    for place, part in enumerate(evaluation["bundle"]["per_label"].values()):
        part["f1"] = estimate(1 - place / 200, 30)
    page = show(evaluation)
    table = page.tables["Labels, lowest F1 first"]
    assert [table[1][0], table[2][0]] == ["intent 149", "intent 148"]
    assert page.folded["Labels, lowest F1 first"] == 130


def test_grouped_rows_are_explained(show: Any) -> None:
    assert "resampled as wholes" not in show(make_evaluation()).text
    page = show(make_evaluation(units={"of": "customer", "count": 1200}))
    assert "Rows with the same customer are not independent: the 1,200 groups" in page.text
