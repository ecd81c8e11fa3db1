from __future__ import annotations

from pathlib import Path

import pytest

from components.base.settings import SplitSettings
from pipelines.data.importing.gathering import split_of_file
from pipelines.data.init.columns import Column, Sample
from pipelines.data.init.splits import Splitting, find_splits
from pipelines.data.sources import Source


def source(path: str) -> Source:
    *folders, name = path.split("/")
    return Source(Path(path), "csv", "", name, tuple(folders))


def splitting(*paths: str, **columns: list[str]) -> Splitting:
    found = {name: Column(name) for name in columns}
    for name, values in columns.items():
        for value in values:
            found[name].add(value)
    return find_splits([source(path) for path in paths], Sample(found))


@pytest.mark.parametrize(
    ("paths", "usual"),
    [
        ({"train": "train", "test": "test"}, True),
        ({"ner_train": "train", "ner_dev": "validation", "ner_test": "test"}, True),
        ({"wnut17train": "train", "emerging.dev": "validation", "emerging.test": "test"}, True),
        ({"train/part-1": "train", "train/part-2": "train", "validation/part-1": "validation"}, True),
        ({"reviews_train_2021": "train", "reviews_eval_2021": "test"}, False),
        ({"my train set/a": "train", "my test set/a": "test"}, False),
        ({"a [train] b": "train", "a [holdout] b": "test"}, False),
    ],
)
def test_files_are_splits_by_their_names(paths: dict[str, str], usual: bool) -> None:
    found = splitting(*paths)
    assert found.settings.by == "files" and not found.notes
    assert {path: split_of_file(source(path), found.settings) for path in paths} == paths
    assert (found.settings.files == SplitSettings().files) == usual


@pytest.mark.parametrize(
    ("paths", "notes"),
    [
        (["a", "b"], 0),
        (["train"], 0),
        (["train", "extra"], 1),
        (["training1", "training2"], 1),
        (["dev", "test"], 1),
        (["train_test", "b"], 0),
        (["testimonials", "trains"], 0),
    ],
)
def test_files_that_do_not_all_say_it_are_divided_anew(paths: list[str], notes: int) -> None:
    found = splitting(*paths)
    assert found.settings == SplitSettings() and len(found.notes) == notes


@pytest.mark.parametrize("values", [["train", "test"], ["Train ", "TEST", "dev"], ["training", "val", "test", ""]])
def test_a_column_of_splits_is_found(values: list[str]) -> None:
    found = splitting("a", text=["x y"], part=values)
    assert found.settings == SplitSettings(by="column", column="part")


def test_its_values_are_written_where_they_are_unusual() -> None:
    found = splitting("a", part=["trn", "eval", "holdout-1", "holdout-2", "train"])
    assert found.settings.values == {"train": ["train", "trn"], "test": ["eval", "holdout-1", "holdout-2"]}
    assert "validation is taken from train" in found.says


@pytest.mark.parametrize("values", [["train", "train"], ["train", "test", "bus"], ["dev", "test"], []])
def test_other_columns_are_none(values: list[str]) -> None:
    assert splitting("a", vehicle=values).settings.by == "share"


def test_files_come_before_columns() -> None:
    assert splitting("train", "test", part=["train", "test"]).settings.by == "files"
