"""What a person can get wrong, or lose, on the way: one clear message, a status that says so, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.story import Story, wait_for_step
from tests.tiny_project import make_rows, split_rows, write_config, write_version


@pytest.fixture(scope="module")
def story(tiny_project: Path) -> Story:
    return Story(tiny_project)


def test_misspelt_key_is_refused_before_anything_runs(story: Story) -> None:
    status, _, err = story.textgate("run", "--config", "tiny.yaml", "--set", "training.learning_rat=0.1")
    assert status == 1
    assert "training.learning_rat: unknown key" in err and "learning_rate" in err
    assert "0.1" not in err, "the value of a key that is not known may be a secret"
    assert "Traceback" not in err
    assert not story.folders()


def test_base_model_without_a_tokenizer_is_named(story: Story) -> None:
    (story.project / "bare").mkdir()
    for file in (story.project / "base_model").iterdir():
        if file.name != "tokenizer.json":
            (story.project / "bare" / file.name).write_bytes(file.read_bytes())
    status, _, err = story.textgate("run", "--config", "tiny.yaml", "--set", "base_model.reference=bare")
    assert status == 1
    assert "tokenizer.json" in err and "step resolve failed" in err
    assert "Traceback" not in err


def test_tracking_server_that_is_down_is_named(story: Story) -> None:
    status, _, err = story.textgate("run", "--config", "tiny.yaml", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert status == 1
    assert "http://127.0.0.1:9" in err and "MLFLOW_TRACKING_URI" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_extra_label_and_copies_in_the_test_split_are_recorded_refusals(story: Story) -> None:
    splits = split_rows(make_rows(360))
    splits["test"][0] = {**splits["test"][0], "label": "spam"}
    splits["test"][1] = {**splits["train"][0], "id": "copy"}
    other = Story(story.project / "other")
    other.project.mkdir()
    write_version(other.project, splits)
    write_config(other.project, base_model={"reference": "../base_model"})
    run = other.run("bad", "--config", "tiny.yaml")
    assert run["outcome"] == "refused-by-validation"
    assert "spam" in run["out"]


@pytest.mark.slow
def test_interrupt_in_training_leaves_a_run_that_can_be_taken_up(story: Story) -> None:
    process = story.start("run", "--config", "tiny.yaml")
    wait_for_step(process, "finetune")
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    newest = max(story.folders(), key=lambda folder: folder.stat().st_mtime)
    story.runs["interrupted"] = json.loads((newest / "run.json").read_text())
    assert story.runs["interrupted"]["state"] == "interrupted"
    assert not list(newest.glob("tasks/*/finetune/checkpoint*"))
    assert story.tracked("interrupted").info.status == "KILLED"
    run = story.run("again", "--reuse", newest.name)
    assert story.states("again")["tokenize"] == "reused"
    assert run["outcome"] == "registered"


@pytest.mark.slow
def test_training_that_is_killed_goes_on_by_itself(story: Story) -> None:
    kept = story.project / "kept/training.safetensors"
    options = ["checkpoint.place=kept", "checkpoint.minutes=0", "checkpoint.steps=1", "seed=9"]
    settings = [part for option in options for part in ("--set", f"training.{option}")]
    process = story.start("run", "--config", "tiny.yaml", *settings)
    victim = wait_for_step(process, "finetune")
    while not kept.exists():
        time.sleep(0.05)
    os.kill(victim, signal.SIGKILL)
    out, err = process.communicate(timeout=290)
    assert process.returncode == 0, out + err
    newest = max(story.folders(), key=lambda folder: folder.stat().st_mtime)
    (report,) = newest.glob("tasks/*/finetune/checkpoint/training.json")
    assert json.loads(report.read_text())["resumed"] == 1
    assert not kept.exists()


@pytest.mark.slow
def test_two_runs_at_once_on_a_fresh_workspace_give_one_champion(story: Story) -> None:
    arguments = ["run", "--config", "tiny.yaml", "--set", "training.seed="]
    home = {"TEXTGATE_HOME": str(story.project / "shared-home")}
    both = [story.start(*arguments[:-1], f"{arguments[-1]}{seed}", **home) for seed in (5, 6)]
    ended = [process.communicate(timeout=290) for process in both]
    log = sorted((story.project / "shared-home/promotions/tiny").glob("*.json"))
    assert len(log) == 1
    statuses = sorted(process.returncode for process in both)
    assert statuses == [0, 1], ended
    assert any("has the gate decide again" in err for _, err in ended), ended
