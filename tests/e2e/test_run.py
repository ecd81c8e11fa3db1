"""The compiled pipeline, run by the command line from a folder outside the checkout, with a tiny model.

One story in order: a first champion, a refusal by validation, a crash taken up again as a challenger, a refusal by the
gate, and the very same thing again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

TEXTGATE = [sys.executable, "-c", "from pipelines.cli import main; main()"]


@dataclass
class Story:
    project: Path
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "TEXTGATE_"))}
        return {**kept, "COLUMNS": "200"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*TEXTGATE, *arguments],
            cwd=self.project,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def textgate(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=280)
        return process.returncode, out, err

    def run(self, name: str, *arguments: str, status: int = 0) -> dict[str, Any]:
        before = set(self.folders())
        code, out, err = self.textgate("run", *arguments)
        assert code == status, out + err
        (folder,) = set(self.folders()) - before
        self.runs[name] = {**json.loads((folder / "run.json").read_text()), "out": out, "err": err}
        return self.runs[name]

    def folders(self) -> list[Path]:
        return [path.parent for path in self.project.glob(".textgate/runs/*/run.json")]

    def states(self, name: str) -> dict[str, str]:
        return {step["name"]: step["state"] for step in self.runs[name]["steps"]}

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.project.glob(".textgate/promotions/tiny/*.json"))]

    def pinned(self) -> dict[str, str]:
        return json.loads((self.project / ".textgate/serving/tiny/pinned.json").read_text())

    def tracked(self, name: str) -> Any:
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.project / '.textgate/mlflow.db'}")
        experiment = client.get_experiment_by_name("tiny")
        job = self.runs[name]["job_id"]
        (run,) = client.search_runs([experiment.experiment_id], f"tags.`textgate.job_id` = '{job}'")
        return run


@pytest.fixture(scope="module")
def story(tiny_project: Path) -> Story:
    return Story(tiny_project)


def test_first_run_ends_with_a_deployed_champion(story: Story) -> None:
    run = story.run("first", "--config", "tiny.yaml")
    assert run["outcome"] == "registered"
    assert "champion → version 1" in run["out"]
    (entry,) = story.log()
    assert (entry["version"], entry["previous_version"]) == ("1", "")
    assert story.pinned()["version"] == "1"
    assert story.pinned()["digest"] == entry["bundle_digest"]
    tracked = story.tracked("first")
    assert tracked.info.status == "FINISHED"
    assert tracked.data.metrics["test/accuracy"] >= 0.6
    assert tracked.data.tags["textgate.outcome"] == "registered"


def test_bad_data_is_a_recorded_refusal(story: Story) -> None:
    run = story.run("invalid", "--config", "tiny.yaml", "--set", "validation.min_rows.train=100000")
    assert run["outcome"] == "refused-by-validation"
    assert set(story.states("invalid")) == {"resolve", "fetch", "validate", "record", "close"}
    assert "100000" in run["out"]
    assert story.tracked("invalid").data.tags["textgate.outcome"] == "refused-by-validation"
    assert len(story.log()) == 1


def test_crash_names_the_step_and_is_recorded(story: Story) -> None:
    process = story.start("run", "--config", "tiny.yaml", "--set", "training.seed=2")
    victim = _wait_for_step(process, "quantize")
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "quantize" in err
    assert "Traceback" not in err
    newest = max(story.folders(), key=lambda folder: folder.stat().st_mtime)
    story.runs["crashed"] = json.loads((newest / "run.json").read_text())
    assert story.states("crashed")["quantize"] == "failed"
    assert story.tracked("crashed").info.status == "FAILED"


def test_crashed_run_is_taken_up_without_training_again(story: Story) -> None:
    crashed = Path(story.runs["crashed"]["folder"]).name
    run = story.run("again", "--reuse", crashed, "--from", "quantize")
    states = story.states("again")
    assert [states[step] for step in ("fetch", "validate", "tokenize", "finetune")] == ["reused"] * 4
    assert states["quantize"] == "done"
    assert run["outcome"] in {"registered", "refused-by-gate"}
    assert "better than the champion" in run["out"]
    champion = "2" if run["outcome"] == "registered" else "1"
    assert story.log()[-1]["version"] == champion
    assert story.pinned()["version"] == champion


def test_gate_refuses_and_the_champion_stays(story: Story) -> None:
    again = Path(story.runs["again"]["folder"]).name
    log, pinned = story.log(), story.pinned()
    run = story.run(
        "refused", "--config", "tiny.yaml", "--set", "training.seed=3", "--set", "gate.min_accuracy=1.0",
        "--reuse", again,
    )  # fmt: skip
    assert run["outcome"] == "refused-by-gate"
    assert "register" not in story.states("refused")
    assert story.tracked("refused").data.tags["textgate.outcome"] == "refused-by-gate"
    assert (story.log(), story.pinned()) == (log, pinned)


def test_the_very_same_thing_again_registers_nothing(story: Story) -> None:
    champion = "again" if story.runs["again"]["outcome"] == "registered" else "first"
    log = story.log()
    run = story.run("same", "--reuse", Path(story.runs[champion]["folder"]).name, "--from", "finetune")
    assert story.states("same")["finetune"] == "done"
    assert run["outcome"] == "unchanged"
    assert "nothing changed" in run["out"]
    assert story.log() == log


def test_broken_canary_leaves_the_champion_unmoved(story: Story) -> None:
    log, pinned = story.log(), story.pinned()
    run = story.run(
        "broken", "--config", "tiny.yaml", "--reuse", Path(story.runs["first"]["folder"]).name,
        "--set", "promote.log=another-log", "--set", "canary.max_latency_ms=0.0001",
    )  # fmt: skip
    assert run["outcome"] == "refused-by-canary"
    assert not {"promote", "deploy"} & set(story.states("broken"))
    assert f"champion → version {log[-1]['version']}" in run["out"]
    assert not list(story.project.glob("another-log/*"))
    assert (story.log(), story.pinned()) == (log, pinned)


def _wait_for_step(process: subprocess.Popen[str], step: str) -> int:
    """The pid of the step's own process, found below the command's."""
    for _ in range(2400):
        assert process.poll() is None, process.communicate()
        for pid in _descendants(process.pid):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            if f"--function_to_execute\0{step}\0" in command and "executor_main" in command:
                return pid
        time.sleep(0.05)
    raise AssertionError(f"{step} never started")


def _descendants(pid: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        for number in child.read_text().split():
            found += [int(number), *_descendants(int(number))]
    return found
