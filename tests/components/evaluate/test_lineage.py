from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.base.dvc_tree import object_key
from components.base.errors import TextgateError
from components.base.settings import Columns, DataSchema, EvaluateStep, EvaluationSettings
from components.base.tables import read_table
from components.evaluate.lineage import seen_rows, trained_texts
from tests.tiny_project import LABELS, store_objects, write_tables

NOWHERE = "0" * 32 + ".dir"


def rows(*texts: str, label: str = "good", **columns: str) -> list[dict[str, Any]]:
    return [{"id": text, "text": text, "label": label, **columns} for text in texts]


def step(folder: Path, data: DataSchema | None = None, remotes: list[str] | None = None) -> EvaluateStep:
    schema = data or DataSchema(labels=LABELS)
    remote = [str(folder / "remote")] if remotes is None else remotes
    return EvaluateStep(name="tiny", data=schema, options=EvaluationSettings(), remotes=remote)


def store(folder: Path, name: str, splits: dict[str, list[dict[str, Any]]]) -> str:
    write_tables(folder / name, splits)
    return store_objects(folder / name, folder / "remote")


TODAY = {
    "train": rows("their own", "leaks"),
    "validation": rows("too"),
    "test": rows("trained on", "chosen  BY", "only tested", "new", "leaks", label="bad"),
}
BEFORE = {
    "train": rows("Trained ON", "leaks", "other"),
    "validation": rows("chosen by"),
    "test": rows("only tested"),
}


def test_rows_that_the_champion_alone_was_trained_on_are_found(tmp_path: Path) -> None:
    """By their texts, whatever their labels: train and validation rows, but no test rows, and no leak of today."""
    today, before = store(tmp_path, "today", TODAY), store(tmp_path, "before", BEFORE)
    settings = step(tmp_path)
    texts, unknown = trained_texts(before, today, settings)
    assert texts is not None and unknown == ""
    assert len(texts) == 4
    table = read_table(tmp_path / "today", "test", settings.data)
    assert seen_rows(texts, tmp_path / "today", table, settings.data).tolist() == [True, True, False, False, False]


def test_the_same_data_makes_nothing_unfair(tmp_path: Path) -> None:
    settings = step(tmp_path, remotes=[])
    texts, unknown = trained_texts(NOWHERE, NOWHERE, settings)
    assert texts is not None and unknown == ""
    write_tables(tmp_path / "today", TODAY)
    table = read_table(tmp_path / "today", "test", settings.data)
    assert not seen_rows(texts, tmp_path / "today", table, settings.data).any()


def test_data_of_earlier_versions_counts_too(tmp_path: Path) -> None:
    today, before = store(tmp_path, "today", TODAY), store(tmp_path, "before", BEFORE)
    first = store(tmp_path, "first", {"train": rows("new"), "validation": rows("trained on"), "test": []})
    texts, _ = trained_texts(f"{before} {first} {today} {first}", today, step(tmp_path))
    assert texts is not None
    assert len(texts) == 5 and (np.diff(texts) > 0).all()


@pytest.mark.parametrize(
    ("hashes", "said"),
    [("unknown", "MLflow does not say which data"), (NOWHERE, f"no remote holds the data {NOWHERE}")],
)
def test_what_cannot_be_known_has_a_reason(tmp_path: Path, hashes: str, said: str) -> None:
    texts, why = trained_texts(f"{store(tmp_path, 'before', BEFORE)} {hashes}", "", step(tmp_path))
    assert texts is None
    assert why.startswith(said)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (DataSchema(labels=LABELS, columns=Columns(text="body")), "train.parquet has no column body"),
        (DataSchema(labels=LABELS, task="text-pair"), "train.parquet has no column text_pair"),
        (DataSchema(labels=LABELS, task="multi-label"), "must hold lists of strings"),
    ],
)
def test_data_of_another_shape_is_not_compared(tmp_path: Path, data: DataSchema, said: str) -> None:
    before = store(tmp_path, "before", BEFORE)
    texts, why = trained_texts(before, NOWHERE, step(tmp_path, data))
    assert texts is None
    assert why.startswith(f"the data {before}, which the champion was trained on, is not like today's") and said in why


def test_a_version_without_a_validation_table_is_not_compared(tmp_path: Path) -> None:
    before = store(tmp_path, "before", {"train": BEFORE["train"]})
    texts, why = trained_texts(before, NOWHERE, step(tmp_path))
    assert texts is None
    assert "the data has no validation.parquet" in why


def test_a_remote_that_does_not_answer_fails_the_step(tmp_path: Path) -> None:
    (tmp_path / "remote" / object_key(NOWHERE)).mkdir(parents=True)
    with pytest.raises(TextgateError, match="(?s)no remote holds .*Is a directory"):
        trained_texts(NOWHERE, "", step(tmp_path))


def seen(folder: Path, data: DataSchema, before: dict[str, Any], today: dict[str, Any]) -> list[bool]:
    texts, _ = trained_texts(store(folder, "before", before), store(folder, "today", today), step(folder, data))
    assert texts is not None
    table = read_table(folder / "today", "test", data)
    found: list[bool] = seen_rows(texts, folder / "today", table, data).tolist()
    return found


def test_pairs_are_seen_as_pairs(tmp_path: Path) -> None:
    def pair(text: str, other: str) -> list[dict[str, Any]]:
        return rows(text, text_pair=other)

    before = {"train": pair("first", "second"), "validation": pair("one", "two"), "test": []}
    test = [*pair("First", " SECOND"), *pair("one", "second"), *pair("first second", "")]
    today = {"train": pair("x", "y"), "validation": pair("x", "z"), "test": test}
    assert seen(tmp_path, DataSchema(labels=LABELS, task="text-pair"), before, today) == [True, False, False]


def test_tokens_are_seen_as_sentences(tmp_path: Path) -> None:
    city = [{"id": "1", "tokens": ["New", "York"], "tags": ["B-x", "O"]}]
    other = [{"id": "1", "tokens": ["New"], "tags": ["O"]}]
    before = {"train": city, "validation": city, "test": other}
    today = {"train": other, "validation": other, "test": [*city, *other]}
    assert seen(tmp_path, DataSchema(labels=["O", "B-x"], task="token-tags"), before, today) == [True, False]
