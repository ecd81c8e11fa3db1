"""A run followed to its end, whatever that is and whatever happens on the way."""

from __future__ import annotations

import os
import shlex
import signal
import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from components.base.settings import load
from pipelines.cli.kubeflow import follow, lasting
from pipelines.cluster import Cluster, watching
from pipelines.cluster.states import STEP
from pipelines.compile import compile_pipeline
from pipelines.lint import read_spec, step_names, step_titles
from pipelines.promotion.compiling import compile_promotion
from tests.pipelines.loopback_kfp import Fault, State

Typed = Callable[..., tuple[int, str, str]]
A_RUN = "GET /runs/"


def test_watch_shows_each_change_of_each_step_and_ends_well(submit: Typed, kubeflow: State) -> None:
    kubeflow.frames = [
        ("PENDING", {}),
        ("RUNNING", {"resolve": "RUNNING"}),
        ("RUNNING", {"resolve": "RUNNING"}),
        ("RUNNING", {"resolve": "SUCCEEDED", "fetch": "RUNNING"}),
        ("SUCCEEDED", {"resolve": "SUCCEEDED", "fetch": "SUCCEEDED", "close": "SUCCEEDED"}),
    ]
    status, out, err = submit("--watch")
    assert (status, err) == (0, "")
    lines = [line.split()[1:3] for line in out.splitlines() if line.startswith("  ")]
    assert lines == [
        ["resolve", "running"],
        ["resolve", "succeeded"],
        ["fetch", "running"],
        ["fetch", "succeeded"],
        ["close", "succeeded"],
    ]
    assert out.splitlines()[-1] == "the run succeeded"


def test_failure_names_the_step_and_what_it_said(submit: Typed, kubeflow: State) -> None:
    kubeflow.frames = [("FAILED", {"resolve": "SUCCEEDED", "fetch": "FAILED", "close": "SUCCEEDED"})]
    kubeflow.messages = {"fetch": "no object 12/345", "root": "child failed"}
    status, out, err = submit("--watch")
    assert status == 1
    assert "FAILED" in err and "step fetch: no object 12/345" in err
    assert "the run succeeded" not in out


def test_failure_is_named_where_only_its_pod_has_a_message(submit: Typed, kubeflow: State) -> None:
    kubeflow.frames = [("FAILED", {"resolve": "SUCCEEDED", "record-2": "FAILED"})]
    kubeflow.messages = {"executor": "Error (exit code 137): OOMKilled"}
    status, _, err = submit("--watch")
    assert status == 1 and "step record-2: Error (exit code 137): OOMKilled" in err


def test_step_that_cannot_start_is_named(submit: Typed, kubeflow: State) -> None:
    kubeflow.frames = [("FAILED", {"resolve": "SUCCEEDED", "fetch-driver": "FAILED"})]
    kubeflow.messages = {"fetch-driver": "driver: no such bucket"}
    status, _, err = submit("--watch")
    assert status == 1 and "step fetch: driver: no such bucket" in err


def test_failure_is_named_where_the_api_gives_no_message(submit: Typed, kubeflow: State, host: str) -> None:
    kubeflow.frames = [("FAILED", {"fetch": "FAILED"})]
    status, _, err = submit("--watch")
    assert status == 1 and "step fetch: Kubeflow gives no message" in err and f"{host}/#/runs/details/" in err


@pytest.mark.parametrize("state", ["CANCELED", "SKIPPED"])
def test_other_ends_are_no_success(submit: Typed, kubeflow: State, state: str) -> None:
    kubeflow.frames = [("RUNNING", {"finetune": "RUNNING"}), ("CANCELING", {"finetune": "RUNNING"}), (state, {})]
    status, _, err = submit("--watch")
    assert status == 1 and f"the run ended {state}" in err


def test_watch_outlives_a_busy_server(submit: Typed, kubeflow: State) -> None:
    kubeflow.faults = [Fault(A_RUN, what) for what in (503, 429, 502, "drop", "cut", "html", 504)]
    status, out, err = submit("--watch")
    assert (status, err) == (0, "")
    assert out.count("asking again (HTTP 503: upstream is busy)") == 1
    assert not any(fault.times for fault in kubeflow.faults)


def test_watch_gives_up_in_the_end_and_says_that_the_run_goes_on(
    submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PATIENCE_S", 0.05)
    kubeflow.faults = [Fault(A_RUN, 503, times=1000)]
    status, _, err = submit("--watch")
    assert status == 1 and "HTTP 503" in err and "the run goes on" in err


@pytest.mark.parametrize("where", ["GET /healthz", "GET /runs"])
def test_watch_waits_for_a_server_that_is_busy_from_the_first_request_on(
    at_host: Typed, submit: Typed, kubeflow: State, where: str
) -> None:
    submit()
    (run,) = kubeflow.runs
    kubeflow.faults = [Fault(where, 503, times=20)]
    status, out, _ = at_host("watch", run)
    assert status == 0 and out.splitlines()[-1] == "the run succeeded" and not kubeflow.faults[0].times
    kubeflow.faults = [Fault(where, 503, times=20)]
    assert at_host("runs")[0] == 1
    kubeflow.faults = [Fault("GET /healthz", "drop", times=20)]
    assert at_host("watch", run)[0] == 1 and kubeflow.faults[0].times == 16


def test_no_wait_for_a_run_goes_beyond_its_bound(
    submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(watching, "PATIENCE_S", 30.0)
    kubeflow.faults = [Fault(A_RUN, 429, headers={"Retry-After": "31"})]
    assert submit("--watch")[0] == 1 and 31.0 not in pauses


def test_token_that_ends_while_watching_is_not_asked_again(submit: Typed, kubeflow: State) -> None:
    kubeflow.faults = [Fault(A_RUN, 401)]
    status, _, err = submit("--watch")
    assert status == 1 and "TEXTGATE_KFP_TOKEN" in err and "the run goes on" in err


def test_interrupt_says_that_the_run_goes_on_and_how_to_end_it(
    submit: Typed, kubeflow: State, config: Path, host: str
) -> None:
    kubeflow.frames = [("RUNNING", {"finetune": "RUNNING"})]
    interrupt = threading.Thread(target=_interrupt_when_watched, args=[kubeflow])
    interrupt.start()
    status, out, err = submit("--watch")
    interrupt.join()
    assert status == 130 and "interrupted" in err
    (run,) = kubeflow.runs
    assert "the run goes on" in out
    assert all(f"  textgate {verb} {run} --config {config} --host {host}\n" in out for verb in ("watch", "cancel"))


def test_the_commands_that_are_named_reach_the_same_kubeflow(
    typed: Typed, kubeflow: State, config: Path, host: str
) -> None:
    kubeflow.multi_user = True
    config = config.rename(config.with_name("my [b]config.yaml"))
    given = ["--config", str(config), "--set", "training.seed=2", "--host", host, "--namespace", "team-a"]
    status, out, err = typed("submit", "--unchecked", *given)
    (run,) = kubeflow.runs
    assert (status, err) == (0, "") and out.splitlines()[
        -1
    ] == f"watch {shlex.join(['textgate', 'watch', run, *given])}"
    kubeflow.frames, kubeflow.logs = [("FAILED", {"fetch": "FAILED"})], {"fetch": "it broke"}
    status, _, err = typed(*shlex.split(out.splitlines()[-1])[2:])
    named = [shlex.split(line.partition(": textgate ")[2]) for line in err.splitlines() if ": textgate " in line]
    assert status == 1 and named == [["logs", run, "fetch", *given], ["retry", run, *given]]
    status, out, err = typed(*named[0])
    assert (status, err) == (0, "") and "it broke" in out
    status, out, err = typed("watch", "nobody", *given)
    assert status == 1 and shlex.join(["textgate", "runs", *given]) in err


def _interrupt_when_watched(kubeflow: State) -> None:
    while sum("GET /runs/" in request for request in kubeflow.requests) < 3:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_watch_waits_as_long_as_the_server_asks(
    submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    kubeflow.faults = [Fault(A_RUN, 429, headers={"Retry-After": "17"})]
    assert submit("--watch")[0] == 0
    assert 17.0 in pauses


def test_every_step_of_the_compiled_pipelines_is_shown(tmp_path: Path, config: Path) -> None:
    settings = load(config, ["tokenization.shards=2"])
    compile_pipeline(settings, tmp_path / "train.yaml")
    compile_promotion(settings, tmp_path / "promotion.yaml")
    for name in ("train", "promotion"):
        spec = read_spec(tmp_path / f"{name}.yaml")
        names = step_names(spec) | step_titles(spec).keys()
        assert names and all(STEP.fullmatch(step) for step in names)


def test_on_a_terminal_what_is_at_work_is_shown(kubeflow: State, host: str, config: Path, submit: Typed) -> None:
    submit()
    (run_id,) = kubeflow.runs
    kubeflow.frames = [
        ("RUNNING", {"fetch": "SUCCEEDED", "finetune": "RUNNING"}),
        ("SUCCEEDED", {"finetune": "SUCCEEDED"}),
    ]
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    follow(Cluster.of(load(config), host), run_id, console)
    assert "1 steps ended" in written.getvalue() and "finetune" in written.getvalue()


@pytest.mark.parametrize(("seconds", "shown"), [(8.24, "8.2 s"), (725, "12:05"), (11525, "3:12:05")])
def test_times_are_readable(seconds: float, shown: str) -> None:
    assert lasting(seconds) == shown
