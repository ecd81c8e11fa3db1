"""What a bundle loaded by MLflow takes and gives."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.base.errors import TextgateError
from components.base.mlflow_client import mlflow
from components.base.mlflow_model import write_mlmodel
from serving.pyfunc import _load_pyfunc
from tests.serving import tiny_tasks


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, tiny: ModuleType) -> Any:
    folder = tmp_path_factory.mktemp("single") / "bundle"
    tiny.write_bundle(folder)
    return load(folder)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("tasks")
    for task in tiny_tasks.LABELS:
        tiny_tasks.write_bundle(folder / task, task)
    return {task: load(folder / task) for task in tiny_tasks.LABELS}


def load(folder: Path) -> Any:
    write_mlmodel(folder)
    return mlflow.pyfunc.load_model(str(folder))


FRAME = pd.DataFrame({"id": [1, 2], "text": ["good", "bad"], "label": ["so", "so"]}, index=[7, 3])


@pytest.mark.parametrize(
    "given",
    [
        ["good", "bad"],
        ("good", "bad"),
        np.array(["good", "bad"]),
        np.array([["good"], ["bad"]], dtype=object),
        pd.Series(["good", "bad"]),
        pd.Series(["good", "bad"], name="tweet"),
        pd.Series(["good", "bad"], dtype="category"),
        pd.Series(["good", "bad"], dtype="string"),
        pd.DataFrame({"text": ["good", "bad"]}),
        pd.DataFrame(["good", "bad"]),
        {"text": ["good", "bad"]},
        [{"text": "good"}, {"text": "bad"}],
        FRAME.reset_index(drop=True),
    ],
    ids=lambda given: type(given).__name__,
)
def test_texts_are_taken_in_any_form(single: Any, given: Any) -> None:
    answer = single.predict(given)
    assert answer["label"].tolist() == ["positive", "negative"]
    assert list(answer.columns) == ["label", "probability"]
    assert answer.index.tolist() == [0, 1]


@pytest.mark.parametrize("given", ["good", ["good"], {"text": "good"}, np.array(["good"])[0]])
def test_one_text(single: Any, given: Any) -> None:
    assert single.predict(given)["label"].tolist() == ["positive"]


def test_answers_have_the_index_of_the_rows(single: Any) -> None:
    assert FRAME.join(single.predict(FRAME), rsuffix="_given")["label_given"].to_dict() == {
        7: "positive",
        3: "negative",
    }
    assert single.predict(FRAME["text"]).index.tolist() == [7, 3]


@pytest.mark.parametrize("given", [[], (), np.array([]), FRAME[:0], pd.Series([], dtype=object), {"text": []}])
def test_no_text_gives_no_answer(single: Any, models: dict[str, Any], given: Any) -> None:
    answer = single.predict(given)
    assert (list(answer.columns), len(answer)) == (["label", "probability"], 0)
    for task in ("multi-label", "token-tags"):
        assert len(models[task].predict(given)) == 0


@pytest.mark.parametrize("cell", [None, float("nan"), pd.NA, 7, b"good", ["good"]])
def test_a_cell_that_is_no_text_is_named(single: Any, cell: Any) -> None:
    frame = pd.DataFrame({"text": pd.Series(["good", cell], dtype=object)})
    for given in (frame, frame["text"]):
        with pytest.raises(TextgateError, match='row 1 of the column "text" must hold a text, got'):
            single.predict(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (FRAME[["id", "label"]], 'needs a column "text", got id, label'),
        (pd.DataFrame([["good", "bad"]]), 'needs a column "text", got 0, 1'),
        (pd.DataFrame([["good", "bad"]], columns=["text", "text"]), 'needs one column "text", got text, text'),
        (pd.DataFrame(index=[0, 1]), 'needs a column "text", got none'),
        (7, "takes a frame with text, got int"),
        (b"good", "takes a frame with text, got bytes"),
    ],
)
def test_what_lacks_the_texts_is_refused(single: Any, given: Any, said: str) -> None:
    with pytest.raises(TextgateError, match=said):
        single.predict(given)


def test_pairs_come_in_two_columns(models: dict[str, Any]) -> None:
    pairs, expected = [("good", "good"), ("good", "bad")], ["follows", "differs"]
    frame = pd.DataFrame(pairs, columns=["text", "text_pair"])
    turned = frame.assign(id=1)[["id", "text_pair", "text"]]
    for given in (pairs, frame, turned, pd.DataFrame(pairs), frame.to_dict("records"), np.array(pairs)):
        assert models["text-pair"].predict(given)["label"].tolist() == expected
    assert len(models["text-pair"].predict([])) == 0
    for given in (["good"], frame["text"], frame[["text"]]):
        with pytest.raises(TextgateError, match='needs a column "text'):
            models["text-pair"].predict(given)


def test_several_labels_and_entities(models: dict[str, Any]) -> None:
    (several,) = models["multi-label"].predict(["good bad"]).to_dict("records")
    assert several["labels"] == ["negative", "positive"]
    assert several["probabilities"] == pytest.approx([0.999, 0.269, 0.993], abs=1e-3)
    (tagged,) = models["token-tags"].predict(["Anna, new york!"]).to_dict("records")
    assert [(entity["label"], entity["text"]) for entity in tagged["entities"]] == [
        ("person", "Anna"),
        ("place", "new york"),
    ]


def test_the_best_labels_where_they_are_asked_for(single: Any, models: dict[str, Any]) -> None:
    answer = single.predict(["good so so"], params={"top_k": 2})
    assert answer["label"].tolist() == [["neutral", "positive"]]
    best = answer["probability"][0]
    assert best == sorted(best, reverse=True)
    assert single.predict(["good so so"])["probability"][0] == pytest.approx(best[0])
    pair = pd.DataFrame({"text": ["good"], "text_pair": ["bad"]})
    assert models["text-pair"].predict(pair, params={"top_k": 2})["label"][0] == ["differs", "follows"]
    for wrong in (0, 4):
        with pytest.raises(TextgateError, match=f"top_k must be a whole number from 1 to 3, got {wrong}"):
            single.predict(["good"], params={"top_k": wrong})


def test_top_k_is_refused_where_labels_are_not_ranked(tmp_path: Path) -> None:
    """MLflow, whose signature has no such parameter, leaves it out before."""
    tiny_tasks.write_bundle(tmp_path / "bundle", "multi-label")
    with pytest.raises(TextgateError, match="top_k is not for the task multi-label"):
        _load_pyfunc(str(tmp_path / "bundle")).predict(["good"], {"top_k": 2})
