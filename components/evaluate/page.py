"""The page that shows an evaluation to people, report.html. What it says is in evaluation.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.base.metric_names import METRICS, words
from components.base.page import Page, Picture, Section, Table, count, difference, estimate, write_html
from components.base.page.page import Cell
from components.evaluate.page_findings import behaviour, label_errors, mistakes, out_of_scope, reliability

Report = Mapping[str, Any]
ALT = {
    "confusion.png": "Confusion matrix: true labels in rows, predicted ones in columns; darker is a larger share.",
    "precision_recall.png": "Precision against recall of each label as its threshold moves.",
    "length.png": "Accuracy by length of the text, with intervals and numbers of rows.",
    "reliability.png": "Reliability: the share of right answers against the probability that was given.",
}


def write_page(evaluation: Report, plots: Path, path: Path) -> None:
    """Writes the page into `path`, with those pictures that lie in `plots`."""
    pictures = {name: [Picture(plots / name, alt)] for name, alt in ALT.items() if (plots / name).is_file()}
    sections = [
        _metrics(evaluation),
        _comparisons(evaluation),
        _labels(evaluation, pictures.get("confusion.png", []) + pictures.get("precision_recall.png", [])),
        *_slices(evaluation, pictures.get("length.png", [])),
        reliability(evaluation, pictures.get("reliability.png", [])),
        *out_of_scope(evaluation),
        *behaviour(evaluation),
        label_errors(evaluation),
        mistakes(evaluation),
        _method(evaluation),
    ]
    title = f"Evaluation of the bundle {evaluation['bundle']['digest'][:12]}"
    write_html(path, Page(title, _summary(evaluation), sections))


def _said(cell: Cell) -> str:
    return " ".join(filter(None, [cell.text, cell.aside, f"({cell.mark})" if cell.mark else ""]))


def _summary(evaluation: Report) -> list[str]:
    main = evaluation["main"]
    found = _said(estimate(evaluation["bundle"]["metrics"][main]))
    lines = [f"{words(main).capitalize()} {found} on {evaluation['rows']:,} test rows."]
    if champion := evaluation["champion"]:
        name = f"champion version {champion['version']}"
        if "problem" in champion:
            lines.append(f"It was not compared with {name}: {champion['problem']}")
        else:
            compared = champion["comparison"]
            unfair = "" if compared["fair"] else "; the comparison is not fair"
            gained = _said(difference(compared["metrics"][main])) if compared["rows"] else "no row to compare on"
            lines.append(f"Against {name} on the same rows: {gained}{unfair}.")
    else:
        lines.append("There is no champion yet to compare with.")
    return lines


def _models(evaluation: Report) -> dict[str, Report]:
    """Those that were scored, by what they are called."""
    champion = evaluation["champion"] or {}
    named = {
        "served bundle": evaluation["bundle"],
        "float parent": evaluation["float"],
        "linear model": evaluation["linear"],
        f"champion version {champion.get('version')}": champion,
    }
    return {name: model for name, model in named.items() if model and "metrics" in model}


def _compared(evaluation: Report) -> dict[str, Report]:
    """The comparison with each other model."""
    models = _models(evaluation).items()
    return {name: model["comparison"] for name, model in models if "comparison" in model}


def _metrics(evaluation: Report) -> Section:
    models = _models(evaluation)
    rows = []
    for name in evaluation["bundle"]["metrics"]:
        lower = name in METRICS and METRICS[name].lower
        found = [model["metrics"].get(name) for model in models.values()]
        cells = [estimate(one) if one else Cell("") for one in found]
        rows.append([Cell(words(name), "less is better" if lower else ""), *cells])
    agreement = _said(estimate(evaluation["agreement_with_float"]))
    texts = [f"Agreement of the bundle with its float parent: {agreement}."]
    return Section("Metrics", texts, tables=[Table("Each model on the test rows", ["metric", *models], rows, 40)])


def _comparisons(evaluation: Report) -> Section:
    compared = _compared(evaluation)
    champion = evaluation["champion"]
    texts = [_fairness(name, comparison) for name, comparison in compared.items()]
    if champion and "problem" in champion:
        texts.append(f"Champion version {champion['version']} was not compared with: {champion['problem']}")
    names = dict.fromkeys(name for comparison in compared.values() for name in comparison["metrics"])
    rows, decided = [], []
    for name in names:
        found = {model: comparison["metrics"].get(name) for model, comparison in compared.items()}
        rows.append([Cell(words(name)), *(difference(one) if one else Cell("") for one in found.values())])
        for model, one in found.items():
            if one and "p" in one:
                figures = [count(one["gained"]), count(one["lost"]), Cell(f"{one['p']:.2g}", numeric=True)]
                decided.append([Cell(words(name)), Cell(model), *figures])
    tables = [Table("Served bundle minus the other model", ["metric", *(f"minus {one}" for one in compared)], rows, 40)]
    if decided:
        headings = ["metric", "other model", "gained", "lost", "p (exact)"]
        tables.append(Table("Rows that only one of the two has right", headings, decided))
    return Section("Against other models", texts, tables=tables)


def _fairness(name: str, comparison: Report) -> str:
    said = [] if comparison["fair"] else ["not fair"]
    said += ["trained on none of them"] if comparison["seen"] == 0 else []
    said += comparison["notes"]
    if labels := comparison.get("labels"):
        said.append(f"those labels are {', '.join(labels)}")
    return f"{name.capitalize()}, compared on {comparison['rows']:,} rows: {'; '.join(said)}."


def _labels(evaluation: Report, pictures: list[Picture]) -> Section:
    """The worst first."""
    comparison = (evaluation["champion"] or {}).get("comparison", {"per_label": {}})
    against = comparison["per_label"]
    rows = []
    for label, found in _worst_first(evaluation["bundle"]["per_label"].items(), lambda one: one[1]["f1"]):
        figures = [estimate(found[part]) for part in ("precision", "recall", "f1")]
        moved = [difference(against[label]["recall"]) if label in against else Cell("")] if against else []
        rows.append([Cell(label), count(found["support"]), *figures, *moved])
    moved_heading = ["recall minus the champion's"] if against else []
    headings = ["label", "support", "precision", "recall", "F1", *moved_heading]
    return Section("Labels", pictures=pictures, tables=[Table("Labels, lowest F1 first", headings, rows)])


def _slices(evaluation: Report, pictures: list[Picture]) -> list[Section]:
    """Nothing where there are none."""
    if not evaluation["slices"]:
        return []
    main = evaluation["main"]
    measured = dict.fromkeys(name for one in evaluation["slices"] for name in one["metrics"])
    shown = [main, *(name for name in measured if name != main)]
    against = (evaluation["champion"] or {}).get("comparison", {"slices": {}})["slices"]
    rows = []
    for one in _worst_first(evaluation["slices"], lambda one: one["metrics"][main]):
        found = [estimate(one["metrics"][name]) if name in one["metrics"] else Cell("") for name in shown]
        moved = against.get(one["name"], {}).get(main)
        last = [difference(moved) if moved else Cell("")] if against else []
        rows.append([Cell(one["name"]), Cell(one["where"]), count(one["rows"]), *found, *last])
    champion = [f"{words(main)} minus the champion's"] if against else []
    headings = ["slice", "where", "rows", *map(words, shown), *champion]
    searched = any(one["by"] == "worst" for one in evaluation["slices"])
    texts = (
        ["Those named worst were found on one half of the test rows, and are counted on the other."] if searched else []
    )
    return [Section("Slices", texts, pictures, [Table("Slices, lowest first", headings, rows)])]


def _worst_first(parts: Any, of: Any) -> list[Any]:
    """By the value of an estimate; those that are not defined come last."""
    return sorted(parts, key=lambda part: (of(part)["value"] is None, of(part)["value"] or 0.0))


def _method(evaluation: Report) -> Section:
    units, confidence = evaluation["units"], evaluation["confidence"]
    texts = [
        f"Each interval is meant to hold the true value with probability {confidence:g}. Shares of rows, such as"
        " accuracy and recall, have Wilson's interval and their differences Tango's; all else has a bias-corrected and"
        " accelerated (BCa) bootstrap, the differences from rows that are drawn for both models together.",
        "Gained are the rows that only the bundle has right, lost those that only the other model has; p is of"
        " McNemar's exact test, two-sided (of groups of rows that are drawn together: flipped signs).",
        "Unreliable is what stands on too few rows for its interval to hold. What is not defined has no value: it is"
        " neither 0 nor counted in an average.",
    ]
    if units["of"] != "rows":
        texts.append(
            f"Rows with the same {units['of']} are not independent: the {units['count']:,} groups that they make are"
            " resampled as wholes, for every interval."
        )
    return Section("How the intervals were made", texts)
