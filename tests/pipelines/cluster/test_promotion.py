"""`textgate promote --on cluster` against the loopback server."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.loopback import by_name
from tests.pipelines.loopback_kfp import State

Typed = Callable[..., tuple[int, str, str]]


def test_a_promotion_is_a_pipeline_of_its_own(promote: Typed, submit: Typed, kubeflow: State, host: str) -> None:
    submit()
    status, out, err = promote("7", "--expect", "3", "--reason", "better", "--on", "cluster", "--host", host)
    assert (status, err) == (0, "") and f"{host}/#/runs/details/" in out
    names = {spec.pipeline_info.name for spec in kubeflow.specs.values()}
    assert names == {one.name for one in kubeflow.pipelines.values()} == {"textgate-finetune", "textgate-promotion"}
    *_, run = kubeflow.runs.values()
    parameters = run.runtime_config.parameters
    request = json.loads(parameters["request"])
    assert (parameters["version"], request["expect"], request["reason"]) == ("7", "3", "better")
    assert "@" in request["who"] and not request["allow_signature_change"]


def test_a_promotion_on_a_cluster_is_followed_to_its_end(promote: Typed, kubeflow: State, host: str) -> None:
    kubeflow.frames = [("RUNNING", {"canary": "SUCCEEDED"}), ("FAILED", {"canary": "SUCCEEDED", "promote": "FAILED"})]
    kubeflow.messages = {"promote": "version 7 of tiny is rejected"}
    status, out, err = promote("7", "--watch", "--on", "cluster", "--host", host)
    assert status == 1 and "step promote: version 7 of tiny is rejected" in err and "canary" in out


def test_a_promotion_needs_of_the_config_what_it_uses(promote: Typed, kubeflow: State, host: str) -> None:
    on = ("--on", "cluster", "--host", host)
    assert promote("7", *on, "--set", "data.remotes=[elsewhere]", "--set", "base_model.reference=model")[0] == 0
    sent = len(kubeflow.requests)
    for change, key in (("promote.log=''", "promote.log"), ("deploy.mode=auto", "deploy.mode")):
        status, _, err = promote("7", *on, "--set", change)
        assert status == 1 and f"\n  {key} " in err
    assert "a version is a whole number" in promote("v7", *on)[2]
    assert "no Kubeflow is named" in promote("7", "--on", "cluster")[2]
    assert "go with --on cluster" in promote("7", "--host", host)[2]
    assert len(kubeflow.requests) == sent


def test_a_version_that_is_not_there_is_not_promoted(
    promote: Typed, kubeflow: State, host: str, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = by_name(monkeypatch, mlflow_server, "mlflow.textgate-mlflow.svc")
    at = f"cluster.env={{MLFLOW_TRACKING_URI: '{address}'}}"
    status, _, err = promote("7", "--on", "cluster", "--host", host, "--set", at)
    assert status == 1 and f"{address} has no version 7 of tiny" in err
    assert not kubeflow.runs
