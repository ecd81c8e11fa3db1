"""Token tags: two columns with lists of the same length in each row."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.data.init import names
from pipelines.data.init.columns import Column, Sample

TAG = re.compile(r"O|[BIESLU]-\S+")
BIO = re.compile(r"O|[BI]-\S+")
SAME_LENGTH = 0.98


def find_tokens(sample: Sample) -> tuple[str, str] | None:
    """The columns of tokens and tags, in which their names or the tags' look agree."""
    lists = [column for column in sample.columns.values() if column.is_list and not column.objects and column.name]
    pairs = [(tokens, tags) for tokens in lists for tags in lists if tokens is not tags and _parallel(tokens, tags)]
    fitting = [
        (tokens.name, tags.name, _are_bio(tags))
        for tokens, tags in pairs
        if (_are_bio(tags) and not _are_bio(tokens))
        or (_place(names.TOKENS, tokens.name) is not None and _place(names.TAGS, tags.name) is not None)
    ]
    if not fitting:
        return None
    best = min(fitting, key=lambda pair: (not pair[2], _place(names.TAGS, pair[1]) or 0))
    return best[:2]


def tag_notes(tags: Column) -> list[str]:
    """About tags that are not BIO."""
    odd = sorted(value for value in tags.values if not BIO.fullmatch(value))
    if not odd:
        return []
    shown = ", ".join(map(repr, odd[:3])) + (f" and {len(odd) - 3} more" if len(odd) > 3 else "")
    return [
        f"tags that are not BIO (O, B-type, I-type), which validation refuses: {shown}; data.source.rename_labels can"
        " give them other names"
    ]


def _parallel(one: Column, other: Column) -> bool:
    common = one.lengths.keys() & other.lengths.keys()
    same = sum(one.lengths[row] == other.lengths[row] for row in common)
    return bool(common) and same >= SAME_LENGTH * len(common) and any(one.lengths[row] > 1 for row in common)


def _place(order: Sequence[str], name: str) -> int | None:
    return order.index(names.plain(name)) if names.plain(name) in order else None


def _are_bio(column: Column) -> bool:
    return bool(column.values) and not column.many and all(TAG.fullmatch(value) for value in column.values)
