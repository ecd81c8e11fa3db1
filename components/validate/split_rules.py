"""The rules on one split: its table, its texts, its labels."""

from __future__ import annotations

from collections import Counter
from html import escape

import great_expectations.expectations as gxe
import pandas as pd

from components.base.settings import ValidateStep
from components.validate.measures import Split
from components.validate.rules import Batch, Frame, Rule, count, named, row_rule, share_rule

LABELS_SHOWN = 10


def split_batches(split: Split, settings: ValidateStep) -> list[Batch]:
    """One batch, and for rows with lists of labels another, of a line for each label."""
    rules = _table_rules(split, settings)
    if not len(split.rows) or split.problem:
        return [Batch(split.name, split.rows, _kept(rules))]
    rules += _text_rules(split.rows, settings)
    label_rules = _label_rules(settings)
    if "label" in split.rows:
        return [Batch(split.name, split.rows, _kept(rules + label_rules))]
    labels = Batch(f"{split.name} labels", split.labels, _kept(label_rules))
    return [Batch(split.name, split.rows, _kept(rules)), *([labels] if len(split.labels) else [])]


def _kept(rules: list[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.severity != "off"]


def _table_rules(split: Split, settings: ValidateStep) -> list[Rule]:
    limits, roles = settings.limits, settings.data.roles
    least = next((rows for name, rows in limits.min_rows.items() if name == split.name), 1)
    readable = not split.problem
    wanted = ["row"] if readable else list(roles)
    columns = Rule(
        "columns",
        limits.severity("columns"),
        f"{', '.join(roles)}, as named under data.columns",
        gxe.ExpectTableColumnsToMatchSet(column_set=wanted, exact_match=False),
        lambda rows: list(roles) if readable else [name for name in roles if name in rows],
        lambda rows: split.problem,
    )
    rows = Rule(
        "rows",
        limits.severity("rows"),
        f"at least {least} (validation.min_rows)",
        gxe.ExpectTableRowCountToBeBetween(min_value=least),
        len,
        lambda rows: split.problem or f"{count(len(rows), 'row')}, fewer than {least} (validation.min_rows)",
        advice="" if split.problem else "bring more rows, or lower the limit",
    )
    return [columns, rows]


def _text_rules(rows: Frame, settings: ValidateStep) -> list[Rule]:
    limits = settings.limits
    longest = limits.max_text_length
    rules = [
        row_rule(
            "missing_ids",
            limits.severity("missing_ids"),
            "every row has an id",
            gxe.ExpectColumnValuesToNotBeNull(column="id"),
            lambda rows: rows["id"].isna(),
            "without an id",
            "`textgate data import` gives ids where the source lacks such a column",
        ),
        row_rule(
            "text_length",
            limits.severity("text_length"),
            f"at most {longest} characters (validation.max_text_length)",
            gxe.ExpectColumnValuesToBeBetween(column="text_length", max_value=longest),
            lambda rows: rows["text_length"] > longest,
            f"with texts longer than {longest} characters (validation.max_text_length)",
            "shorten them, or raise the limit and choose tokenization.truncation",
            "text_length",
        ),
    ]
    if "empty" in rows:
        expectation = gxe.ExpectColumnValuesToBeInSet(column="empty", value_set=[False])
        rules.append(
            row_rule(
                "empty_texts",
                limits.severity("empty_texts"),
                "every text shows something",
                expectation,
                lambda rows: rows["empty"],
                "with an empty text",
                "remove them",
            )
        )
    for name, build in (
        ("replacement_characters", _replacement_characters),
        ("damaged", _damaged),
        ("invisible_characters", _invisible),
        ("mail", _personal),
        ("further_copy", _copies),
        ("is_near_copy", _near_copies),
        ("other_language", _languages),
    ):
        if name in rows:
            rules += build(rows, settings)
    if "tag_faults" in rows and settings.data.task == "token-tags":
        rules.append(_tag_sequences(settings))
    return rules


def _replacement_characters(rows: Frame, settings: ValidateStep) -> list[Rule]:
    most = settings.limits.max_replacement_characters

    def total(rows: Frame) -> int:
        return int(rows["replacement_characters"].sum())

    def at_fault(rows: Frame) -> Frame:
        found = rows[rows["replacement_characters"] > 0]
        return found.sort_values("replacement_characters", ascending=False, kind="stable")

    def explain(rows: Frame) -> str:
        found = count(total(rows), "replacement character")
        return f"{found} (U+FFFD), more than {most} (validation.max_replacement_characters); {named(at_fault(rows))}"

    return [
        Rule(
            "encoding_damage",
            settings.limits.severity("encoding_damage"),
            f"at most {most} replacement characters (validation.max_replacement_characters)",
            gxe.ExpectColumnSumToBeBetween(column="replacement_characters", max_value=most),
            total,
            explain,
            at_fault,
            "import again from the undamaged source, with its data.source.encoding",
        )
    ]


def _damaged(rows: Frame, settings: ValidateStep) -> list[Rule]:
    return [
        share_rule(
            "encoding_damage",
            settings.limits.severity("encoding_damage"),
            "validation.max_damaged_share",
            settings.limits.max_damaged_share,
            "damaged",
            "reading like UTF-8 taken for another encoding",
            "import again with the right data.source.encoding; the package ftfy repairs what is lost upstream",
            kind="misread",
        )
    ]


def _invisible(rows: Frame, settings: ValidateStep) -> list[Rule]:
    return [
        row_rule(
            "invisible_characters",
            settings.limits.severity("invisible_characters"),
            "no control or zero-width character, and no mark of direction",
            gxe.ExpectColumnValuesToBeBetween(column="invisible_characters", max_value=0),
            lambda rows: rows["invisible_characters"] > 0,
            "with characters that cannot be seen (controls, zero width, marks of direction)",
            "remove them from the source: they make equal texts differ",
            "invisible_characters",
        )
    ]


def _personal(rows: Frame, settings: ValidateStep) -> list[Rule]:
    kinds = {"mail": "a mail address", "phone": "a phone number", "card": "a card number"}
    rules = []
    for column, kind in kinds.items():
        rules.append(
            row_rule(
                "personal_data",
                settings.limits.severity("personal_data"),
                f"no text with {kind}",
                gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[False]),
                lambda rows, column=column: rows[column],  # type: ignore[misc]
                f"with {kind}",
                "mask it in the source, or state that it may be used: validation.rules.personal_data: off",
                kind=column,
            )
        )
    return rules


def _copies(rows: Frame, settings: ValidateStep) -> list[Rule]:
    return [
        share_rule(
            "duplicates",
            settings.limits.severity("duplicates"),
            "validation.max_duplicate_share",
            settings.limits.max_duplicate_share,
            "further_copy",
            "with the text of an earlier row",
            "data.source.duplicates: drop removes them on import",
        )
    ]


def _near_copies(rows: Frame, settings: ValidateStep) -> list[Rule]:
    limits = settings.limits
    return [
        share_rule(
            "near_leakage",
            limits.severity("near_leakage"),
            "validation.max_near_leakage_share",
            limits.max_near_leakage_share,
            "is_near_copy",
            f"almost equal (similarity from {limits.min_similarity:g}) to a text of an earlier split",
            "they flatter the scores: split by an entity, or drop them",
            "near_copy",
        )
    ]


def _languages(rows: Frame, settings: ValidateStep) -> list[Rule]:
    limits = settings.limits
    if rows["other_language"].isna().all():
        return []
    return [
        share_rule(
            "languages",
            limits.severity("languages"),
            "validation.max_other_language_share",
            limits.max_other_language_share,
            "other_language",
            f"of a sample whose language is not {' or '.join(limits.languages)}",
            "remove them, or name their languages in validation.languages",
        )
    ]


def _tag_sequences(settings: ValidateStep) -> Rule:
    return row_rule(
        "tag_sequences",
        settings.limits.severity("tag_sequences"),
        "tags are O, B-type or I-type, each I-type follows its B-type, one tag for each token",
        gxe.ExpectColumnValuesToBeBetween(column="tag_faults", max_value=0),
        lambda rows: rows["tag_faults"] > 0,
        "whose tags are not valid BIO",
        "correct them: an entity begins with B-, and I- goes on with the same type",
        "tag_faults",
    )


def _label_rules(settings: ValidateStep) -> list[Rule]:
    labels, limits = settings.data.labels, settings.limits
    least = limits.min_rows_per_label
    shown = [escape(label) for label in labels]
    few = limits.severity("rows_per_label")
    return [
        row_rule(
            "labels_known",
            limits.severity("labels_known"),
            f"one of {listed(labels)} (data.labels)",
            gxe.ExpectColumnValuesToBeInSet(column="label", value_set=shown),
            lambda rows: ~rows["label"].isin(labels),
            lambda rows: f"with labels outside the config: {_counted(_foreign(rows, labels))}",
            "add them to data.labels, map them by data.source.rename_labels, or correct the rows",
        ),
        Rule(
            "labels_present",
            limits.severity("labels_present"),
            f"each of {listed(labels)} (data.labels)",
            gxe.ExpectColumnDistinctValuesToContainSet(column="label", value_set=shown),
            lambda rows: sum(bool(number) for number in _counts(rows, labels).values()),
            lambda rows: f"no row with {listed([label for label, n in _counts(rows, labels).items() if not n])}",
            advice="bring rows of them, or take them out of data.labels",
        ),
        Rule(
            "rows_per_label",
            few,
            f"at least {least} (validation.min_rows_per_label)",
            gxe.ExpectColumnValuesToBeBetween(column="n_rows_of_label", min_value=least),
            lambda rows: min((number for number in _counts(rows, labels).values() if number), default=0),
            lambda rows: (
                f"labels with fewer than {least} rows (validation.min_rows_per_label): "
                + _counted({label: n for label, n in _counts(rows, labels).items() if 0 < n < least})
            ),
            advice="bring more rows of them, join them with others, or lower the limit",
        ),
        _label_share(settings),
    ]


def _label_share(settings: ValidateStep) -> Rule:
    largest = settings.limits.max_label_share

    def commonest(rows: Frame) -> tuple[str, float]:
        shares = rows.drop_duplicates("label").set_index("label")["share_of_label"].dropna()
        return (str(shares.idxmax()), float(shares.max())) if len(shares) else ("", 0.0)

    def explain(rows: Frame) -> str:
        label, share = commonest(rows)
        return f"{label} has {share:.3g} of the rows, more than {largest:g} (validation.max_label_share)"

    return Rule(
        "label_share",
        settings.limits.severity("label_share"),
        f"at most {largest:g} of the rows (validation.max_label_share)",
        gxe.ExpectColumnValuesToBeBetween(column="share_of_label", max_value=largest),
        lambda rows: commonest(rows)[1],
        explain,
        advice="bring rows of the other labels, or raise the limit and mind the macro figures",
    )


def listed(labels: list[str]) -> str:
    """The first ten."""
    more = f" and {len(labels) - LABELS_SHOWN} more" if len(labels) > LABELS_SHOWN else ""
    return ", ".join(labels[:LABELS_SHOWN]) + more


def _counts(rows: Frame, labels: list[str]) -> dict[str, int]:
    """Rows of each of `labels`, 0 included."""
    found = _label_counts(rows["label"])
    return {label: found[label] for label in labels}


def _foreign(rows: Frame, labels: list[str]) -> dict[str, int]:
    """Rows of each other label, the commonest first."""
    config = set(labels)
    return {label: number for label, number in _label_counts(rows["label"]).most_common() if label not in config}


def _label_counts(labels: pd.Series) -> Counter[str]:
    return Counter({str(label): int(number) for label, number in labels.value_counts(sort=False).items() if number})


def _counted(counts: dict[str, int]) -> str:
    first = [f"{label} ({number})" for label, number in list(counts.items())[:LABELS_SHOWN]]
    return ", ".join(first) + (f" and {len(counts) - LABELS_SHOWN} more" if len(counts) > LABELS_SHOWN else "")
