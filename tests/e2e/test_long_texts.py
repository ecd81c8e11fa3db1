"""Texts longer than the model takes, in windows, tokenized in shards: from the compiled pipeline to the bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.base.settings import DataSchema, TokenizationSettings, TokenizeStep
from components.tokenize.tokenize import tokenize
from serving.predictor import Predictor
from tests.e2e.story import Story
from tests.tiny_project import LABELS

pytestmark = pytest.mark.slow
OPTIONS = {"max_length": 8, "truncation": "chunk", "overlap": 2}


@pytest.fixture(scope="module")
def story(tiny_project: Path) -> Story:
    return Story(tiny_project)


def artifact(story: Story, name: str, step: str, output: str) -> Path:
    (path,) = Path(story.runs[name]["folder"]).glob(f"tasks/*/{step}/{output}")
    return path


def test_shards_give_the_bytes_of_one_task_and_windows_train(story: Story, tmp_path: Path) -> None:
    chosen = [f"--set=tokenization.{key}={value}" for key, value in OPTIONS.items()]
    run = story.run("first", "--config", "tiny.yaml", *chosen, "--set=tokenization.shards=3")
    assert run["outcome"] in {"registered", "refused-by-gate"}, run["out"]
    assert story.states("first")["tokenize"] == "done"
    encoded = artifact(story, "first", "tokenize-merge", "encoded")
    step = TokenizeStep(data=DataSchema(labels=LABELS), options=TokenizationSettings(**OPTIONS))
    tokenize(story.project / "data", story.project / "base_model", step, tmp_path / "one")
    for path in sorted((tmp_path / "one").iterdir()):
        assert (encoded / path.name).read_bytes() == path.read_bytes(), path.name
    health = json.loads((encoded / "health.json").read_text())
    assert health["train"]["windows"] > health["train"]["rows"]
    training = json.loads((artifact(story, "first", "finetune", "checkpoint") / "training.json").read_text())
    assert training["rows"]["train"] == health["train"]["rows"]
    bundle = artifact(story, "first", "quantize", "bundle")
    predictor = Predictor(bundle)
    assert predictor.manifest.truncation == {"policy": "chunk", "overlap": 2}
    assert "windows that overlap by 2 tokens" in (bundle / "README.md").read_text()
    short, long = predictor.logits(["love great", "love great " + "the " * 40])
    assert (short != long).any()


def test_the_shards_of_a_run_are_reused(story: Story) -> None:
    name = Path(story.runs["first"]["folder"]).name
    story.run("again", "--reuse", name, "--from", "finetune")
    assert story.states("again")["tokenize"] == "reused"
    assert story.states("again")["finetune"] == "done"
