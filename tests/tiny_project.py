"""A whole tiny project in a folder: three labels, a few hundred rows, a two-layer BERT, and its DVC objects."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from components.base.dvc_tree import hash_folder, object_key, tree_bytes
from components.base.files import sha256_text, write_json

LABELS = ["bad", "good", "plain"]
WORDS = {
    "bad": ["awful", "broken", "late", "rude", "never", "worst"],
    "good": ["great", "love", "best", "happy", "thanks", "nice"],
    "plain": ["opens", "street", "today", "ships", "number", "store"],
}
FILLER = ["the", "a", "it", "was", "and", "service", "phone", "flight", "we", "they", "very", "new"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make_rows(count: int, seed: int = 0, noise: float = 0.0) -> list[dict[str, str]]:
    """Texts of 4 to 14 words, two of them from their label's list; `noise` is the share with another label."""
    rng = np.random.default_rng(seed)
    rows: dict[str, dict[str, str]] = {}
    while len(rows) < count:
        label = LABELS[len(rows) % len(LABELS)]
        words = list(rng.choice(FILLER, rng.integers(2, 13))) + list(rng.choice(WORDS[label], 2))
        text = " ".join(rng.permutation(words))
        if rng.random() < noise:
            label = str(rng.choice(LABELS))
        rows.setdefault(text, {"id": sha256_text(text)[:16], "text": text, "label": label})
    return sorted(rows.values(), key=lambda row: row["id"])


TAGS = ["O", *(f"{letter}-{label}" for label in LABELS for letter in "BI")]


def make_task_rows(task: str, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """multi-label: which lists its words are from; text-pair: whose list the second text's word is from; token-tags:
    words of a list are an entity of that label, of one word or two."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        words = list(map(str, rng.choice(FILLER, rng.integers(2, 6))))
        tags = ["O"] * len(words)
        labels = [str(label) for label in rng.permutation(LABELS)[: rng.integers(1, 3)]]
        for label in labels:
            size = int(rng.integers(1, 3))
            words += [*map(str, rng.choice(WORDS[label], size)), str(rng.choice(FILLER))]
            tags += [*[f"B-{label}", f"I-{label}"][:size], "O"]
        row: dict[str, Any] = {"id": f"{number:04}"}
        if task == "token-tags":
            row |= {"tokens": words, "tags": tags}
        elif task == "multi-label":
            row |= {"text": " ".join(words), "label": sorted(labels)}
        else:
            second = str(rng.choice(LABELS))
            other = [*map(str, rng.choice(FILLER, 2)), str(rng.choice(WORDS[second]))]
            row |= {"text": " ".join(words), "text_pair": " ".join(other), "label": second}
        rows.append(row)
    return rows


def write_tables(folder: Path, splits: dict[str, list[dict[str, Any]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        strings, lists = pa.string(), pa.list_(pa.string())
        first = rows[0] if rows else dict.fromkeys(("id", "text", "label"), "")
        schema = pa.schema([(name, lists if isinstance(value, list) else strings) for name, value in first.items()])
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / f"{split}.parquet")


def split_rows(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    first, second = int(len(rows) * 0.6), int(len(rows) * 0.8)
    return {"train": rows[:first], "validation": rows[first:second], "test": rows[second:]}


def write_base_model(folder: Path, hidden: int = 32, layers: int = 2, activation: str = "gelu") -> None:
    """A randomly initialised BERT in Hugging Face layout, with a tokenizer of whole words."""
    folder.mkdir(parents=True)
    words = SPECIAL + FILLER + sorted({word for words in WORDS.values() for word in words})
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"})
    config: dict[str, Any] = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": len(words),
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": hidden * 2,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "hidden_act": activation,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    write_json(folder / "config.json", config)
    save_file(_random_weights(config), folder / "model.safetensors")


def _random_weights(config: dict[str, Any]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], hidden),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        "pooler.dense.weight": (hidden, hidden),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            shapes[f"{prefix}.attention.self.{part}.weight"] = (hidden, hidden)
        shapes[f"{prefix}.attention.output.dense.weight"] = (hidden, hidden)
        shapes[f"{prefix}.intermediate.dense.weight"] = (wide, hidden)
        shapes[f"{prefix}.output.dense.weight"] = (hidden, wide)
        norms += [f"{prefix}.attention.output.LayerNorm", f"{prefix}.output.LayerNorm"]
    weights = {name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    for name in list(weights):
        if name.endswith("dense.weight") or ".self." in name:
            weights[name.replace("weight", "bias")] = rng.normal(0, 0.02, weights[name].shape[:1]).astype(np.float32)
    for name in norms:
        weights[f"{name}.weight"] = np.ones(hidden, dtype=np.float32)
        weights[f"{name}.bias"] = np.zeros(hidden, dtype=np.float32)
    return weights


# So lenient towards a challenger that a tiny one is often promoted.
GATE_RULES: dict[str, Any] = {
    "accuracy": {"at_least": 0.6},
    "macro_f1": {"at_least": 0.6},
    "agreement": {"at_least": 0.9},
    "float": {"margin": 0.05},
    "champion": {"test": "non_inferior", "margin": 0.2},
}


def store_objects(tables: Path, remote: Path) -> str:
    """Puts a folder's files into a DVC remote and gives the tree's md5."""
    md5, entries = hash_folder(tables)
    for entry in entries:
        target = remote / object_key(entry.md5)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tables / entry.relpath, target)
    tree = remote / object_key(md5)
    tree.parent.mkdir(parents=True, exist_ok=True)
    tree.write_bytes(tree_bytes(entries))
    return md5


def write_version(project: Path, splits: dict[str, list[dict[str, str]]]) -> None:
    write_tables(project / "data", splits)
    md5 = store_objects(project / "data", project / "remote")
    size = sum(path.stat().st_size for path in (project / "data").iterdir())
    out = {"md5": md5, "size": size, "nfiles": len(splits), "hash": "md5", "path": "data"}
    (project / "data.dvc").write_text(yaml.safe_dump({"outs": [out]}))


def write_config(project: Path, **changes: Any) -> Path:
    config: dict[str, Any] = {
        "name": "tiny",
        "data": {"version": "data.dvc", "remotes": ["remote"], "labels": LABELS},
        "base_model": {"reference": "base_model"},
        "validation": {"min_rows": {"train": 100, "validation": 30, "test": 30}, "min_rows_per_label": 5},
        "tokenization": {"max_length": 24},
        "training": {
            "epochs": 12,
            "batch_size": 16,
            "learning_rate": 0.005,
            "bucket_lengths": [12, 24],
            "dropout": 0.0,
        },
        "quantization": {"min_agreement": 0.9, "max_accuracy_drop": 0.05},
        "gate": {"rules": GATE_RULES},
        "promote": {"mode": "auto"},
        "deploy": {"mode": "auto"},
        **changes,
    }
    path = project / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"))


def write_project(project: Path) -> Path:
    """The folder, outside the checkout, with tiny.yaml, data.dvc, remote/, data/ and base_model/."""
    write_version(project, split_rows(make_rows(360, noise=0.1)))
    write_base_model(project / "base_model")
    write_config(project)
    return project
