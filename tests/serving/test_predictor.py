from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from onnx import load, save

from components.base.errors import TextgateError
from components.base.truncation import Truncation
from serving.bundle import write_manifest
from serving.predictor import RUN_TOKENS, Predictor, Scorer, batches, cut, providers_of
from serving.pyfunc import _load_pyfunc
from serving.tasks import TASKS
from serving.tasks.task import Decider, softmax
from tests.tokenizers_of_all_kinds import bare

TEXTS = ["good", "bad bad so good good", "", "so so so", "unheard of", "bad", "good so bad " * 9, "so good"]


@pytest.fixture
def bundle(tiny: ModuleType, tmp_path: Path) -> Path:
    tiny.write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_logits_are_the_known_ones_in_the_order_given(bundle: Path) -> None:
    """[CLS] and [SEP] count among the tokens, and vote for nothing."""
    logits = Predictor(bundle).logits(["good", "bad so", ""])
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, np.array([[0, 0, 4 / 3], [1, 1, 0], [0, 0, 0]]), rtol=1e-6)


def test_a_text_scores_alone_as_in_any_batch(bundle: Path) -> None:
    predictor = Predictor(bundle)
    alone = np.concatenate([predictor.logits([text]) for text in TEXTS])
    for batch_size in (1, 3, 32):
        np.testing.assert_allclose(predictor.logits(TEXTS, batch_size), alone, rtol=1e-6)


def test_long_texts_are_cut_on_the_right_and_keep_their_special_tokens(bundle: Path) -> None:
    cut, whole = Predictor(bundle).logits(["good " * 6 + "bad " * 50, "good " * 6])
    np.testing.assert_allclose(cut, whole)
    np.testing.assert_allclose(cut, [0, 0, 4 * 6 / 8], rtol=1e-6)


@pytest.mark.parametrize(
    ("truncation", "kept"),
    [
        (Truncation("tail", 8), "so so bad bad bad bad"),
        (Truncation("head_tail", 8, head_share=1 / 3), "good good bad bad bad bad"),
    ],
)
def test_long_texts_keep_what_the_policy_says(
    tiny: ModuleType, tmp_path: Path, truncation: Truncation, kept: str
) -> None:
    tiny.write_bundle(tmp_path / "bundle", truncation=truncation)
    cut, whole = Predictor(tmp_path / "bundle").logits(["good " * 9 + "so so bad bad bad bad", kept])
    np.testing.assert_allclose(cut, whole)


def test_windows_of_a_long_text_are_averaged_by_their_tokens(tiny: ModuleType, tmp_path: Path) -> None:
    """Windows of 6 words beside [CLS] and [SEP], each beginning with the last word of the one before."""
    tiny.write_bundle(tmp_path / "bundle", truncation=Truncation("chunk", 8, overlap=1))
    predictor = Predictor(tmp_path / "bundle")
    windows = ["good good good good good so", "so so so bad bad bad", "bad so"]
    text = "good good good good good so so so bad bad bad so"
    scored = predictor.logits(windows)
    expected = np.average(scored, axis=0, weights=[8, 8, 4])
    told: list[int] = []
    texts = [text, "good", "", text + " good", "so " * 6]
    logits = predictor.logits(texts, batch_size=2, progress=told.append)
    np.testing.assert_allclose(logits[0], expected, rtol=1e-6)
    np.testing.assert_array_equal(logits[[1, 2, 4]], predictor.logits(["good", "", "so " * 6]))
    assert sum(told) == len(texts)
    assert not np.allclose(logits[3], logits[0])


def test_a_bundle_of_the_first_format_keeps_the_start(bundle: Path) -> None:
    value = json.loads((bundle / "bundle.json").read_text())
    assert value["truncation"] == {"policy": "head"}
    (bundle / "bundle.json").write_text(json.dumps(value | {"format": 1, "truncation": "right"}))
    cut, whole = Predictor(bundle).logits(["good " * 6 + "bad " * 50, "good " * 6])
    np.testing.assert_allclose(cut, whole)


def test_probabilities_are_tempered(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "warm", temperature=4.0)
    predictor = Predictor(tmp_path / "warm")
    powers = np.exp(predictor.logits(TEXTS) / 4)
    np.testing.assert_allclose(predictor.probabilities(TEXTS), powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)


def test_the_likeliest_label_is_the_first_of_the_best_k() -> None:
    probabilities = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4], [0.1, 0.1, 0.8]], np.float32)
    task, decider, texts = TASKS["single-label"], Decider(["a", "b", "c"]), [["x", "y", "z"]]
    one, best = task.answers(texts, probabilities, decider), task.answers(texts, probabilities, decider, top_k=2)
    assert one["label"].tolist() == best["label"][:, 0].tolist() == ["b", "a", "c"]
    np.testing.assert_array_equal(one["probability"], best["probability"][:, 0])


def test_softmax_of_large_logits_is_finite() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 0, 0]], np.float32)), [[1, 0, 0]])


def test_the_model_gets_padded_rows_and_a_text_without_tokens_as_one(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = bare()
    tokenizer.add_special_tokens(["[PAD]"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    tiny.write_model(tmp_path / "float.onnx", {"good": "positive"}, token_types=True)
    scorer = Scorer(tmp_path / "float.onnx", tmp_path / "tokenizer.json", Truncation("head", 8))
    run, given = scorer.session.run, []

    def kept(names: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        given.append(feed)
        return run(names, feed)

    monkeypatch.setattr(scorer.session, "run", kept)
    scorer.logits(["", "good bad"])
    scorer.logits([""])
    ids, mask, types = [[3, 3], [1, 2]], [[1, 0], [1, 1]], [[0, 0], [0, 0]]
    assert {tensor.dtype for feed in given for tensor in feed.values()} == {np.dtype(np.int64)}
    assert [feed["input_ids"].tolist() for feed in given] == [ids, [[3]]]
    assert [feed["attention_mask"].tolist() for feed in given] == [mask, [[1]]]
    assert [feed["token_type_ids"].tolist() for feed in given] == [types, [[0]]]


def test_no_text_gives_no_row(bundle: Path) -> None:
    assert Predictor(bundle).probabilities([]).shape == (0, 3)


def test_a_model_outside_a_bundle_is_scored_and_progress_told(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.write_model(tmp_path / "float.onnx", {"good": "positive"}, token_types=True)
    tiny.write_tokenizer(tmp_path / "tokenizer.json")
    told: list[int] = []
    scorer = Scorer(tmp_path / "float.onnx", tmp_path / "tokenizer.json", Truncation("head", 8))
    logits = scorer.logits(TEXTS, batch_size=3, progress=told.append)
    assert told == [3, 3, 2]
    assert list(logits.argmax(axis=1)[[0, 7]]) == [2, 2]


def test_a_changed_model_is_refused(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"no model")
    with pytest.raises(TextgateError, match=r"model\.onnx was changed"):
        Predictor(bundle)


def seal(bundle: Path, labels: list[str]) -> None:
    write_manifest(
        bundle,
        name="tiny",
        task="single-label",
        labels=labels,
        truncation=Truncation("head", 8),
        temperature=1.0,
        precision="float32",
        versions={},
    )


@pytest.mark.parametrize(
    ("file", "reason"), [("model.onnx", "cannot be loaded by ONNX Runtime"), ("tokenizer.json", "not a usable tokeni")]
)
def test_sealed_garbage_is_refused_by_name(bundle: Path, file: str, reason: str) -> None:
    (bundle / file).write_bytes(b"garbage")
    seal(bundle, ["a", "b", "c"])
    with pytest.raises(TextgateError, match=f"{file} .*{reason}"):
        Predictor(bundle)


def test_a_model_with_other_labels_is_refused(bundle: Path) -> None:
    seal(bundle, ["negative", "positive"])
    with pytest.raises(TextgateError, match="3 outputs for the 2 labels"):
        Predictor(bundle)


def test_a_model_with_a_foreign_input_is_refused(bundle: Path) -> None:
    model = load(bundle / "model.onnx")
    for node in model.graph.node:
        node.input[:] = ["pixels" if name == "input_ids" else name for name in node.input]
    model.graph.input[0].name = "pixels"
    save(model, bundle / "model.onnx")
    seal(bundle, ["a", "b", "c"])
    with pytest.raises(TextgateError, match="unknown input pixels"):
        Predictor(bundle)


def test_mlflow_loads_a_bundle(bundle: Path) -> None:
    model = _load_pyfunc(str(bundle))
    for texts in (
        ["good", "bad"],
        pd.DataFrame({"id": [1, 2], "text": ["good", "bad"]}),
        pd.DataFrame(["good", "bad"]),
    ):
        answer = model.predict(texts)
        assert answer["label"].tolist() == ["positive", "negative"]
        assert answer["probability"].between(0.4, 1).all()
    with pytest.raises(TextgateError, match='column "text", got words'):
        model.predict(pd.DataFrame({"words": ["good"]}))


def test_only_what_is_made_for_a_gpu_takes_one_where_there_is_one() -> None:
    cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"
    assert providers_of([cuda, cpu], on_gpu=True) == [cuda, cpu]
    assert providers_of([cuda, cpu], on_gpu=False) == providers_of([cpu], on_gpu=True) == [cpu]


def test_batches_are_cut_where_padding_would_cost_more_than_a_run() -> None:
    assert [sorted(batch) for batch in batches([9, 60, 10, 62, 10], 32)] == [[0, 2, 4], [1, 3]]
    assert sorted(map(len, batches([8] * 70, 32)))[-1] == 32
    assert list(batches([], 4)) == []
    assert list(batches([7], 4)) == [[0]]


@pytest.mark.parametrize("seed", range(5))
def test_no_other_cut_costs_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = sorted(rng.integers(1, 80, 9).tolist())

    def cost(ends: list[int]) -> int:
        starts = [0, *ends[:-1]]
        return sum(RUN_TOKENS + lengths[end - 1] * (end - start) for start, end in zip(starts, ends, strict=True))

    inner = [[place for place in range(1, 9) if mask >> (place - 1) & 1] for mask in range(256)]
    allowed = [[*ends, 9] for ends in inner if max(np.diff([0, *ends, 9])) <= 4]
    assert cost(cut(lengths, 4)) == min(map(cost, allowed))
