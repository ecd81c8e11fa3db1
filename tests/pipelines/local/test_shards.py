"""Tokenization in shards, as the compiled graph runs it on kfp's local runner, a process for each task."""

import json
from pathlib import Path

import pytest
from kfp import compiler, dsl

from components.base.image import COMPONENT
from components.base.settings import DataSchema, TokenizationSettings, TokenizeStep
from components.tokenize.tokenize import tokenize
from pipelines.finetune import encode
from pipelines.lint import check
from pipelines.local.folder import Run
from pipelines.local.launch import _execute
from tests.tiny_project import LABELS, make_rows, split_rows, write_base_model, write_tables


@dsl.component(**COMPONENT)
def given(folder: str, tables: dsl.Output[dsl.Dataset], base_model: dsl.Output[dsl.Model]) -> bool:
    """Hands over the folder's tables and base model; the rest of the pipeline is beside the point here."""
    import shutil

    shutil.copytree(f"{folder}/tables", tables.path)
    shutil.copytree(f"{folder}/base_model", base_model.path)
    return True


@dsl.component(**COMPONENT)
def taken(encoded: dsl.Input[dsl.Dataset]) -> None:
    """Stands for what comes after."""


def make_step(shards: int) -> TokenizeStep:
    options = TokenizationSettings(max_length=24, shards=shards)
    return TokenizeStep(data=DataSchema(labels=LABELS), options=options)


def run(inputs: Path, folder: Path, shards: int) -> Run:
    """Compiles and runs, as `textgate run` does: the graph stands within a branch."""

    @dsl.pipeline(name="shards")
    def pipeline(folder: str, settings: str):
        found = given(folder=folder)
        with dsl.If(found.outputs["Output"] == True):  # noqa: E712
            taken(encoded=encode(found.outputs["tables"], found.outputs["base_model"], settings, shards))

    folder.mkdir()
    compiler.Compiler().compile(pipeline, str(folder / "pipeline.yaml"))
    check(folder / "pipeline.yaml")
    arguments = {"folder": str(inputs), "settings": make_step(shards).model_dump_json()}
    (folder / "arguments.json").write_text(json.dumps(arguments))
    followed = Run(folder)
    _execute(followed, lambda step, text: None)
    return followed


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_tables(folder / "tables", split_rows(make_rows(120)))
    write_base_model(folder / "base_model")
    return folder


def test_three_shards_make_one_step_and_the_bytes_of_one(inputs: Path, tmp_path: Path) -> None:
    followed = run(inputs, tmp_path / "three", 3)
    names = ["given", "tokenize", "taken"]
    assert [(step.name, step.state) for step in followed.steps] == [(name, "done") for name in names]
    assert len(list(followed.folder.glob("tasks/*/*/tokenize-shard/part/part.json"))) == 3
    tokenize(inputs / "tables", inputs / "base_model", make_step(1), tmp_path / "one")
    found = followed.artifact("tokenize", "encoded")
    assert found
    for path in sorted((tmp_path / "one").iterdir()):
        assert (found / path.name).read_bytes() == path.read_bytes(), path.name
