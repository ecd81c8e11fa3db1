"""The parts of report.html beyond scores: probabilities, behaviour, likely label errors, mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.base.metric_names import words
from components.base.page import Cell, Listing, Picture, Section, Table, count, estimate, number

Report = Mapping[str, Any]


def reliability(evaluation: Report, pictures: list[Picture]) -> Section:
    calibration, abstain = evaluation["calibration"], evaluation["abstain"]
    texts, tables = [], []
    if calibration:
        texts.append(f"Probabilities are at the temperature {calibration['temperature']:.4g}, fitted by quantize.")
        rows = [
            [
                Cell(f"{one['low']:.2f} to {one['high']:.2f}"),
                count(one["count"]),
                number(one["confidence"]),
                number(one["accuracy"]),
            ]
            for one in calibration["bins"]
        ]
        headings = ["probability", "answers", "mean probability", "share right"]
        tables.append(Table("Answers by the probability they were given", headings, rows, open_rows=0))
    else:
        texts.append("Calibration was not measured.")
    if abstain:
        texts.append(
            f"Answers below the probability {abstain['below']:.4g} are better withheld."
            if abstain["below"]
            else "No answer need be withheld: all of them are right often enough."
        )
        tables.append(_facts("Answers that are not withheld", "abstain", abstain, ("precision", "coverage")))
    return Section("Calibration", texts, pictures, tables)


def out_of_scope(evaluation: Report) -> list[Section]:
    """Nothing where the data has no such rows."""
    found = evaluation["out_of_scope"]
    if not found:
        return []
    texts = [f"{found['rows']:,} test rows belong to none of the other labels; they are labelled {found['label']}."]
    table = _facts("Out-of-scope texts", "out_of_scope", found, ("auc", "recall", "precision"))
    return [Section("Out of scope", texts, tables=[table])]


def _facts(caption: str, prefix: str, found: Report, parts: tuple[str, ...]) -> Table:
    rows = [[Cell(words(f"{prefix}_{part}")), estimate(found[part])] for part in parts]
    return Table(caption, ["measure", "value"], rows)


def behaviour(evaluation: Report) -> list[Section]:
    """Nothing where there are no such tests."""
    tests = evaluation["behaviour"]
    if not tests:
        return []
    rows = []
    for one in tests:
        figures = [estimate(one["share"]), count(one["failures"]), count(one["cases"])]
        if "why" in one:
            figures = [Cell(one["why"]), Cell(""), Cell("")]
        rows.append([Cell(one["name"]), Cell(one["kind"]), *figures])
    table = Table("Behaviour tests", ["test", "kind", "share of failures", "failures", "cases"], rows)
    failed = [
        Listing(f"{one['name']}: {_first(one['failed'], one['failures'])} failing cases", list(map(str, one["failed"])))
        for one in tests
        if one.get("failed")
    ]
    return [Section("Behaviour", tables=[table], listings=failed)]


def _first(shown: list[Any], found: int) -> str:
    return f"{found:,}" if len(shown) == found else f"the first {len(shown)} of {found:,}"


def label_errors(evaluation: Report) -> Section:
    texts, rows, tables = [], [], []
    for split, found in evaluation["label_errors"].items():
        if "problem" in found:
            texts.append(f"They were not looked for in {split}: {found['problem']}")
            continue
        figures = [count(found["found"]), count(found["rows"]), number(found["share"])]
        rows.append([Cell(split), *figures, Cell(found["method"])])
        worst = [
            [Cell(one["id"]), Cell(_labels(one["label"])), Cell(_labels(one["likely"])), number(one["score"])]
            for one in found["worst"]
        ]
        headings = ["id", "label", "likely", "score"]
        tables.append(Table(f"Likely label errors in {split}, likeliest first", headings, worst, open_rows=5))
    overview = Table("Rows whose label is likely wrong", ["split", "found", "rows", "share", "method"], rows)
    return Section("Likely label errors", texts, tables=[*([overview] if rows else []), *tables])


def mistakes(evaluation: Report) -> Section:
    rows = [
        [Cell(one["id"]), Cell(_labels(one["label"])), Cell(_labels(one["predicted"])), number(one["probability"])]
        for one in evaluation["mistakes"]
    ]
    texts = [] if rows else ["There are none."]
    table = Table(
        "Wrong answers, first those whose right answer was held least likely",
        ["id", "label", "predicted", "probability of the label"],
        rows,
    )
    return Section("Worst mistakes", texts, tables=[table] if rows else [])


def _labels(given: Any) -> str:
    """One label, several, or none."""
    return ", ".join(map(str, given)) if isinstance(given, list) else str(given or "")
