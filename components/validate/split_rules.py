"""The rules on one split: its table and its texts; those on its labels are in label_rules.py."""

from __future__ import annotations

import great_expectations.expectations as gxe

from components.base.settings import ValidateStep
from components.validate.label_rules import label_rules
from components.validate.measures import Split
from components.validate.rules import Batch, Frame, Rule, count, named, row_rule, share_rule


def split_batches(split: Split, settings: ValidateStep) -> list[Batch]:
    """One batch, and for rows with lists of labels another, of a line for each label."""
    rules = _table_rules(split, settings)
    if not len(split.rows) or split.problem:
        return [Batch(split.name, split.rows, _kept(rules))]
    rules += _text_rules(split.rows, settings)
    of_labels = _kept(label_rules(settings))
    if "label" in split.rows:
        return [Batch(split.name, split.rows, _kept(rules) + of_labels)]
    return [Batch(split.name, split.rows, _kept(rules)), Batch(labels_of(split.name), split.labels, of_labels)]


def labels_of(split: str) -> str:
    """The batch with a line for each label of each row."""
    return f"{split} labels"


def _kept(rules: list[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.severity != "off"]


def _table_rules(split: Split, settings: ValidateStep) -> list[Rule]:
    limits, roles = settings.limits, settings.data.roles
    least = next((rows for name, rows in limits.min_rows.items() if name == split.name), 1)
    readable = not split.problem
    wanted = ["row"] if readable else list(roles)
    columns = Rule(
        "columns",
        limits.severity("columns") if readable else "error",
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
        ("html_entities", _entities),
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


def _entities(rows: Frame, settings: ValidateStep) -> list[Rule]:
    return [
        row_rule(
            "html_entities",
            settings.limits.severity("html_entities"),
            "no HTML entity, such as &amp;",
            gxe.ExpectColumnValuesToBeBetween(column="html_entities", max_value=0),
            lambda rows: rows["html_entities"] > 0,
            "with HTML entities, such as &amp; or &#39;",
            "unescape them in the source, unless the texts that the model will be asked about have them, too",
            "html_entities",
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
