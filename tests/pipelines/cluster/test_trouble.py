"""A Kubeflow that is busy, slow, away or cut off while it is asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.base.settings import load
from pipelines.cluster import Cluster, client, errors, logs
from pipelines.cluster.runs import list_runs
from tests.pipelines.loopback_kfp import Fault, State

Typed = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("where", "what"),
    [
        *((where, what) for where in ("GET /healthz", "GET /pipelines", "POST /experiments") for what in (503, "drop")),
        *(("POST /pipelines/upload_version", what) for what in (502, "html", "cut")),
        *(("POST /runs", what) for what in (429, 500, 504, "drop", "cut")),
    ],
)
def test_what_passes_is_outlived(submit: Typed, kubeflow: State, where: str, what: int | str) -> None:
    kubeflow.faults = [Fault(f"{where}$", what, times=1 if what == "cut" else 2)]
    status, _, err = submit()
    assert (status, err) == (0, "")
    assert not kubeflow.faults[0].times
    assert (len(kubeflow.pipelines), len(kubeflow.versions), len(kubeflow.experiments)) == (1, 1, 1)
    assert len(kubeflow.runs) == 1


@pytest.mark.parametrize(
    "where", ["POST /pipelines", "POST /pipelines/upload_version", "POST /experiments", "POST /runs"]
)
def test_what_was_done_though_its_answer_was_lost_is_not_done_twice(submit: Typed, kubeflow: State, where: str) -> None:
    kubeflow.faults = [Fault(f"{where}$", "lost")]
    status, out, err = submit()
    assert (status, err) == (0, "") and not kubeflow.faults[0].times
    assert (len(kubeflow.pipelines), len(kubeflow.versions), len(kubeflow.experiments)) == (1, 1, 1)
    (run,) = kubeflow.runs
    assert run in out


def test_what_does_not_pass_is_told(submit: Typed, kubeflow: State) -> None:
    kubeflow.faults = [Fault("POST /runs", 503, times=100)]
    status, _, err = submit()
    assert status == 1 and "did not start the run (HTTP 503: upstream is busy), asked several times" in err
    assert sum(request == "POST /runs" for request in kubeflow.requests) == 1 + len(errors.PAUSES)


@pytest.mark.parametrize(("status", "says"), [(400, "HTTP 400"), (404, "Kubeflow Pipelines API"), (409, "HTTP 409")])
def test_what_is_refused_is_not_asked_again(submit: Typed, kubeflow: State, status: int, says: str) -> None:
    kubeflow.faults = [Fault("POST /runs", status)]
    code, _, err = submit()
    assert code == 1 and says in err
    assert sum(request == "POST /runs" for request in kubeflow.requests) == 1


def test_a_slow_answer_is_waited_for_only_so_long(
    submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_ANSWER_S", (0.2, 0.2))
    kubeflow.faults = [Fault("GET /healthz", 1.0, times=10)]
    status, _, err = submit()
    assert status == 1 and "does not answer" in err and "timed out" in err
    assert not kubeflow.runs


def test_an_answer_that_comes_byte_by_byte_is_waited_for_only_so_long(
    at_host: Typed, submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "QUIET_S", 0.1)
    for what, where, limit in (
        (submit, "GET /healthz", "FIRST_ANSWER_S"),
        (lambda: at_host("runs"), "GET /runs", "ANSWER_S"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(client, limit, (0.3, 0.3))
            kubeflow.faults = [Fault(where, "drip", times=10)]
            status, _, err = what()
        assert status == 1 and "does not answer (timed out: no whole answer within 0.3 s)" in err
        assert err.count("asking again in 0 s, and for 5 minutes at most") == 1 and len(err.splitlines()) == 2


def test_a_log_that_comes_byte_by_byte_is_waited_for_only_so_long(
    at_host: Typed, submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()
    (run,) = kubeflow.runs
    kubeflow.frames, kubeflow.logs = [("FAILED", {"fetch": "FAILED"})], {"fetch": "it broke"}
    monkeypatch.setattr(logs, "LOG_S", 0.3)
    kubeflow.faults = [Fault("GET /log/", "drip", times=10)]
    status, _, err = at_host("logs", run, "fetch")
    assert status == 1 and "no whole answer within 0.3 s" in err


def test_a_long_wait_is_told_once_and_has_an_end(
    submit: Typed, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    kubeflow.faults = [Fault("POST /runs", 429, times=2, headers={"Retry-After": "30"})]
    status, _, err = submit()
    assert status == 0 and pauses.count(30.0) == 2 and len(err.splitlines()) == 1
    assert "did not start the run yet (HTTP 429: upstream is busy); asking again in 30 s, and for 5 minutes" in err
    monkeypatch.setattr(errors, "PATIENCE_S", 20.0)
    kubeflow.faults = [Fault("POST /runs", 429, headers={"Retry-After": "30"})]
    assert submit()[0] == 1 and pauses.count(30.0) == 2


def test_an_answer_of_another_shape_is_no_fault_of_ours(config: Path, host: str, kubeflow: State) -> None:
    cluster = Cluster.of(load(config), host)
    kubeflow.faults = [Fault("GET /runs", "page")]
    with pytest.raises(TextgateError, match=r"did not list the runs .*text/html in place of JSON.*TEXTGATE_KFP_TOKEN"):
        list_runs(cluster, 1)


def test_every_field_that_is_sent_is_one_of_the_published_api(submit: Typed, kubeflow: State) -> None:
    status, _, err = submit(
        "--set", "cluster.service_account=runner", "--set", "cluster.pipeline_root=s3://bucket/root"
    )
    assert (status, err) == (0, "")
    (run,) = kubeflow.runs.values()
    assert (run.service_account, run.runtime_config.pipeline_root) == ("runner", "s3://bucket/root")
    assert json.loads(run.runtime_config.parameters["lineage"])["cluster"].startswith("http://127.0.0.1")
