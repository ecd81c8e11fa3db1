"""The text of a config: what was found and measured as settings, with comments for the person who reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.base.settings import ROLES, SourceSettings, SplitSettings
from components.base.text import normalise
from pipelines.data.init.gate_rules import gate_rules
from pipelines.data.init.limits import PERCENTILE, Limits
from pipelines.data.init.measuring import Measures
from pipelines.data.init.reading import DELIMITERS, Reading
from pipelines.data.init.roles import Roles
from pipelines.data.init.splits import Splitting
from pipelines.data.init.target import Target
from pipelines.data.init.yaml_text import YamlText, flow, scalar

MANY = 20
FEW_ROWS = 3


@dataclass(frozen=True)
class Found:
    """All that a config is written from; `files` are the paths as they may be shown, `labels` in their order."""

    target: Target
    base_model: str
    files: Sequence[str]
    reading: Reading
    roles: Roles
    splitting: Splitting
    measures: Measures
    limits: Limits
    labels: list[str]


def config_text(found: Found, commands: Sequence[str]) -> str:
    text = YamlText()
    text.note(
        f"Written by `textgate init` from {listed(found.files, 6)} ({found.measures.read:,} rows), as a draft: read it,"
        " change what you know better, and drop the comments that have done their work."
    )
    text.lines.append("#")
    for command in commands:
        text.command(command)
    text.put("name", found.target.name)
    _data(text, found)
    _validation(text, found)
    text.section("base_model")
    text.put("reference", found.base_model, 1)
    _training(text, found)
    _gate(text, found)
    text.put("promote", {"mode": "manual"}, comment="auto promotes whatever passes the gate")
    text.put(
        "deploy", {"mode": "manual"}, comment="auto serves what was promoted; `textgate promote` does both by hand"
    )
    return text.text()


def _data(text: YamlText, found: Found) -> None:
    text.section("data")
    text.put("task", found.roles.task, 1)
    text.put("version", found.target.version, 1, "the DVC file that `textgate data import` writes; commit it to git")
    text.put("remotes", [found.target.cache], 1, "where the data lies; for a cluster, s3://bucket/prefix")
    _columns(text, found)
    _labels(text, found)
    _source(text, found)


def _columns(text: YamlText, found: Found) -> None:
    text.section("columns", 1)
    for note in found.roles.notes:
        text.note(note, 2)
    columns = found.roles.columns
    made = "no column is taken for an id: each row gets one that is made from its text"
    if found.roles.unique:
        made += f" (unique are {listed([scalar(name) for name in found.roles.unique], 5)})"
    text.put("id", columns["id"], 2, "" if found.roles.own_id else made)
    for role in ROLES[found.roles.task][1:]:
        text.put(role, columns[role], 2)
    if others := [name for name in found.roles.others if name][:MANY]:
        text.note(f"Further columns, for slices and to trace rows, would be kept by:  keep: {flow(others)}", 2)


def _labels(text: YamlText, found: Found) -> None:
    counts = found.measures.labels
    common = counts.most_common()
    what = "tags" if found.roles.task == "token-tags" else "labels"
    text.note(
        f"{len(common)} {what}, from {scalar(common[0][0])} ({common[0][1]:,}) down to {scalar(common[-1][0])}"
        f" ({common[-1][1]:,})",
        1,
    )
    if rare := rare_labels(found.measures):
        text.note(
            f"In fewer than {FEW_ROWS} rows, so that not every split can have one, which validation refuses (merge them"
            f" by rename_labels, or take them out): {listed([scalar(label) for label in rare], MANY)}",
            1,
        )
    if faults := fault_note(found.measures):
        text.note(faults, 1)
    text.put("labels", found.labels, 1)


def fault_note(measures: Measures) -> str:
    if not measures.faults:
        return ""
    return (
        f"{counted(measures.faults, 'row')} with tags that are not valid BIO, which validation refuses: an entity"
        " begins with B-type, and I-type goes on with the same type"
    )


def rare_labels(measures: Measures) -> list[str]:
    return [label for label, rows in sorted(measures.by_split.items()) if sum(rows) < FEW_ROWS]


def renames(measures: Measures) -> dict[str, str]:
    """Labels that differ from a commoner one by case, width or space only, and that one."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for label, _ in sorted(measures.labels.items(), key=lambda item: (-item[1], item[0])):
        alike[normalise(label)].append(label)
    return {other: group[0] for group in alike.values() for other in group[1:]}


def _source(text: YamlText, found: Found) -> None:
    settings, measures = found.reading.settings, found.measures
    text.note("How `textgate data import` reads the files; nothing here changes what a run does with the tables.", 1)
    text.section("source", 1)
    if settings.encoding:
        text.put(
            "encoding", settings.encoding, 2, "a guess: check the letters beyond ASCII" * bool(found.reading.guesses)
        )
    if settings.delimiter:
        text.put("delimiter", settings.delimiter, 2, DELIMITERS.get(settings.delimiter, ""))
    if not settings.quote:
        text.put("quote", "", 2, "quotes are part of the texts: read as enclosing fields, many rows do not fit")
    if found.roles.separator:
        text.put("label_separator", found.roles.separator, 2)
    if same := renames(measures):
        text.note(
            "Some labels differ only by case or space. To make them one, take out the # and, in data.labels, those on"
            " the left:",
            2,
        )
        text.lines.append(f"    # rename_labels: {flow(same)}")
        if measures.contradictions:
            text.note("(Copies of a text whose labels differ by no more are contradictions below until then.)", 2)
    _bad_rows(text, found)
    _copies(text, found)
    _split(text, found.splitting, found.roles)


def _bad_rows(text: YamlText, found: Found) -> None:
    bad = found.measures.bad
    if bad.total():
        reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in bad.most_common())
        text.note(
            f"{counted(bad.total(), 'row')} of {found.measures.read:,} cannot be taken ({reasons}): refuse stops the"
            " import and names them, drop leaves them out and lists them",
            2,
        )
    text.put("bad_rows", "refuse", 2)


def _copies(text: YamlText, found: Found) -> None:
    for key, says in copy_notes(found.measures, found.splitting.settings).items():
        text.put(key, "keep", 2, says)


def copy_notes(measures: Measures, split: SplitSettings) -> dict[str, str]:
    """What there is for each setting of copies, and what the other value would do."""
    leaks = "no text stands in two splits" if split.by != "share" else "copies of a text always get one split"
    rows = {
        "duplicates": (measures.duplicates, "a further copy of a text with the same label", "takes it out"),
        "contradictions": (
            measures.contradictions,
            "a text whose copies have different labels, which validation refuses",
            "takes all of them out",
        ),
        "leaks": (
            measures.leaks,
            "a text that stands in a later split, too, which validation refuses",
            "takes it out of the earlier one",
        ),
    }
    said = {"duplicates": "none", "contradictions": "none", "leaks": leaks}
    return {
        key: f"{counted(count, 'row')} with {what}; drop {does}" if count else said[key]
        for key, (count, what, does) in rows.items()
    }


def _split(text: YamlText, splitting: Splitting, roles: Roles) -> None:
    split, usual = splitting.settings, SplitSettings()
    text.section("split", 2)
    for note in splitting.notes:
        text.note(note, 3)
    text.put("by", split.by, 3, splitting.says)
    if split.by == "column":
        text.put("column", split.column, 3)
        if split.values != usual.values:
            text.put("values", split.values, 3)
    if split.by == "files" and split.files != usual.files:
        text.put("files", split.files, 3)
    if split.by == "share":
        text.put("shares", dict(split.shares), 3)
        if roles.entities:
            text.note(
                f"Rows of one {roles.entities[0]} may be too alike for different splits; to keep them together:", 3
            )
            text.lines += [f"      # entity: {scalar(name)}" for name in roles.entities]
        if roles.times:
            text.note("To test on the latest rows, as in use (not with entity, too, whose rows are of all times):", 3)
            text.lines += [f"      # time: {scalar(name)}" for name in roles.times]


def _validation(text: YamlText, found: Found) -> None:
    limits, measures = found.limits, found.measures
    characters = [int(value) for value in np.percentile(measures.characters, [50, PERCENTILE, 100])]
    text.note("What the data must keep, or a run refuses it; about half, or half as much again, of what it has now.")
    text.section("validation")
    text.put("min_rows", limits.min_rows, 1, f"now {flow(measures.rows)}")
    least = min(rows for counts in measures.by_split.values() for rows in counts)
    text.put(
        "min_rows_per_label", limits.min_rows_per_label, 1, f"in each split, where the rarest label has {least:,} now"
    )
    text.put("max_label_share", limits.max_label_share, 1, f"the commonest has {measures.largest_share:.3g} now")
    text.put(
        "max_text_length",
        limits.max_text_length,
        1,
        f"characters; now half have at most {characters[0]:,}, {PERCENTILE} % {characters[1]:,}, all {characters[2]:,}",
    )
    if limits.too_long:
        text.note(
            f"Much longer than all others, and beyond this limit: {counted(limits.too_long, 'text')}; look at them",
            1,
        )


def _training(text: YamlText, found: Found) -> None:
    limits, tokens = found.limits, found.measures.tokens
    percentiles = [int(value) for value in np.percentile(tokens, [50, PERCENTILE, 100])]
    text.section("tokenization")
    text.put(
        "max_length",
        limits.max_length,
        1,
        f"tokens; half of the texts have at most {percentiles[0]:,}, {PERCENTILE} % {percentiles[1]:,}, all"
        f" {percentiles[2]:,}",
    )
    if limits.cut_share > 1 - PERCENTILE / 100:
        choices = (
            "head or tail" if found.roles.task in ("text-pair", "token-tags") else "head, tail, head_tail or chunk"
        )
        text.note(
            f"{limits.cut_share:.1%} of the texts are longer, and lose what is behind; {choices} say what stays", 1
        )
        text.put("truncation", "head", 1)
    if found.measures.unknown_share > 0.01:
        text.note(
            f"{found.measures.unknown_share:.1%} of the tokens are unknown to this base model, which is for English; a"
            " run refuses more than max_unknown_share (0.1). Name one for your language in base_model.reference",
            1,
        )
    text.section("training")
    text.put("seed", 1, 1)
    text.put("epochs", limits.epochs, 1, "the best one on the validation rows is kept")
    text.put("batch_size", 32, 1)
    text.put("bucket_lengths", limits.bucket_lengths, 1, "batches are padded to one of these")
    text.put("learning_rate", 1.0e-4, 1)
    if found.roles.task in ("multi-label", "token-tags"):
        of = "entities, of whatever type" if found.roles.task == "token-tags" else "all decisions on labels"
        text.put("keep_best", "micro_f1", 1, f"F1 over {of}, says which epoch is best")


def _gate(text: YamlText, found: Found) -> None:
    text.note(
        "What a model must reach on the test rows, by rules with names; modest, to be raised when you know what is"
        " possible. Others hold besides (README, The gate): a rule of the same name changes one."
    )
    text.section("gate")
    text.section("rules", 1)
    for name, (rule, comment) in gate_rules(found.roles.task, found.limits.min_accuracy).items():
        text.put(name, rule, 2, comment)


def counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"


def listed(items: Sequence[str], most: int) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def source_settings(found_reading: Reading, roles: Roles, splitting: Splitting) -> SourceSettings:
    return found_reading.settings.model_copy(update={"label_separator": roles.separator, "split": splitting.settings})
