from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

WORDS = ("a", "cat", "dog", "ran", "over", "lazy", "brown", "fox", "to", "see", "my", "big", "house", "red", "tree")
Table = Callable[..., Path]


@pytest.fixture
def texts() -> Callable[[int], list[str]]:
    """Sentences that differ from one another."""

    def make(count: int) -> list[str]:
        chance = random.Random(5)
        return [" ".join([*chance.choices(WORDS, k=chance.randint(4, 9)), str(number)]) for number in range(count)]

    return make


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Writes a CSV (or what else `delimiter` makes of it) with the columns of `header` and gives its path."""

    def write(
        name: str,
        header: Sequence[str],
        rows: Iterable[Sequence[Any]],
        delimiter: str = ",",
        encoding: str = "utf-8",
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = io.StringIO(newline="")
        csv.writer(lines, delimiter=delimiter).writerows([header, *rows])
        content = lines.getvalue().encode(encoding)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write
