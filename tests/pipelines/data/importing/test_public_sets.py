"""Public data sets as they are published; they lie in the folder that DATA names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.pipelines.data.importing.conftest import Result, Write

Public = Callable[[str], Path]
Build = Callable[..., Result]
FILES: dict[str, Any] = {"split": {"by": "files"}}


def test_banking77_leaks_what_is_known_of_it(public_data: Public, build: Build) -> None:
    folder = public_data("banking77")
    result = build(folder / "train.csv", folder / "test.csv", columns={"label": "category"}, source=FILES)
    assert result.built.read == result.built.kept == 10_003 + 3_080
    assert len(result.built.table) == 77 and result.built.splits["test"] == 3_080
    assert abs(result.built.splits["validation"] - 10_003 / 9) < 10
    assert all(min(rows) > 0 for rows in result.built.table.values())
    # But for case and space, seven texts of test stand in train.
    assert any(remark.startswith("a text that stands in a later split: 7 rows") for remark in result.built.remarks)
    assert build(
        folder / "test.csv", folder / "train.csv", columns={"label": "category"}, source={**FILES, "leaks": "drop"}
    ).built.dropped == {"a text that stands in a later split": 7}


def test_clinc150_by_a_column(public_data: Public, write: Write, build: Build) -> None:
    content = json.loads((public_data("clinc150") / "data_full.json").read_text(encoding="utf-8"))
    lines = [
        json.dumps({"text": text, "intent": intent, "part": part.removeprefix("oos_")})
        for part, rows in content.items()
        for text, intent in rows
    ]
    result = build(
        write("clinc.jsonl", "\n".join(lines)),
        columns={"label": "intent"},
        source={"split": {"by": "column", "column": "part"}},
    )
    assert result.built.splits == {"train": 15_100, "validation": 3_100, "test": 5_500}
    assert len(result.built.table) == 151


def test_snips_joint_as_lists_of_tokens_and_tags(public_data: Public, write: Write, build: Build) -> None:
    paths = []
    for part in ("train", "dev", "test"):
        folder = public_data("snips_joint") / part
        tokens, tags = ((folder / name).read_text(encoding="utf-8").splitlines() for name in ("seq.in", "seq.out"))
        rows = ({"tokens": text.split(" "), "tags": tag.split(" ")} for text, tag in zip(tokens, tags, strict=True))
        rows = ({name: [item for item in values if item] for name, values in row.items()} for row in rows)
        paths.append(write(f"{part}.jsonl", "\n".join(map(json.dumps, rows))))
    built = build(*paths, task="token-tags", source=FILES).built
    assert built.splits == {"train": 13_084, "validation": 700, "test": 700}
    assert len(built.table) == 39 + ("O" in built.table)


def test_wnut17_as_it_is(public_data: Public, build: Build) -> None:
    folder = public_data("wnut17")
    files = [folder / name for name in ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")]
    result = build(*files, task="token-tags", source=FILES)
    assert result.built.splits == {"train": 3_394, "validation": 1_009, "test": 1_287}
    assert sum(len(row["tokens"]) for row in result.rows["test"]) == 23_394
    kinds = {"corporation", "creative-work", "group", "location", "person", "product", "O"}
    assert set(result.built.table) == kinds
