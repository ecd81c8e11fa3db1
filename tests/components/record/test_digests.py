from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.files import read_json, write_json
from components.record.digests import digest_table, digest_tags
from tests.mlflow_store import write_checkpoint

MD5 = "0123456789abcdef0123456789abcdef.dir"
Change = Callable[[Path], None]


@pytest.fixture
def folders(tmp_path: Path, report_writers: SimpleNamespace) -> dict[str, Path]:
    (tmp_path / "encoded").mkdir()
    (tmp_path / "encoded" / "train.arrow").write_bytes(b"rows")
    write_checkpoint(tmp_path / "checkpoint", "trained")
    write_json(tmp_path / "checkpoint" / "training.json", {"seconds": 1.5})
    write_json(tmp_path / "quantization" / "quantization.json", {"digest": "d" * 64})
    report_writers.evaluation(tmp_path / "evaluation", "d" * 64, champion="7")
    report_writers.verdict(tmp_path / "verdict")
    names = ("encoded", "checkpoint", "quantization", "evaluation", "verdict")
    return {name: tmp_path / name for name in names}


def edit(path: Path, **changes: Any) -> None:
    write_json(path, {**read_json(path), **changes})


def change_rules(path: Path, **changes: Any) -> None:
    report = read_json(path)
    edit(path, rules=[*report["rules"], {**report["rules"][0], **changes}])


def rewrite(path: Path, probability: float | None = None) -> None:
    """The same table in another file; with another probability where one is given."""
    table = pq.read_table(path)
    if probability is not None:
        shares = [[probability, *row[1:]] for row in table["probabilities"].to_pylist()]
        table = table.set_column(3, "probabilities", pa.array(shares, pa.list_(pa.float32())))
    pq.write_table(table, path, compression="zstd", row_group_size=1)


def other_digest(path: Path) -> None:
    edit(path, bundle={**read_json(path)["bundle"], "digest": "f" * 64})


TABLE, FIGURES, VERDICT = "evaluation/predictions.parquet", "evaluation/evaluation.json", "verdict/verdict.json"
CHANGES: list[tuple[str, str, Change]] = [
    ("encoded", "encoded/train.arrow", lambda path: path.rename(path.with_name("other.arrow"))),
    ("weights", "checkpoint/hf/model.safetensors", lambda path: path.unlink()),
    ("", "checkpoint/training.json", lambda path: edit(path, seconds=2.5)),
    ("bundle", "quantization/quantization.json", lambda path: edit(path, digest="e" * 64)),
    ("predictions", TABLE, lambda path: rewrite(path, 0.5)),
    ("", TABLE, rewrite),
    ("metrics", FIGURES, lambda path: edit(path, rows=91)),
    ("", FIGURES, other_digest),
    ("verdict", VERDICT, lambda path: change_rules(path, metric="brier")),
    ("", VERDICT, lambda path: change_rules(path, metric="p95_ms", observed=3.5)),
    ("", VERDICT, lambda path: change_rules(path, metric="bench_load_s", observed=3.5)),
    ("", VERDICT, lambda path: edit(path, summary="other words")),
]


@pytest.mark.parametrize(("stage", "file", "change"), CHANGES)
def test_each_stage_has_a_digest_of_its_own_and_time_is_in_none(
    folders: dict[str, Path], tmp_path: Path, stage: str, file: str, change: Change
) -> None:
    before = digest_tags(MD5, folders)
    change(tmp_path / file)
    after = digest_tags(MD5, folders)
    assert [name.rpartition(".")[2] for name in before if before[name] != after[name]] == [stage] * bool(stage)


def test_what_was_not_reached_has_no_digest(folders: dict[str, Path]) -> None:
    del folders["evaluation"], folders["verdict"]
    tags = digest_tags(MD5, folders)
    assert tags["textgate.digest.data"] == MD5
    assert [name.rpartition(".")[2] for name in tags] == ["data", "encoded", "weights", "bundle"]


def test_lists_of_tables_count_by_their_lengths() -> None:
    one, other = ([[["a"], ["b", "c"]]], [[["a", "b"], ["c"]]])
    kinds = pa.list_(pa.list_(pa.string()))
    first, second = (digest_table(pa.table({"tags": pa.array(value, kinds)})) for value in (one, other))
    assert first != second
