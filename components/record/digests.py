"""What each stage of a run made, as digests: two runs are compared by them, and time counts in none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.base.files import canonical_json, digest_files, read_json, sha256_text
from components.base.metric_names import is_timing


def digest_tags(data_md5: str, folders: Mapping[str, Path]) -> dict[str, str]:
    """`textgate.digest.STAGE` for each stage that the run came to; `folders` are those of record.

    data is DVC's hash of the tables; weights are the files of the Hugging Face checkpoint; metrics are evaluation.json
    without the digests in it; the verdict is that of the rules on anything but time.
    """
    found = {stage: digest(folders[name]) for stage, (name, digest) in STAGES.items() if name in folders}
    return {f"textgate.digest.{stage}": value for stage, value in {"data": data_md5, **found}.items() if value}


def digest_table(table: pa.Table) -> str:
    """sha256 over names and values of the columns, in their order, however a file held them."""
    digest = hashlib.sha256()
    for name in table.column_names:
        column = table[name].combine_chunks()
        digest.update(f"{name} {len(column)}\n".encode())
        while pa.types.is_list(column.type):
            digest.update(column.value_lengths().to_numpy(zero_copy_only=False).tobytes())
            column = column.flatten()
        if pa.types.is_floating(column.type):
            digest.update(column.to_numpy(zero_copy_only=False).tobytes())
        else:
            digest.update(canonical_json(column.to_pylist()).encode())
    return digest.hexdigest()


def _metrics(folder: Path) -> str:
    return sha256_text(canonical_json(_undigested(read_json(folder / "evaluation.json"))))


def _undigested(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _undigested(inner) for key, inner in value.items() if key != "digest"}
    return [_undigested(inner) for inner in value] if isinstance(value, list) else value


def _verdict(folder: Path) -> str:
    rules = read_json(folder / "verdict.json")["rules"]
    return sha256_text(canonical_json([rule for rule in rules if not is_timing(rule["metric"])]))


# The stages after the data, each with the report that it is read from.
STAGES: dict[str, tuple[str, Callable[[Path], str]]] = {
    "encoded": ("encoded", digest_files),
    "weights": ("checkpoint", lambda folder: digest_files(folder / "hf")),
    "bundle": ("quantization", lambda folder: str(read_json(folder / "quantization.json").get("digest", ""))),
    "predictions": ("evaluation", lambda folder: digest_table(pq.read_table(folder / "predictions.parquet"))),
    "metrics": ("evaluation", _metrics),
    "verdict": ("verdict", _verdict),
}
