"""`textgate runs`, `watch`, `cancel` and `retry`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cluster import errors
from tests.pipelines.loopback_kfp import Fault, State

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def two(submit: Typed, kubeflow: State) -> list[str]:
    """The ids of two runs, the later one of another experiment."""
    assert submit()[0] == 0 and submit("--experiment", "other")[0] == 0
    return list(kubeflow.runs)


def test_runs_are_listed_newest_first(at_host: Typed, kubeflow: State, two: list[str]) -> None:
    kubeflow.runs[two[0]].state = "FAILED"
    status, out, err = at_host("runs")
    assert (status, err) == (0, "")
    _, newer, older = out.splitlines()
    assert newer.startswith(two[1][:8]) and "other" in newer and "pending" in newer
    assert older.startswith(two[0][:8]) and "failed" in older
    assert at_host("runs", "-n", "1")[1].splitlines()[1].startswith(two[1][:8])
    assert two[1][:8] not in at_host("runs", "--state", "failed")[1]
    assert two[0][:8] in at_host("runs", "--experiment", "tiny")[1]
    assert at_host("runs", "--state", "skipped")[1] == "there are none\n"
    status, _, err = at_host("runs", "--experiment", "nothing")
    assert status == 1 and "there is no experiment nothing" in err


@pytest.mark.parametrize(
    ("arguments", "says"), [(["--state", ""], "'' is not one of 'pending', "), (["--help"], "[pending|running|")]
)
def test_states_are_those_that_a_run_can_have(at_host: Typed, arguments: list[str], says: str) -> None:
    _, out, err = at_host("runs", *arguments)
    assert says in out + err


def test_runs_are_listed_for_programs(at_host: Typed, two: list[str]) -> None:
    listed = json.loads(at_host("runs", "--json")[1])
    assert [run["run_id"] for run in listed] == two[::-1]
    assert set(listed[0]) == {"run_id", "name", "state", "started", "seconds", "experiment"}


def test_a_list_that_no_terminal_shows_is_not_cut(at_host: Typed, submit: Typed, kubeflow: State) -> None:
    name = "much longer " * 10 + "than a terminal is wide"
    submit("--experiment", name)
    (run,) = kubeflow.runs.values()
    run.display_name = f"run {name}"
    _, line = at_host("runs")[1].splitlines()
    assert line.startswith(run.run_id[:8]) and f"run {name} " in line and line.rstrip().endswith(f" {name}")
    assert at_host("schedule", "create", "--unchecked", "--cron", "0 3 * * 1", "--name", name[:128])[0] == 0
    (schedule,) = kubeflow.schedules.values()
    _, line = at_host("schedule", "list")[1].splitlines()
    assert line.startswith(name[:128]) and "0 0 3 * * 1" in line and line.rstrip().endswith(schedule.recurring_run_id)
    (pipeline,) = kubeflow.pipelines.values()
    pipeline.display_name = name
    assert at_host("pipelines", "list")[1].splitlines()[1].startswith(f"{name} ")


def test_a_list_goes_over_many_pages(
    at_host: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch, submit: Typed
) -> None:
    from pipelines.cluster import client

    monkeypatch.setattr(client, "PAGE", 1)
    for _ in range(3):
        submit()
    assert len(json.loads(at_host("runs", "--json")[1])) == 3
    assert sum(request == "GET /runs" for request in kubeflow.requests) == 3


def test_a_run_is_named_by_id_its_beginning_or_its_name(at_host: Typed, kubeflow: State, two: list[str]) -> None:
    run = kubeflow.runs[two[0]]
    for reference in (run.run_id, run.run_id[:8], run.display_name):
        status, out, err = at_host("watch", reference)
        assert (status, err) == (0, "") and out.splitlines()[-1] == "the run succeeded"
    status, _, err = at_host("watch", "nobody")
    assert status == 1 and "there is no run nobody" in err and "textgate runs" in err
    kubeflow.runs[two[1]].display_name = run.display_name
    status, _, err = at_host("watch", run.display_name)
    assert status == 1 and f"2 runs are called {run.display_name}" in err and two[0] in err and two[1] in err


def test_with_a_host_no_config_is_needed(
    typed: Typed, host: str, two: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed("watch", two[0], "--host", host)[0] == 0
    assert typed("runs")[0] == 1


def test_watch_fails_where_the_run_fails(at_host: Typed, kubeflow: State, two: list[str]) -> None:
    kubeflow.frames = [("FAILED", {"fetch": "FAILED"})]
    assert at_host("watch", two[0])[0] == 1


def test_a_run_is_cancelled_once(at_host: Typed, kubeflow: State, two: list[str]) -> None:
    kubeflow.frames = [("RUNNING", {"finetune": "RUNNING"})]
    for says in ("is being cancelled;", "is being cancelled already;", "ended CANCELED already"):
        status, out, err = at_host("cancel", two[0])
        assert (status, err) == (0, "") and says in out
    assert sum(request.endswith(":terminate") for request in kubeflow.requests) == 1


@pytest.mark.parametrize("lost", ["lost", "cut"])
def test_a_run_whose_cancelling_was_not_answered_is_being_cancelled(
    at_host: Typed, kubeflow: State, two: list[str], lost: str
) -> None:
    kubeflow.frames, kubeflow.faults = [("RUNNING", {})], [Fault("POST .*:terminate", lost)]
    status, out, err = at_host("cancel", two[0])
    assert (status, err) == (0, "") and "is being cancelled;" in out and not kubeflow.faults[0].times


def test_a_run_that_ends_while_it_is_cancelled_has_ended(at_host: Typed, kubeflow: State, two: list[str]) -> None:
    kubeflow.frames, kubeflow.faults = [("RUNNING", {}), ("SUCCEEDED", {})], [Fault("POST .*:terminate", 400)]
    status, out, err = at_host("cancel", two[0])
    assert (status, err) == (0, "") and "ended SUCCEEDED already" in out


def test_a_run_that_is_not_cancelled_is_told(at_host: Typed, kubeflow: State, two: list[str]) -> None:
    kubeflow.frames, kubeflow.faults = [("RUNNING", {})], [Fault("POST .*:terminate", 400)]
    status, _, err = at_host("cancel", two[0])
    assert status == 1 and "did not cancel the run (HTTP 400: upstream is busy)" in err


def test_a_failed_run_goes_on_where_it_failed(at_host: Typed, kubeflow: State, two: list[str]) -> None:
    kubeflow.frames = [("FAILED", {"fetch": "FAILED"})]
    status, out, err = at_host("retry", two[0], "--watch")
    assert (status, err) == (0, "") and out.splitlines()[-1] == "the run succeeded"
    assert f"POST /runs/{two[0]}:retry" in kubeflow.requests


@pytest.mark.parametrize(
    ("what", "requests"), [(503, 2), (429, 2), (504, 2), ("drop", 2), ("html", 2), ("lost", 1), ("cut", 1)]
)
def test_a_retry_is_asked_for_again_unless_the_run_goes_on(
    at_host: Typed, kubeflow: State, two: list[str], what: int | str, requests: int
) -> None:
    kubeflow.frames, kubeflow.faults = [("FAILED", {"fetch": "FAILED"})], [Fault("POST .*:retry", what)]
    status, out, err = at_host("retry", two[0])
    assert (status, err) == (0, "") and "goes on where it failed" in out and not kubeflow.faults[0].times
    assert sum(request.endswith(":retry") for request in kubeflow.requests) == requests


def test_a_run_that_goes_on_though_a_retry_is_refused_is_no_failure(
    at_host: Typed, kubeflow: State, two: list[str]
) -> None:
    kubeflow.frames, kubeflow.faults = [("FAILED", {}), ("RUNNING", {})], [Fault("POST .*:retry", 400)]
    assert at_host("retry", two[0])[0] == 0


def test_a_retry_that_is_asked_for_in_vain_is_told(at_host: Typed, kubeflow: State, two: list[str]) -> None:
    kubeflow.frames, kubeflow.faults = [("FAILED", {})], [Fault("POST .*:retry", 503, times=100)]
    assert "did not try the run again (HTTP 503: upstream is busy), asked several times" in at_host("retry", two[0])[2]
    assert sum(request.endswith(":retry") for request in kubeflow.requests) == 1 + len(errors.PAUSES)


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED"])
def test_only_a_run_that_failed_is_tried_again(at_host: Typed, kubeflow: State, two: list[str], state: str) -> None:
    kubeflow.frames = [(state, {})]
    status, _, err = at_host("retry", two[0])
    assert status == 1 and state in err
    assert not any(request.endswith(":retry") for request in kubeflow.requests)


@pytest.mark.parametrize("refusal", [400, 404, 501])
def test_a_backend_that_cannot_try_again_is_explained(
    at_host: Typed, kubeflow: State, two: list[str], refusal: int
) -> None:
    kubeflow.frames, kubeflow.refuse_retry = [("FAILED", {"fetch": "FAILED"})], refusal
    status, _, err = at_host("retry", two[0])
    assert status == 1 and "does not try the run again" in err and "textgate submit" in err


def test_a_retry_that_is_forbidden_says_so(at_host: Typed, kubeflow: State, two: list[str]) -> None:
    kubeflow.frames = [("FAILED", {"fetch": "FAILED"})]
    kubeflow.faults = [Fault(r"POST /runs/.*:retry", 403)]
    assert "refused access" in at_host("retry", two[0])[2]
