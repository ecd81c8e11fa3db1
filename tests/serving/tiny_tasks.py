"""Bundles for pairs, several labels and tags whose answers can be told by heart, beside the one of tiny.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from components.base.truncation import Truncation
from serving.bundle import Manifest, write_manifest

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "bad", "so", "good", "new", "york", "##ers", "anna"]
LABELS = {
    "multi-label": ["negative", "neutral", "positive"],
    "text-pair": ["differs", "follows"],
    "token-tags": ["O", "B-place", "I-place", "B-person", "I-person"],
}
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "multi-label": [{"text": "good bad", "labels": ["positive", "negative"]}, {"text": "[UNK]", "labels": []}],
    "text-pair": [
        {"text": "good", "text_pair": "good", "label": "follows"},
        {"text": "good", "text_pair": "bad", "label": "differs"},
    ],
    "token-tags": [
        {
            "text": "Anna, new york!",
            "entities": [
                {"label": "place", "text": "new york", "start": 6, "end": 14},
                {"label": "person", "text": "Anna", "start": 0, "end": 4},
            ],
        }
    ],
}
# What each piece says: of several labels by itself, of pairs as the first text and as the second, of tags its own.
VOTES: dict[str, dict[str, list[float]]] = {
    "multi-label": {"bad": [8, 0, 0], "so": [0, 8, 0], "good": [0, 0, 6]},
    "text-pair": {"good": [0, 0, 0, 4], "bad": [0, 4, 4, 0]},
    "token-tags": {
        "new": [0, 4, 0, 0, 0],
        "york": [0, 0, 4, 0, 0],
        "##ers": [0, 0, 0, 9, 0],
        "anna": [0, 0, 0, 2, 0],
    },
}


def write_tokenizer(path: Path) -> None:
    """Lower-cased pieces of words, and type 1 for the second text of a pair."""
    pieces = {piece: number for number, piece in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(path))


def write_model(path: Path, task: str) -> None:
    """logits: for tags each token's votes, with 1 for O; else their sum (of pairs by type, times the other's), less 1
    for several labels."""
    labels, width = len(LABELS[task]), len(next(iter(VOTES[task].values())))
    votes = np.zeros((len(VOCABULARY), width), np.float32)
    for piece, row in VOTES[task].items():
        votes[VOCABULARY.index(piece)] = row
    weights = {"votes": votes, "middle": np.array([1], np.int64)}
    nodes = [helper.make_node("Gather", ["votes", "input_ids"], ["each"])]
    inputs, shape = ["input_ids", "attention_mask"], ["batch", labels]
    if task == "token-tags":
        weights["outside"] = np.eye(1, labels, dtype=np.float32)[0]
        nodes.append(helper.make_node("Add", ["each", "outside"], ["logits"]))
        shape = ["batch", "length", labels]
    elif task == "multi-label":
        weights["less"] = np.array([1], np.float32)
        nodes.append(helper.make_node("ReduceSum", ["each", "middle"], ["sum"], keepdims=0))
        nodes.append(helper.make_node("Sub", ["sum", "less"], ["logits"]))
    else:
        inputs.append("token_type_ids")
        # Votes of the first text stand in the first two columns, of the second in the others.
        weights["columns"] = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.float32)
        weights["fold"] = np.tile(np.eye(2, dtype=np.float32), (2, 1))
        nodes += [
            helper.make_node("Gather", ["columns", "token_type_ids"], ["side"]),
            helper.make_node("Mul", ["each", "side"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "middle"], ["sum"], keepdims=0),
            helper.make_node("MatMul", ["sum", "fold"], ["logits"]),
        ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in inputs],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_bundle(folder: Path, task: str, **changes: Any) -> Manifest:
    folder.mkdir(parents=True)
    write_model(folder / "model.onnx", task)
    write_tokenizer(folder / "tokenizer.json")
    (folder / "canary.json").write_text(json.dumps(changes.pop("examples", EXAMPLES[task])), encoding="utf-8")
    sealed: dict[str, Any] = {
        "name": "tiny",
        "task": task,
        "labels": LABELS[task],
        "truncation": Truncation("head", 10),
        "temperature": 1.0,
        "precision": "float32",
        "versions": {},
        "thresholds": [0.5] * len(LABELS[task]) if task == "multi-label" else [],
    }
    return write_manifest(folder, **sealed | changes)
