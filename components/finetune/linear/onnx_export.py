"""The float ONNX of the linear model.

Inputs `input_ids` and `attention_mask` (int64 [batch, length]); output `logits` (float32 [batch, labels], of tags
[batch, length, labels]).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto

from components.finetune.encoders.onnx_graph import Graph
from components.finetune.linear.model import AROUND, LinearModel
from components.finetune.onnx_export import add_logits, save_graph


def write_onnx(model: LinearModel, path: Path) -> None:
    graph = Graph({"logits.kernel": model.weights, "logits.bias": model.bias}, "")
    tags = model.kind == "tags"
    nothing = graph.weight("nothing", np.array(model.weights.shape[1] - 1 if tags else -1, np.int64))
    token = graph.add("Cast", ["attention_mask"], "token", to=TensorProto.BOOL)
    ids = graph.add("Where", [token, "input_ids", nothing], "ids")
    if tags:
        _add_tagger(graph, model, ids, nothing)
    else:
        add_logits(graph, _features(graph, model, ids))
    save_graph(graph, ["input_ids", "attention_mask"], len(model.bias), path, tags=tags)


def _features(graph: Graph, model: LinearModel, ids: str) -> str:
    """float32 [batch, features]; the operator only counts, since its own weights know no logarithm."""
    singles = int((model.grams[:, 1] < 0).sum())
    counts = graph.add(
        "TfIdfVectorizer",
        [ids],
        "counts",
        mode="TF",
        min_gram_length=1,
        max_gram_length=2,
        max_skip_count=0,
        ngram_counts=[0, singles],
        ngram_indexes=list(range(len(model.grams))),
        pool_int64s=[*model.grams[:singles, 0].tolist(), *model.grams[singles:].ravel().tolist()],
    )
    one, nought = graph.weight("one", np.array(1, np.float32)), graph.weight("nought", np.array(0, np.float32))
    logarithms = graph.add("Log", [graph.add("Max", [counts, one], "at_least_one")], "logarithms")
    there = graph.add("Greater", [counts, nought], "there")
    dampened = graph.add("Where", [there, graph.add("Add", [logarithms, one], "one_more"), nought], "dampened")
    weighted = graph.add("Mul", [dampened, graph.weight("idf", model.idf)], "weighted")
    over = graph.weight("over_features", np.array([1], np.int64))
    lengths = graph.add("ReduceL2", [weighted, over], "lengths", keepdims=1)
    positive = graph.add("Max", [lengths, graph.weight("least", np.array(1e-12, np.float32))], "positive")
    return graph.add("Div", [weighted, positive], "features")


def _add_tagger(graph: Graph, model: LinearModel, ids: str, nothing: str) -> None:
    """Sums of the weights of each token and of its neighbours, to `logits`."""
    around = graph.weight("around", np.array([0, 1, 0, 1], np.int64))
    padded = graph.add("Pad", [ids, around, nothing], "padded")
    along, total = graph.weight("along", np.array([1], np.int64)), graph.weight("logits.bias")
    for number, step in enumerate(AROUND):
        start = graph.weight(f"start_{number}", np.array([1 + step], np.int64))
        end = graph.weight(f"end_{number}", np.array([step - 1 if step < 1 else np.iinfo(np.int64).max], np.int64))
        place = graph.add("Slice", [padded, start, end, along], f"neighbours_{number}")
        table = graph.weight(f"table_{number}", model.weights[number])
        total = graph.add("Add", [graph.add("Gather", [table, place], f"weights_{number}"), total], f"sum_{number}")
    graph.add("Identity", [total], "logits")
