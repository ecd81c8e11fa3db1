"""A tiny project and what the command line did with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEXTGATE = [sys.executable, "-c", "from pipelines.cli import main; main()"]


@dataclass
class Story:
    project: Path
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "TEXTGATE_"))}
        return {**kept, "COLUMNS": "200"}

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*TEXTGATE, *arguments],
            cwd=self.project,
            env=self.environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def textgate(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=280)
        return process.returncode, out, err

    def run(self, name: str, *arguments: str, status: int = 0, **variables: str) -> dict[str, Any]:
        before = set(self.folders())
        code, out, err = self.textgate("run", *arguments, **variables)
        assert code == status, out + err
        (folder,) = set(self.folders()) - before
        self.runs[name] = {**json.loads((folder / "run.json").read_text()), "out": out, "err": err}
        return self.runs[name]

    def folders(self) -> list[Path]:
        return [path.parent for path in self.project.glob(".textgate/runs/*/run.json")]

    def states(self, name: str) -> dict[str, str]:
        return {step["name"]: step["state"] for step in self.runs[name]["steps"]}

    def verdict(self, name: str) -> dict[str, Any]:
        """The gate's rules by name."""
        (verdict,) = Path(self.runs[name]["folder"]).glob("tasks/*/gate/verdict/verdict.json")
        return {rule["rule"]: rule for rule in json.loads(verdict.read_text())["rules"]}

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.project.glob(".textgate/promotions/tiny/*.json"))]

    def pinned(self) -> dict[str, str]:
        return json.loads((self.project / ".textgate/serving/tiny/pinned.json").read_text())

    def tracked(self, name: str) -> Any:
        client = self.mlflow()
        experiment = client.get_experiment_by_name("tiny")
        job = self.runs[name]["job_id"]
        (run,) = client.search_runs([experiment.experiment_id], f"tags.`textgate.job_id` = '{job}'")
        return run

    def version_tags(self, version: str) -> dict[str, str]:
        return dict(self.mlflow().get_model_version("tiny", version).tags)

    def mlflow(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(f"sqlite:///{self.project / '.textgate/mlflow.db'}")


def wait_for_step(process: subprocess.Popen[str], step: str) -> int:
    """The pid of the step's own process, found below the command's."""
    for _ in range(2400):
        assert process.poll() is None, process.communicate()
        for pid in _descendants(process.pid):
            command = ""
            with suppress(OSError):  # it may have ended meanwhile
                command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            program, _, arguments = command.partition("\0")
            if "python" in program and f"--function_to_execute\0{step}\0" in arguments:
                return pid
        time.sleep(0.05)
    raise AssertionError(f"{step} never started")


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for number in child.read_text().split():
                found += [int(number), *_descendants(int(number))]
    return found
