"""What validation finds in public sets: test texts that stand in train, word for word or nearly.

`make bench NAME=data ROW="findings --show"` prints the near pairs, for the eye: whether two texts are copies of one
another nobody but a reader can say. Read so, 60 pairs of each range drawn from both sets, real copies were: of those
with a similarity of 0.9 and above all 18, from 0.8 to 0.9 54 of 60, from 0.7 to 0.8 47 of 60; that is about 100, 91
and 82 of 100 from 0.9, 0.8 and 0.7 on. The others ask for another value ("rate this album a 2") or another thing
("why is" for "is", "reactivate" for "activate").
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness import Figure
from benchmarks.public_data import SETS, Absent, find
from components.base.settings import DataSchema, ValidationSettings
from components.base.tables import table_path
from components.base.text import normalise
from components.validate.near import NearPair, find_near

SHOW = "--show"
DEFAULT = ValidationSettings().min_similarity
SIMILARITIES = sorted({0.7, 0.75, 0.85, 0.9, DEFAULT})
SCHEMA = DataSchema(labels=["not", "asked"])

Texts = dict[str, list[str]]


class Set(NamedTuple):
    """`same` is what makes two texts one in the count that others have published, which is `published`: of the
    different texts of test that stand in train."""

    name: str
    read: Callable[[Path], Texts]
    same: Callable[[str], str]
    how: str
    published: int


def figures(data: Path | None) -> list[Figure]:
    return [figure for chosen in CHOSEN for figure in _figures_of(chosen)]


def _figures_of(chosen: Set) -> list[Figure]:
    try:
        texts = chosen.read(find(chosen.name))
    except Absent as reason:
        digests = ", ".join(
            f"{file} sha256 {digest}"
            for file, digest in SETS[chosen.name].files.items()
            if file.endswith((".csv", "seq.in"))
        )
        return [Figure(f"{chosen.name}: findings", f"skipped: {reason}; {digests}", "")]
    published = _shared(texts, chosen.same)
    return [
        Figure(
            f"{chosen.name}: texts of test that stand in train, {chosen.how}",
            published,
            "texts",
            f"{chosen.published}",
            published == chosen.published,
        ),
        Figure(
            f"{chosen.name}: texts of test that stand in train, once normalised", _shared(texts, normalise), "texts"
        ),
        *_near_figures(chosen.name, texts),
    ]


def _near_figures(name: str, texts: Texts) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="textgate-bench-") as folder:
        _write_tables(Path(folder), texts)
        pairs = find_near(Path(folder), SCHEMA, list(texts), min(SIMILARITIES))
    if SHOW in sys.argv:
        _show(name, texts, pairs)
    counts = [(limit, sum(pair.similarity >= limit for pair in pairs)) for limit in SIMILARITIES]
    return [
        Figure(
            f"{name}: rows with a near copy in an earlier split, similarity {limit:g}"
            + (" (default)" if limit == DEFAULT else ""),
            count,
            f"of {sum(map(len, texts.values())) - len(texts['train'])} rows",
        )
        for limit, count in counts
    ]


def _shared(texts: Texts, same: Callable[[str], str]) -> int:
    return len({same(text) for text in texts["test"]} & {same(text) for text in texts["train"]})


def _write_tables(folder: Path, texts: Texts) -> None:
    for split, rows in texts.items():
        ids = [f"{split}-{row}" for row in range(len(rows))]
        table = pa.table({"id": ids, "text": rows, "label": pa.repeat("", len(rows))})
        pq.write_table(table, table_path(folder, split))


def _show(name: str, texts: Texts, pairs: list[NearPair]) -> None:
    for pair in sorted(pairs, key=lambda pair: -pair.similarity):
        print(f"{name} {pair.similarity:.3f} {pair.id:>16} | {texts[pair.split][pair.row].strip()}")
        print(f"{'':{len(name) + 6}} {pair.other_id:>16} | {texts[pair.other_split][pair.other_row].strip()}")


def _banking(folder: Path) -> Texts:
    texts = {}
    for split in ("train", "test"):
        with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            texts[split] = [row["text"] for row in csv.DictReader(file)]
    return texts


def _snips(folder: Path) -> Texts:
    folders = {"train": "train", "validation": "dev", "test": "test"}
    return {
        split: (folder / name / "seq.in").read_text(encoding="utf-8").splitlines() for split, name in folders.items()
    }


CHOSEN = (
    Set("banking77", _banking, str.strip, "but for white space around them", 6),
    Set("snips_joint", _snips, str, "as they stand", 22),
)
