"""What a search for bad slices may tell rows apart by: what is known when a text arrives, and the true label."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.base.settings import SliceSettings
from components.base.targets import Targets
from components.base.truncation import Integers
from components.evaluate.slices.known import known_slices
from components.evaluate.slices.slice import lengths_of
from components.evaluate.slices.words import common_words


class Features(NamedTuple):
    """`values` float32 [rows, features], whole numbers from 0; of one that is a `flag` 0 or 1. One that is `known` is a
    slice by itself."""

    names: list[str]
    flag: NDArray[np.bool_]
    known: NDArray[np.bool_]
    values: NDArray[np.float32]


def features_of(
    table: pa.Table, targets: Targets, settings: SliceSettings, rows: Integers, units: Integers, least: int
) -> Features:
    """Of some of the rows; `units` int64 [all rows]. Flags are those that `least` rows have, and as many have not."""
    numbers: dict[str, NDArray[np.int64]] = {}
    words: dict[str, NDArray[np.bool_]] = {}
    parts = _parts(targets, rows)
    for part, texts in parts.items():
        numbers |= {f"{name} of {part}" if len(parts) > 1 else name: found for name, found in _numbers(texts).items()}
        common = common_words(texts, units[rows], least)
        words |= {f"'{word}' in {part}": common.rows[:, place] for place, word in enumerate(common.names)}
    if len(parts) > 1:
        numbers["% of words in both texts"] = _shared(*parts.values())
    slices = known_slices(table, targets, settings)
    known = {each.name: each.rows[rows] for each in slices if each.by != "length"}
    known = {name: has for name, has in known.items() if least <= has.sum() <= len(rows) - least}
    columns = [*numbers.values(), *words.values(), *known.values()]
    number = np.arange(len(columns))
    return Features(
        names=[*numbers, *words, *known],
        flag=number >= len(numbers),
        known=number >= len(numbers) + len(words),
        values=np.stack(columns, axis=1).astype(np.float32),
    )


def _parts(targets: Targets, rows: Integers) -> dict[str, list[str]]:
    """The texts of rows by the name of their role."""
    chosen = [targets.rows[row] for row in rows]
    if targets.task.per_word:
        return {"text": [" ".join(words) for words in chosen]}
    if len(targets.task.inputs) == 1:
        return {"text": chosen}
    return {name: [row[place] for row in chosen] for place, name in enumerate(targets.task.inputs)}


def _numbers(texts: list[str]) -> dict[str, NDArray[np.int64]]:
    held, lengths = pa.array(texts, pa.string()), lengths_of(texts)
    return {
        "length": lengths,
        "words": _count(held, r"\S+"),
        "% capitals": _percent(_count(held, r"\p{Lu}"), _count(held, r"\p{L}")),
        "% digits": _percent(_count(held, r"\p{Nd}"), lengths),
    }


def _count(texts: pa.Array, pattern: str) -> NDArray[np.int64]:
    return np.asarray(pc.count_substring_regex(texts, pattern), np.int64)


def _percent(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.int64]:
    return 100 * part // np.maximum(whole, 1)


def _shared(first: list[str], second: list[str]) -> NDArray[np.int64]:
    both = [
        (set(one.casefold().split()), set(other.casefold().split())) for one, other in zip(first, second, strict=True)
    ]
    common, all_words = (np.array([len(f(*pair)) for pair in both], np.int64) for f in (set.intersection, set.union))
    return _percent(common, all_words)
