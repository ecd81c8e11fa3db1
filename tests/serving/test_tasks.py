"""Pairs, several labels and tags: predictor, manifest, MLflow's pyfunc, and the real server with its client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from components.base.errors import TextgateError
from components.base.truncation import Truncation
from pipelines.cli import predict
from serving.bundle import load_manifest, read_canary
from serving.predictor import Predictor, Scorer
from serving.pyfunc import _load_pyfunc
from serving.tasks import TASKS
from tests.serving.tiny_tasks import EXAMPLES, LABELS, write_bundle

NEW = list(LABELS)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bundles")
    for task in NEW:
        write_bundle(root / task, task)
    return {task: root / task for task in NEW}


@pytest.fixture(scope="module")
def servers(
    running: ModuleType, bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    root = tmp_path_factory.mktemp("servers")
    started = {}
    contexts = []
    for task, bundle in bundles.items():
        (root / task).mkdir()
        context = running.running(root / task, "--bundle", str(bundle), "--version", "7")
        started[task] = context.__enter__()
        contexts.append(context)
    yield started
    for context in contexts:
        context.__exit__(None, None, None)


def test_the_types_of_a_pair_reach_the_model(bundles: dict[str, Path]) -> None:
    predictor = Predictor(bundles["text-pair"])
    pairs = [("good", "bad"), ("bad", "good"), ("good so so so so so", "good"), ("", "")]
    logits = predictor.logits(pairs, batch_size=2)
    np.testing.assert_array_equal(logits, [[4, 0], [0, 8], [0, 4], [0, 0]])
    assert predictor.decide(logits).tolist()[:3] == [0, 1, 1]


def test_several_labels_are_decided_each_by_its_threshold(bundles: dict[str, Path], tmp_path: Path) -> None:
    texts = ["good bad", "so", "unheard"]
    predictor = Predictor(bundles["multi-label"])
    np.testing.assert_allclose(predictor.logits(texts), [[7, -1, 5], [-1, 7, -1], [-1, -1, -1]])
    chances = predictor.probabilities(texts)
    np.testing.assert_allclose(chances, 1 / (1 + np.exp(-predictor.logits(texts).astype(float))), rtol=1e-6)
    assert predictor.decide(predictor.logits(texts)).tolist() == [
        [True, False, True],
        [False, True, False],
        [False] * 3,
    ]
    assert predictor.task.decide(np.array([[0.5, 0.49, 0.51]]), predictor.decider).tolist() == [[True, False, True]]
    write_bundle(tmp_path / "other", "multi-label", thresholds=[0.9, 0.9, 0.3], temperature=5.0)
    other = Predictor(tmp_path / "other")
    assert other.decide(other.logits(["good bad", "unheard"])).tolist() == [[False, False, True], [False, False, True]]


def test_a_tag_is_read_at_the_first_piece_of_its_word(bundles: dict[str, Path]) -> None:
    predictor = Predictor(bundles["token-tags"])
    rows = [["New", "yorkers", "met"], [], ["", "Anna"], ["york"]]
    logits = predictor.logits(rows, batch_size=2)
    np.testing.assert_array_equal(logits[1], [1, 0, 4, 0, 0])
    assert np.isnan(logits[3]).all()
    names = [LABELS["token-tags"][number] for number in predictor.decide(logits)]
    assert names == ["B-place", "I-place", "O", "O", "B-person", "I-place"]
    alone = [predictor.logits([row]) for row in rows]
    np.testing.assert_array_equal(np.concatenate(alone), logits)


@pytest.mark.parametrize(("policy", "kept"), [("head", slice(0, 8)), ("tail", slice(12, 20))])
def test_words_that_fall_to_truncation_are_outside(tmp_path: Path, policy: str, kept: slice) -> None:
    """Ten tokens, of which two are special."""
    write_bundle(tmp_path / "bundle", "token-tags", truncation=Truncation(policy, 10))
    predictor = Predictor(tmp_path / "bundle")
    logits = predictor.logits([["anna"] * 20])
    scored = np.zeros(20, bool)
    scored[kept] = True
    assert (~np.isnan(logits).any(axis=1) == scored).all()
    assert predictor.decide(logits).tolist() == np.where(scored, 3, 0).tolist()


def test_a_lost_word_is_outside_wherever_that_tag_stands(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", "token-tags", labels=["B-place", "O", "I-place", "B-person", "I-person"])
    predictor = Predictor(tmp_path / "bundle")
    assert predictor.decide(predictor.logits([["anna"] * 9])).tolist() == [3] * 8 + [1]


def test_without_outside_a_lost_word_has_the_first_tag(tmp_path: Path) -> None:
    labels = ["noun", "verb", "name", "sign", "mark"]
    write_bundle(tmp_path / "bundle", "token-tags", labels=labels)
    predictor = Predictor(tmp_path / "bundle")
    assert predictor.decide(predictor.logits([["anna"] * 9])).tolist() == [3] * 8 + [0]
    answers = predictor.task.answers([["anna " * 9]], predictor.probabilities([["anna"] * 9]), predictor.decider)
    (entities,) = answers["entities"]
    assert [entity["label"] for entity in entities] == ["sign"] * 8 + ["noun"]
    assert entities[-1]["probability"] == 0


@pytest.mark.parametrize("task", NEW)
def test_no_row_gives_no_answer(bundles: dict[str, Path], task: str) -> None:
    predictor = Predictor(bundles[task])
    assert predictor.probabilities([]).shape == (0, len(LABELS[task]))
    assert len(predictor.decide(predictor.logits([]))) == 0


def test_a_model_of_another_task_is_refused(bundles: dict[str, Path]) -> None:
    files = bundles["token-tags"] / "model.onnx", bundles["token-tags"] / "tokenizer.json"
    with pytest.raises(TextgateError, match=r"not float32 \[batch, labels\], as the task multi-label needs"):
        Scorer(*files, Truncation("head", 10), task=TASKS["multi-label"])


@pytest.mark.parametrize(
    ("task", "thresholds", "reason"),
    [
        ("multi-label", [], "thresholds has 0 values; the task multi-label needs 3"),
        ("multi-label", [0.5, 0.5], "thresholds has 2 values"),
        ("multi-label", [0.5, 0.5, 1.5], "thresholds must be a list of probabilities"),
        ("text-pair", [0.5, 0.5], "thresholds has 2 values; the task text-pair needs 0"),
    ],
)
def test_thresholds_are_for_several_labels(tmp_path: Path, task: str, thresholds: list[float], reason: str) -> None:
    with pytest.raises(TextgateError, match=reason):
        write_bundle(tmp_path / "bundle", task, thresholds=thresholds)


@pytest.mark.parametrize("task", NEW)
def test_manifest_and_examples_are_read_back(bundles: dict[str, Path], task: str) -> None:
    manifest = load_manifest(bundles[task])
    assert (manifest.task, manifest.labels, manifest.format) == (task, LABELS[task], 2)
    assert ("thresholds" in json.loads((bundles[task] / "bundle.json").read_text())) == (task == "multi-label")
    assert read_canary(bundles[task]) == EXAMPLES[task]


def test_examples_of_another_task_are_refused(tmp_path: Path) -> None:
    for task, other in (("text-pair", "multi-label"), ("multi-label", "token-tags"), ("token-tags", "text-pair")):
        write_bundle(tmp_path / task, task, examples=EXAMPLES[other])
        with pytest.raises(TextgateError, match=r"canary\.json: an example must be"):
            read_canary(tmp_path / task)


def test_mlflow_loads_each_task(bundles: dict[str, Path]) -> None:
    frame = pd.DataFrame({"text": ["good bad", "so"], "text_pair": ["bad", "good"]})
    pairs = _load_pyfunc(str(bundles["text-pair"])).predict(frame)
    assert pairs["label"].tolist() == ["differs", "follows"]
    several = _load_pyfunc(str(bundles["multi-label"])).predict(frame)
    assert several["labels"].tolist() == [["negative", "positive"], ["neutral"]]
    assert several["probabilities"].map(len).tolist() == [3, 3]
    tags = _load_pyfunc(str(bundles["token-tags"])).predict(["Anna", "no one"])
    assert [[entity["text"] for entity in row] for row in tags["entities"]] == [["Anna"], []]
    with pytest.raises(TextgateError, match='column "text_pair", got text'):
        _load_pyfunc(str(bundles["text-pair"])).predict(frame[["text"]])


def ask(server: Any, *columns: tuple[str, list[str]], **more: Any) -> Any:
    inputs = [{"name": name, "shape": [len(data)], "datatype": "BYTES", "data": data} for name, data in columns]
    return server.http.post("/v2/models/tiny/infer", json={"inputs": inputs, **more})


def tensors(response: Any) -> dict[str, dict[str, Any]]:
    assert response.status_code == 200, response.text
    return {tensor["name"]: tensor for tensor in response.json()["outputs"]}


@pytest.mark.parametrize(
    ("task", "inputs", "outputs"),
    [
        ("multi-label", ["text"], {"labels": ("BYTES", [-1]), "probabilities": ("FP32", [-1, 3])}),
        (
            "text-pair",
            ["text", "text_pair"],
            {
                "label": ("BYTES", [-1]),
                "probability": ("FP32", [-1]),
                "abstain": ("BOOL", [-1]),
                "probabilities": ("FP32", [-1, 2]),
            },
        ),
        ("token-tags", ["text"], {"entities": ("BYTES", [-1])}),
    ],
)
def test_metadata_name_what_is_read_and_answered(
    servers: dict[str, Any], task: str, inputs: list[str], outputs: dict[str, Any]
) -> None:
    metadata = servers[task].http.get("/v2/models/tiny").json()
    assert metadata["inputs"] == [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in inputs]
    assert {one["name"]: (one["datatype"], one["shape"]) for one in metadata["outputs"]} == outputs
    assert (metadata["parameters"]["task"], metadata["parameters"]["labels"]) == (task, LABELS[task])
    assert metadata["parameters"].get("thresholds") == ([0.5] * 3 if task == "multi-label" else None)


def test_a_pair_is_two_tensors_in_any_order(servers: dict[str, Any]) -> None:
    columns = ("text", ["good", "bad"]), ("text_pair", ["bad", "good"])
    found = tensors(ask(servers["text-pair"], *columns))
    assert found["label"]["data"] == ["differs", "follows"]
    assert found["probabilities"]["shape"] == [2, 2]
    assert tensors(ask(servers["text-pair"], *columns[::-1])) == found
    ranked = tensors(ask(servers["text-pair"], *columns, parameters={"top_k": 2}))
    assert ranked["label"]["data"] == ["differs", "follows", "follows", "differs"]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ([("text", ["a"])], 'inputs must be a list of 2 tensors, named "text" and "text_pair"'),
        ([("text", ["a"]), ("text", ["b"])], 'must each be once named "text" and "text_pair", got "text"'),
        ([("text", ["a"]), ("pair", ["b"])], 'got "pair"'),
        ([("text", ["a"]), ("text_pair", ["b", "c"])], "must be equally many, got [1, 2]"),
        ([("text", ["a"]), ("text_pair", [7])], "text_pair 0 must be a string, got 7"),
    ],
)
def test_a_pair_that_is_none_is_refused(servers: dict[str, Any], columns: list[Any], reason: str) -> None:
    response = ask(servers["text-pair"], *columns)
    assert response.status_code == 400
    assert reason in response.json()["error"]


def test_labels_are_json_likeliest_first(servers: dict[str, Any]) -> None:
    found = tensors(ask(servers["multi-label"], ("text", ["good bad", "so", "unheard"])))
    assert list(found) == ["labels", "probabilities"]
    assert (found["labels"]["datatype"], found["labels"]["shape"]) == ("BYTES", [3])
    assert [json.loads(labels) for labels in found["labels"]["data"]] == [["negative", "positive"], ["neutral"], []]
    assert found["probabilities"]["data"][:3] == pytest.approx([0.999, 0.269, 0.993], abs=1e-3)


def test_entities_are_json_with_offsets(servers: dict[str, Any]) -> None:
    text = "«Anna» saw  New   York."
    found = tensors(ask(servers["token-tags"], ("text", [text, "nobody", "", "york"])))
    assert (found["entities"]["datatype"], found["entities"]["shape"]) == ("BYTES", [4])
    first, *others = [json.loads(entities) for entities in found["entities"]["data"]]
    assert others == [[], [], []]
    assert [(one["label"], one["text"]) for one in first] == [("person", "Anna"), ("place", "New   York")]
    assert [text[one["start"] : one["end"]] for one in first] == ["Anna", "New   York"]
    e = np.e
    assert first[1]["probability"] == pytest.approx(e**4 / (e**4 + e + 3), abs=1e-5)


@pytest.mark.parametrize("task", ["multi-label", "token-tags"])
def test_top_k_is_for_one_label(servers: dict[str, Any], task: str) -> None:
    response = ask(servers[task], ("text", ["good"]), parameters={"top_k": 1})
    assert (response.status_code, response.json()["error"]) == (
        400,
        f"top_k is not for the task {task}; leave it out",
    )


def run(server: Any, *arguments: str, given: str | None = None) -> Any:
    arguments = ("--url", str(server.http.base_url), *arguments)
    return CliRunner().invoke(predict.command, arguments, input=given)


def test_predict_shows_each_task(servers: dict[str, Any]) -> None:
    several = run(servers["multi-label"], "good bad", "unheard").stdout.splitlines()
    assert [line.split() for line in several] == [
        ["label", "probability", "text"],
        ["negative", "0.999", "good", "bad"],
        ["positive", "0.993"],
        ["-", "-", "unheard"],
    ]
    pairs = run(servers["text-pair"], "good", "bad", "bad", "good").stdout.splitlines()
    assert [line.split()[::2] for line in pairs[1:]] == [["differs", "good"], ["follows", "bad"]]
    tags = run(servers["token-tags"], "[b]Anna in new york", "nobody").stdout.splitlines()
    assert [line.split() for line in tags] == [
        ["label", "probability", "entity", "text"],
        ["person", "0.564", "Anna", "[b]Anna", "in", "new", "york"],
        ["place", "0.905", "new", "york"],
        ["-", "-", "-", "nobody"],
    ]


def test_predict_writes_json_for_each_task(servers: dict[str, Any]) -> None:
    several = [json.loads(line) for line in run(servers["multi-label"], "--json", "so", "unheard").stdout.splitlines()]
    assert [[entry["label"] for entry in line["labels"]] for line in several] == [["neutral"], []]
    (pair,) = map(json.loads, run(servers["text-pair"], "--json", given="good\tbad\n").stdout.splitlines())
    assert pair | {"probability": 0} == {
        "text": "good",
        "text_pair": "bad",
        "label": "differs",
        "probability": 0,
        "abstain": False,
        "version": "7",
    }
    (tags,) = map(json.loads, run(servers["token-tags"], "--json", "so Anna").stdout.splitlines())
    assert [(one["text"], one["start"]) for one in tags["entities"]] == [("Anna", 3)]


@pytest.mark.parametrize(
    ("task", "arguments", "given", "reason"),
    [
        ("text-pair", ["good", "bad", "so"], None, "the last text stands alone: tiny reads text and text_pair"),
        ("text-pair", [], "good\tbad\ngood\n", "line 2 of standard input has 1 texts"),
        ("multi-label", ["--top-k", "2", "good"], None, "top_k is not for the task multi-label"),
    ],
)
def test_predict_says_what_a_task_needs(
    servers: dict[str, Any], task: str, arguments: list[str], given: str | None, reason: str
) -> None:
    error = run(servers[task], *arguments, given=given).exception
    assert isinstance(error, TextgateError)
    assert reason in str(error)
