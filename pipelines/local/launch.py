"""Launches a run in a process of its own, follows its log, and checks that what had to run did run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from components.base import failures
from components.base.errors import TextgateError
from components.base.files import read_json, write_json
from components.base.progress import MARK
from components.base.settings import Override, Settings
from components.base.signals import unwinding_on_terminate
from components.base.workspace import home
from pipelines.compile import compile_pipeline, pipeline_arguments
from pipelines.local.folder import PARTIAL, Run, Step, new_run, step_of, steps_to, take_over
from pipelines.pods import steps_of

if TYPE_CHECKING:
    from pipelines.reproduce.like import Like

STARTED = re.compile(r"Executing task '([a-z-]+?)(?:-\d+)?'")
ENDED = re.compile(r"Task '([a-z-]+?)(?:-\d+)?' finished with status (\w+)")
RETRIED = re.compile(r"Task ([a-z-]+?)(?:-\d+)? failed \(attempt \d+/\d+\)\. Retrying")
REUSED = re.compile(r"Task ([a-z-]+?)(?:-\d+)? cache hit \(key=(\w+)")
JOB_ID = re.compile(r'"job_id": "([^"]+)"')
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
QUIET = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "KERAS_BACKEND": "tensorflow",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONUNBUFFERED": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}

Watcher = Callable[[Step, str], None]


def run_locally(
    settings: Settings,
    watch: Watcher,
    reuse: Run | None = None,
    first: str = "",
    override: Override | None = None,
    config: str = "",
    like: Like | None = None,
) -> Run:
    """Compiles the pipeline and runs it from that YAML; `watch` hears of each step's start, progress and end, `config`
    is what Run has, `like` makes it a reproduction.

    Raises TextgateError naming the step and the cause when a step fails, KeyboardInterrupt when stopped; the run's
    folder keeps log, state and artifacts either way.
    """
    run = new_run(settings, config, like.name if like else "")
    try:
        if reuse:
            take_over(reuse, run, first)
        pipeline, about = run.folder / "pipeline.yaml", {"parent_run": run.reused}
        compile_pipeline(settings, pipeline, to=like.to if like else "", local=True)
        arguments = pipeline_arguments(settings, run.id, pipeline, override, about, like)
        write_json(run.folder / "arguments.json", arguments)
        _execute(run, watch)
        run.state = "finished"
        _check_steps(run, settings, like.to if like else "")
    except BaseException as error:
        run.state = "failed" if isinstance(error, Exception) else "interrupted"
        run.failure = run.failure or (str(error) if isinstance(error, Exception) else "interrupted")
        raise
    finally:
        run.seconds = round(time.time() - (run.folder / "settings.json").stat().st_mtime, 1)
        run.save()
    return run


def _execute(run: Run, watch: Watcher) -> None:
    # Each task leaves its code in the folder for temporary files.
    with (
        unwinding_on_terminate(),
        tempfile.TemporaryDirectory(prefix="textgate-", ignore_cleanup_errors=True) as scratch,
    ):
        environment = {
            **QUIET,
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "TEXTGATE_HOME": str(home()),
            "TMPDIR": scratch,
            failures.VARIABLE: str(run.folder / "failures.jsonl"),
        }
        status = _follow(run, watch, environment)
    if status != 0:
        raise TextgateError(explain(run))


def _follow(run: Run, watch: Watcher, environment: dict[str, str]) -> int:
    """The exit status of the worker, which is ended where this is interrupted."""
    command = [sys.executable, "-m", "pipelines.local.worker", str(run.folder)]
    with (run.folder / "log.txt").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            assert process.stdout
            follow = Follower(run, watch)
            for line in process.stdout:
                log.write(line)
                log.flush()
                follow(COLOUR.sub("", line).strip())
            return process.wait()
        except BaseException:
            _stop(process)
            _close_tracked(run)
            raise


class Follower:
    """Reads kfp's log line by line and keeps the run's steps up to date; several tasks may make one step."""

    def __init__(self, run: Run, watch: Watcher) -> None:
        self.run, self.watch = run, watch
        self.since: dict[str, float] = {}

    def __call__(self, line: str) -> None:
        if MARK in line:
            self._progress(line.partition(MARK)[2].strip())
        elif found := STARTED.search(line):
            self.watch(self._step(step_of(found[1])), "")
        elif found := RETRIED.search(line):
            self._retry(step_of(found[1]))
        elif found := ENDED.search(line):
            self._end(found[1], "done" if found[2] == "SUCCESS" else "failed")
        elif found := REUSED.search(line):
            self._reuse(found[1], found[2])
        elif not self.run.job_id and (found := JOB_ID.search(line)):
            self.run.job_id = found[1]

    def _progress(self, text: str) -> None:
        if self.run.steps:
            self.watch(self.run.steps[-1], text)

    def _step(self, name: str) -> Step:
        """The one of this name that is at work, or a new one."""
        found = next((step for step in self.run.steps if step.name == name and step.state == "running"), None)
        if not found:
            found = Step(name)
            self.run.steps.append(found)
            self.since[name] = time.monotonic()
        return found

    def _retry(self, name: str) -> None:
        """The step of this name failed, and is begun again in its own place."""
        self.run.steps = [step for step in self.run.steps if step.name != name]
        failures.forget(self.run.folder / "failures.jsonl", name)

    def _reuse(self, task: str, key: str) -> None:
        step = self._step(step_of(task))
        if task not in PARTIAL:
            step.state, step.key = "reused", key
        self.watch(step, "")

    def _end(self, task: str, state: str) -> None:
        name = step_of(task)
        step = self.run.step(name)
        if step and (state == "failed" or task not in PARTIAL):
            step.state, step.seconds = state, round(time.monotonic() - self.since[name], 1)
            self.run.save()
            self.watch(step, "")
        reports = self.run.folder / "failures.jsonl"
        if state == "failed" and not failures.first(reports):
            failures.add(reports, name, "it ended without a message: killed, or out of memory")


def _stop(process: subprocess.Popen[str]) -> None:
    """Ends the runner and whatever its step started: asked first, killed after five seconds."""
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(5)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _close_tracked(run: Run) -> None:
    """An interrupted runner runs no exit handler: the tracked run is closed from here."""
    if not run.job_id:
        return
    from components.base import tracking

    name = read_json(run.folder / "settings.json")["name"]
    try:
        if run_id := tracking.find_run(name, run.job_id):
            tracking.close_run(run_id, "KILLED", {"textgate.state": "interrupted"})
    except TextgateError as error:
        print(f"textgate: the tracked run stays open: {error}", file=sys.stderr)


def explain(run: Run) -> str:
    """Which step failed, why, where its log is, and how to go on, unless the step said already how."""
    if failure := failures.first(run.folder / "failures.jsonl"):
        run.failure = failure["message"]
        command = f"textgate run --reuse {run.id}"
        advice = (
            "" if command in failure["message"] else f"; after mending the cause: {command} --from {failure['step']}"
        )
        return f"step {failure['step']} failed: {failure['message']}\nlog: {run.folder / 'log.txt'}{advice}"
    return f"the local runner itself failed; its output is in {run.folder / 'log.txt'}"


def expected_steps(outcome: str, settings: Settings, to: str = "") -> list[str]:
    """The steps that must have run for an outcome, in the order of the drawing; `to` is the last of a reproduction."""
    return steps_to(outcome, steps_of(settings, trains=True), to if outcome == "reproduced" else "")


def _check_steps(run: Run, settings: Settings, to: str) -> None:
    """kfp's local runner can skip a branch and still succeed: what ran is held against what had to run."""
    records = list(run.folder.glob("tasks/*/record*/executor_output.json"))
    if len(records) != 1:
        raise TextgateError(f"the run ended with {len(records)} records instead of one; see {run.folder / 'log.txt'}")
    run.outcome = read_json(records[0])["parameterValues"]["Output"]
    ran = [step.name for step in run.steps]
    expected = expected_steps(run.outcome, settings, to)
    if sorted(ran) != sorted(expected):
        raise TextgateError(
            f"for the outcome {run.outcome} the steps {', '.join(expected)} had to run, but {', '.join(ran)} did;"
            f" see {run.folder / 'log.txt'}"
        )
