"""A run's folder: what was asked, what each step did, and where its artifacts lie."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.base.errors import TextgateError
from components.base.files import read_json, write_json
from components.base.settings import STEP_NAMES, Settings
from components.base.workspace import create_home, home

# After which step a run that was not let through goes to its record.
LAST = {
    "refused-by-validation": "validate",
    "unchanged": "gate",
    "reproduced": "gate",
    "refused-by-gate": "gate",
    "refused-by-canary": "canary",
}
# Tasks that leave their step to another one: it is not done when they are.
PARTIAL = ("tokenize-shard",)


def step_of(task: str) -> str:
    """The step that a task of the graph belongs to: tokenize of tokenize-shard, record of record-3."""
    return task.partition("-")[0]


def steps_to(outcome: str, steps: Iterable[str], last: str = "") -> list[str]:
    """Those of a pipeline's steps that a run with that outcome came to; `last` is that of a shorter reproduction."""
    end = STEP_NAMES.index(last or LAST.get(outcome, "deploy"))
    return [step for step in steps if STEP_NAMES.index(step) <= end or step in ("record", "close")]


@dataclass
class Step:
    """`state` is running, done, reused or failed; `key` names the cache entry of a reused step."""

    name: str
    state: str = "running"
    seconds: float = 0.0
    key: str = ""


@dataclass
class Run:
    """`state` is running, finished, failed or interrupted; `outcome` is what the record step gave; `config` are the
    options that name its config, as they are typed."""

    folder: Path
    state: str = "running"
    outcome: str = ""
    job_id: str = ""
    started: str = ""
    seconds: float = 0.0
    failure: str = ""
    reused: str = ""
    config: str = ""
    steps: list[Step] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.folder.name

    def save(self) -> None:
        write_json(self.folder / "run.json", {**asdict(self), "folder": str(self.folder)})

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)

    def artifact(self, step: str, name: str) -> Path | None:
        """Where an artifact of a step lies, in this run or in the one it was reused from."""
        for path in self.folder.glob(f"tasks/*/{step}*/{name}"):
            return path
        known = self.step(step)
        if known and known.key:
            for entry in self.folder.glob(f"cache/{known.key}*.json"):
                return _artifacts(entry).get(name)
        return None

    def output(self, step: str, name: str) -> str:
        """A string that a step of this run gave; empty where it gave none."""
        for path in self.folder.glob(f"tasks/*/{step}*/executor_output.json"):
            return str(read_json(path)["parameterValues"].get(name, ""))
        return ""

    def report(self, step: str, artifact: str, file: str) -> Any:
        """A report's content, or None where the step did not come to write it."""
        folder = self.artifact(step, artifact)
        return read_json(folder / file) if folder and (folder / file).exists() else None


def new_name(model: str) -> str:
    """A run's, by the time."""
    return f"{model}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(2).hex()}"


def new_run(settings: Settings, config: str = "", name: str = "") -> Run:
    """Raises TextgateError where there is a run of that name already."""
    folder = create_home() / "runs" / (name or new_name(settings.name))
    if folder.exists():
        raise TextgateError(f"there is a run {folder.name} already, in {folder}; give this one another name")
    folder.mkdir(parents=True)
    (folder / "cache").mkdir()
    write_json(folder / "settings.json", settings.model_dump())
    run = Run(folder, started=datetime.now(UTC).isoformat(timespec="seconds"), config=config)
    run.save()
    return run


def find_run(run_id: str) -> Run:
    """Raises TextgateError naming the latest runs when there is none of this id."""
    folder = home() / "runs" / run_id
    if not run_id or not (folder / "run.json").exists():
        latest = sorted((path.parent for path in home().glob("runs/*/run.json")), key=lambda path: path.stat().st_mtime)
        names = ", ".join(path.name for path in latest[-3:]) or "none"
        raise TextgateError(f"there is no run {run_id!r} in {home() / 'runs'}; the latest are: {names}")
    content = read_json(folder / "run.json")
    try:
        return Run(**{**content, "folder": folder, "steps": [Step(**step) for step in content["steps"]]})
    except (TypeError, KeyError):
        raise TextgateError(f"{folder} was written by another version of textgate; start a new run") from None


def take_over(old: Run, new: Run, first: str) -> list[str]:
    """Lets `new` reuse what the steps of `old` before `first` wrote; returns their names."""
    kept = STEP_NAMES[: STEP_NAMES.index(first)] if first else STEP_NAMES
    taken = []
    for entry, step in entries(old).items():
        if step in kept:
            shutil.copyfile(entry, new.folder / "cache" / entry.name)
            taken.append(step)
    new.reused = old.id
    return taken


def entries(run: Run) -> dict[Path, str]:
    """The entries of its cache, each with the step that made it, which one that was taken over has, too."""
    found = {}
    for entry in sorted(run.folder.glob("cache/*.json")):
        found[entry] = step_of(next((path.parent.name for path in _artifacts(entry).values()), ""))
    return found


def is_whole(entry: Path) -> bool:
    """Whether what it names is still there."""
    return all(path.exists() for path in _artifacts(entry).values())


def _artifacts(entry: Path) -> dict[str, Path]:
    """The artifacts that a cache entry names: kfp writes them as objects with a uri."""
    content = json.loads(entry.read_text(encoding="utf-8"))
    return {name: Path(value["uri"]) for name, value in content.items() if isinstance(value, dict) and "uri" in value}
