"""A run beside others with one thing changed: each must be different, first where that thing is used, by that cause."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import Figure
from benchmarks.reproduce.cases import ROWS, project_of
from benchmarks.reproduce.running import WORK, code, git, kept, reproduce, run
from components.base.errors import TextgateError
from tests.tiny_project import make_rows, split_rows, write_version

PACKAGE = "tokenizers"
OTHER_VERSION = "0.23.2"


class Change(NamedTuple):
    """`make` gives the name of the changed run; `stage`, and `cause` by kind and a part of what it names, are due."""

    name: str
    make: Callable[[str], str]
    stage: str
    cause: tuple[str, str]


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used: rows are made up."""
    first = kept("unchanged", lambda: run(project_of("single-label", promoted=False)))
    found = []
    for kind, changes in CHANGES.items():
        wrong = []
        try:
            for change in changes:
                other = kept(f"{kind}: {change.name}", lambda change=change: change.make(first))
                report = reproduce(first, "--by", other)
                causes = [one for one, what in report.causes if one != "versions" or kind == "version"]
                due = any(one == change.cause[0] and change.cause[1] in what for one, what in report.causes)
                alone = set(causes) <= {change.cause[0], "versions"}
                if not ((report.outcome, report.departs) == ("different", change.stage) and due and alone):
                    wrong.append(Figure(f"one {kind} changed ({change.name})", str(report), ""))
        except NoPackage as reason:
            found.append(Figure(f"one {kind} changed", f"skipped: {reason}", ""))
            continue
        right, what = len(changes) - len(wrong), f"one {kind} changed: different, first stage and cause named"
        found += [Figure(what, right, f"of {len(changes)}", "all", not wrong), *wrong]
    return found


class NoPackage(Exception):
    """The other version could not be had."""


def _setting(setting: str) -> Callable[[str], str]:
    return lambda first: run(project_of("single-label", promoted=False), "--reuse", first, "--set", setting)


def _row(split: str, **changed: str) -> Callable[[str], str]:
    """The first row of the split has another text or label, in a version of the data beside the first one."""

    def make(first: str) -> str:
        project = project_of("single-label", promoted=False)
        copy = WORK / f"unpromoted-{split}"  # a comma would part the list of remotes
        shutil.copytree(project, copy, dirs_exist_ok=True)
        splits = split_rows(make_rows(ROWS, noise=0.1))
        splits[split][0] |= changed
        write_version(copy, splits)
        return run(project, "--set", f"data.version={copy / 'data.dvc'}", "--set", f"data.remotes=[{copy / 'remote'}]")

    return make


def _line(file: str, pattern: str, instead: str, step: str) -> Callable[[str], str]:
    """A line of code is another one, in a commit of its own; steps before `step` are not repeated."""

    def make(first: str) -> str:
        return run(
            project_of("single-label", promoted=False),
            "--reuse",
            first,
            "--from",
            step,
            by=_edited(file, pattern, instead),
        )

    return make


def _version(first: str) -> str:
    """The lock has another version of a package, which is the one that the run has."""
    folder = WORK / f"{PACKAGE}-{OTHER_VERSION}"
    wanted = ["--no-deps", "--quiet", "--target", str(folder), f"{PACKAGE}=={OTHER_VERSION}"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *wanted], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NoPackage(f"pip installs no {PACKAGE} {OTHER_VERSION}: {' '.join(done.stderr.split()[-20:])}")
    edited = _edited("requirements.lock", rf"^{PACKAGE}==\S+", f"{PACKAGE}=={OTHER_VERSION}")
    return run(project_of("single-label", promoted=False), by=edited, packages=[folder])


def _edited(file: str, pattern: str, instead: str) -> Path:
    """A worktree of code() with a commit in which the one place that the pattern fits is another."""
    folder = WORK / f"edited {Path(file).name}"
    if folder.exists():
        git(code(), "worktree", "remove", "--force", str(folder))
    git(code(), "worktree", "add", "-q", "--detach", str(folder))
    path = folder / file
    text, places = re.subn(pattern, instead, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if places != 1:
        raise TextgateError(f"{places} places in {file} fit {pattern!r} instead of one: name another line to change")
    path.write_text(text, encoding="utf-8")
    git(folder, "commit", "-q", "-a", "-m", f"Change {file}")
    return folder


OPTIMIZER, SCALES, ESTIMATES = "finetune/optimizer.py", "quantize/scales.py", "evaluate/estimates.py"
CHANGES = {
    "data row": [
        Change("a label of train", _row("train", label="plain"), "data", ("data", "")),
        Change("a text of test", _row("test", text="the service was never nice"), "data", ("data", "")),
    ],
    "setting": [
        Change("tokens", _setting("tokenization.max_length=10"), "encoded", ("settings", "max_length")),
        Change("learning rate", _setting("training.learning_rate=0.004"), "weights", ("settings", "learning_rate")),
        Change("precision", _setting("quantization.policy=float32"), "bundle", ("settings", "policy")),
        Change("samples", _setting("evaluation.seed=2"), "metrics", ("settings", "seed")),
        Change("a rule", _setting("gate.rules.accuracy.at_least=0.01"), "verdict", ("settings", "at_least")),
    ],
    "version": [Change(PACKAGE, _version, "bundle", ("lock", "requirements.lock"))],
    "line of code": [
        Change(
            "of finetune",
            _line(f"components/{OPTIMIZER}", r"EPSILON = 0\.9,", "EPSILON = 0.8,", "finetune"),
            "weights",
            ("code", OPTIMIZER),
        ),
        Change(
            "of quantize",
            _line(f"components/{SCALES}", r"^WEIGHT_LIMIT = 63", "WEIGHT_LIMIT = 60", "quantize"),
            "bundle",
            ("code", SCALES),
        ),
        Change(
            "of evaluate",
            _line(f"components/{ESTIMATES}", r"^FEW = 20", "FEW = 30", "evaluate"),
            "metrics",
            ("code", ESTIMATES),
        ),
    ],
}
