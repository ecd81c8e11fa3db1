"""A bundle of a few hundred bytes whose answers can be told by heart: each word votes for its label, texts average."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from components.base.truncation import Truncation
from serving.bundle import Manifest, write_manifest

LABELS = ["negative", "neutral", "positive"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "bad", "so", "good"]
EXAMPLES = [("good good so", "positive"), ("bad", "negative"), ("so so", "neutral")]
VOTE = 4.0
SHORT = Truncation("head", 8)


def write_tokenizer(path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(path))


def write_model(path: Path, votes: Mapping[str, str], labels: int = 3, token_types: bool = False) -> None:
    """logits = mean of the tokens' votes under the mask, times VOTE."""
    embedding = np.zeros((len(VOCABULARY), labels), np.float32)
    for word, label in votes.items():
        embedding[VOCABULARY.index(word), LABELS.index(label)] = VOTE
    nodes = [
        helper.make_node("Gather", ["embedding", "input_ids"], ["tokens"]),
        helper.make_node("Cast", ["attention_mask"], ["weights"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["weights", "last"], ["column"]),
        helper.make_node("Mul", ["tokens", "column"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "middle"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["weights", "middle"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("MatMul", ["mean", "identity"], ["logits"]),
    ]
    inputs = ["input_ids", "attention_mask"] + (["token_type_ids"] if token_types else [])
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in inputs],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels])],
        [
            numpy_helper.from_array(embedding, "embedding"),
            numpy_helper.from_array(np.eye(labels, dtype=np.float32), "identity"),
            numpy_helper.from_array(np.array([2], np.int64), "last"),
            numpy_helper.from_array(np.array([1], np.int64), "middle"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_bundle(
    folder: Path,
    *,
    examples: Sequence[tuple[str, str]] = EXAMPLES,
    reversed_votes: bool = False,
    truncation: Truncation = SHORT,
    temperature: float = 2.0,
) -> Manifest:
    """With `reversed_votes` good means negative and bad means positive."""
    folder.mkdir(parents=True)
    votes = {"bad": "negative", "so": "neutral", "good": "positive"}
    if reversed_votes:
        votes |= {"bad": "positive", "good": "negative"}
    write_model(folder / "model.onnx", votes)
    write_tokenizer(folder / "tokenizer.json")
    stored = [{"text": text, "label": label} for text, label in examples]
    (folder / "canary.json").write_text(json.dumps(stored), encoding="utf-8")
    (folder / "README.md").write_text("# tiny\n", encoding="utf-8")
    return write_manifest(
        folder,
        name="tiny",
        task="single-label",
        labels=LABELS,
        truncation=truncation,
        temperature=temperature,
        precision="float32",
        versions={"onnx": onnx.__version__},
    )
