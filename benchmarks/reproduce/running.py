"""Runs textgate by a clone of this checkout, in a workspace that lasts from part to part."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import OUT
from components.base.errors import TextgateError
from components.base.files import read_json, write_json
from components.base.running import ROOT
from pipelines.lineage.code import read_code
from pipelines.lineage.recorded import find

WORK = OUT / "reproduce" / "work"
HOME = WORK / "home"
TEXTGATE = (sys.executable, "-c", "from pipelines.cli import main; main()")
IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
SAID = re.compile(r"^(?:identical|equivalent|different): \S+ and (\S+)$", re.MULTILINE)
LAST_LINES = 12
PATIENCE_S = 300


class Report(NamedTuple):
    """What `textgate reproduce` came to; causes by their kinds and what they name; `seconds` is what it took."""

    outcome: str
    departs: str
    causes: list[tuple[str, str]]
    seconds: float

    def __str__(self) -> str:
        if self.outcome == "identical":
            return self.outcome
        return f"{self.outcome} at {self.departs}: {'; '.join(map(': '.join, self.causes)) or 'no cause seen'}"


def code() -> Path:
    """A clone of this checkout's repository at its commit: what is not committed is not in it."""
    folder = WORK / "code"
    if not folder.exists():
        if not read_code(ROOT).commit:
            raise TextgateError(f"{ROOT} is no git repository: a run would record no code to be made again from")
        folder.parent.mkdir(parents=True, exist_ok=True)
        git(ROOT, "clone", "-q", str(ROOT), str(folder))
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *IDENTITY, *arguments], check=True)


def kept(name: str, make: Callable[[], str]) -> str:
    """The name of the run that `make` made, now or before an interruption."""
    path = WORK / "runs.json"
    names: dict[str, str] = read_json(path) if path.exists() else {}
    if name not in names:
        names[name] = make()
        write_json(path, names)
    return names[name]


def run(project: Path, *options: str, by: Path | None = None, packages: Sequence[Path] = ()) -> str:
    """The name of a new run in this project; `by` and `packages` as textgate has them."""
    config = () if "--reuse" in options else ("--config", "tiny.yaml")
    with _new_run() as names:
        textgate(project, "run", *config, *options, by=by, packages=packages)
    return names[0]


def stopped_run(project: Path, *options: str) -> str:
    """The name of a run that is stopped when its training has saved something."""
    place = WORK / "saved"
    save = ("--set", f"training.checkpoint.place={place}", "--set", "training.checkpoint.steps=1")
    with _new_run() as names:
        process = subprocess.Popen(
            [*TEXTGATE, "run", "--config", "tiny.yaml", *options, *save],
            cwd=project,
            env=_environment(code()),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and not place.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.wait()
    if (state := read_json(HOME / "runs" / names[0] / "run.json")["state"]) != "interrupted":
        raise TextgateError(f"the run {names[0]} was to be stopped in its training, and is {state}")
    return names[0]


def seconds_of(name: str) -> float:
    return float(read_json(HOME / "runs" / name / "run.json")["seconds"])


def reproduce(name: str, *options: str) -> Report:
    """Raises TextgateError where nothing came out that could be compared."""
    started = time.monotonic()
    said = textgate(WORK, "reproduce", name, *options, statuses=(0, 1))
    seconds = time.monotonic() - started
    if not (made := SAID.search(said)):
        raise TextgateError(f"{name} was not made again:\n{_end(said)}")
    content = _artifact(name, f"reproductions/{made[1]}.json")
    causes = [(cause["kind"], cause["what"]) for cause in content["causes"]]
    return Report(content["outcome"], content["departs"], causes, seconds)


def textgate(
    folder: Path,
    *arguments: str,
    by: Path | None = None,
    packages: Sequence[Path] = (),
    statuses: Sequence[int] = (0,),
) -> str:
    """What it prints, by the code in the folder `by` (or that of code()), with `packages` before those installed.

    Raises TextgateError with the end of it where its exit status is none of these.
    """
    done = subprocess.run(
        [*TEXTGATE, *arguments],
        cwd=folder,
        env=_environment(by or code(), packages),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode not in statuses:
        raise TextgateError(f"textgate {' '.join(arguments)} failed:\n{_end(done.stdout)}")
    return done.stdout


def _artifact(name: str, path: str) -> dict[str, list[dict[str, str]]]:
    before = os.environ.get("TEXTGATE_HOME")
    os.environ["TEXTGATE_HOME"] = str(HOME)
    try:
        content = find(name).file(path)
    finally:
        if before is None:
            del os.environ["TEXTGATE_HOME"]
        else:
            os.environ["TEXTGATE_HOME"] = before
    assert content is not None
    return json.loads(content)


@contextmanager
def _new_run() -> Iterator[list[str]]:
    """Afterwards the list holds the name of the run that was begun meanwhile."""
    before, names = set(HOME.glob("runs/*")), []
    yield names
    names += [folder.name for folder in set(HOME.glob("runs/*")) - before]


def _environment(by: Path, packages: Sequence[Path] = ()) -> dict[str, str]:
    own = ("MLFLOW_", "TEXTGATE_")
    kept_variables = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    paths = os.pathsep.join(map(str, [*packages, by]))
    return {**kept_variables, "PYTHONPATH": paths, "TEXTGATE_HOME": str(HOME), "DVC_NO_ANALYTICS": "1"}


def _end(said: str) -> str:
    return "\n".join(said.strip().splitlines()[-LAST_LINES:])
