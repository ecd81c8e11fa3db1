"""Which split the rows are for, where files or a column say it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from glob import escape
from typing import Any

from components.base.errors import TextgateError
from components.base.settings import SPLITS, Split, SplitSettings
from pipelines.data.importing.gathering import split_of_file
from pipelines.data.init.columns import Column, Sample
from pipelines.data.sources import Source

WORDS: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "train"),
    **dict.fromkeys(("validation", "validate", "valid", "val", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation", "holdout", "heldout"), "test"),
}


@dataclass
class Splitting:
    """`says` is for the screen: which file or value is which split; `notes` what a person should look at."""

    settings: SplitSettings
    says: str
    notes: list[str] = field(default_factory=list)


def find_splits(sources: Sequence[Source], sample: Sample) -> Splitting:
    """By the names of the files where each is for a split, else by a column whose values are splits, else by share."""
    named = {source: _named_split(source) for source in sources}
    found = {split for _, split in named.values() if split}
    if "train" in found and len(found) > 1 and all(split for _, split in named.values()):
        return _by_files(named)
    if column := _split_column(sample):
        return _by_column(column)
    shares = SplitSettings().shares
    splitting = Splitting(SplitSettings(), ", ".join(f"{split} {share:.0%}" for split, share in shares.items()))
    if len(sources) > 1 and found:
        says = ", ".join(source.path.name for source, (_, split) in named.items() if split)
        others = ", ".join(source.path.name for source, (_, split) in named.items() if not split)
        why = f"{others} {'do' if ',' in others else 'does'} not say which" if others else "none is for another split"
        splitting.notes.append(f"{says}: named as a split is, but {why}; all files are taken together and divided anew")
    return splitting


def _named_split(source: Source) -> tuple[str, Split | None]:
    """By the words of the file's name, else of that of the nearest folder; with that name."""
    for name in (source.name, *reversed(source.folders)):
        found = {WORDS[word] for word in re.findall(r"[a-z]+", name.casefold()) if word in WORDS}
        if found:
            return name, found.pop() if len(found) == 1 else None
    return source.name, None


def _by_files(named: dict[Source, tuple[str, Split | None]]) -> Splitting:
    settings = SplitSettings(by="files")
    if any(_usual(source, settings) != split for source, (_, split) in named.items()):
        patterns = {split: sorted({escape(name) for name, of in named.values() if of == split}) for split in SPLITS}
        settings = SplitSettings.model_validate({"by": "files", "files": {s: p for s, p in patterns.items() if p}})
    found = {split: [source for source, (_, of) in named.items() if of == split] for split in SPLITS}
    says = ", ".join(f"{_named(files)} {split}" for split, files in found.items() if files)
    return Splitting(settings, says + _carved([split for split, files in found.items() if files]))


def _named(files: Sequence[Source]) -> str:
    if len(files) > 2:
        return f"{len(files)} files are"
    paths = ["/".join((*source.folders, source.path.name)) for source in files]
    return f"{' and '.join(paths)} {'are' if len(files) > 1 else 'is'}"


def _usual(source: Source, settings: SplitSettings) -> Split | None:
    try:
        return split_of_file(source, settings)
    except TextgateError:
        return None


def _split_column(sample: Sample) -> Column | None:
    for column in sample.columns.values():
        found = {WORDS.get(_word(value)) for value in column.values}
        if column.name and not column.many and len(found) > 1 and "train" in found and None not in found:
            return column
    return None


def _by_column(column: Column) -> Splitting:
    words = sorted({value.strip() for value in column.values})
    values = {split: [value for value in words if WORDS[_word(value)] == split] for split in SPLITS}
    given = {split: found for split, found in values.items() if found}
    fields: dict[str, Any] = {"by": "column", "column": column.name}
    usual = SplitSettings().values
    if any(value.casefold() not in usual[WORDS[_word(value)]] for value in words):
        fields["values"] = given
    says = ", ".join(f"{'/'.join(found)} is {split}" for split, found in given.items())
    return Splitting(SplitSettings.model_validate(fields), f"in {column.name!r} {says}{_carved(given)}")


def _word(value: str) -> str:
    return re.sub(r"[^a-z]", "", value.casefold())


def _carved(found: Collection[str]) -> str:
    absent = [split for split in SPLITS if split not in found]
    return f"; {' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} taken from train" if absent else ""
