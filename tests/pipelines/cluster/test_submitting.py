"""`textgate submit` against a loopback server that takes the calls kfp.Client makes and parses what is uploaded."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.pipelines.loopback_kfp import State

Typed = Callable[..., tuple[int, str, str]]


def test_run_is_accepted_with_the_parameters_that_the_pipeline_declares(
    submit: Typed, kubeflow: State, host: str
) -> None:
    status, out, err = submit()
    assert (status, err) == (0, "")
    (run,) = kubeflow.runs.values()
    assert run.run_id in out and f"{host}/#/runs/details/{run.run_id}" in out
    assert run.display_name.startswith("tiny-")
    assert run.runtime_config.parameters["data_md5"] == "0123456789abcdef" * 2 + ".dir"
    (experiment,) = kubeflow.experiments.values()
    assert experiment.display_name == "tiny"
    # What kfp itself would print, links and warnings, stays away.
    assert "details:" not in out and "Warning" not in out
    assert not any(request.endswith(run.run_id) for request in kubeflow.requests)


def test_an_override_goes_with_the_run_to_the_gate(submit: Typed, kubeflow: State) -> None:
    assert submit("--override", "--reason", 'it\'s a "fix"')[0] == 0
    assert submit()[0] == 0
    overridden, plain = (given["override"] for given in kubeflow.parameters())
    assert json.loads(overridden)["reason"] == 'it\'s a "fix"' and "@" in json.loads(overridden)["who"]
    assert plain == ""


def test_uploaded_pipeline_is_the_compiled_one(submit: Typed, kubeflow: State) -> None:
    submit()
    (spec,) = kubeflow.specs.values()
    assert spec.pipeline_info.name == "textgate-finetune"
    assert "comp-promote" in spec.components and "comp-deploy" not in spec.components
    assert not spec.components["comp-steps"].dag.tasks["resolve"].caching_options.enable_cache
    assert spec.components["comp-steps"].dag.tasks["fetch"].caching_options.enable_cache


def test_second_submit_uses_the_version_that_is_there(submit: Typed, kubeflow: State) -> None:
    _, first, _ = submit()
    _, second, _ = submit("--set", "training.seed=2")
    assert "uploaded" in first and "uploaded" not in second and "already" in second
    assert (len(kubeflow.pipelines), len(kubeflow.versions), len(kubeflow.experiments)) == (1, 1, 1)
    assert len(kubeflow.runs) == 2
    status, third, _ = submit("--set", "promote.mode=manual", "--experiment", "other")
    assert status == 0 and "uploaded" in third
    assert (len(kubeflow.pipelines), len(kubeflow.versions), len(kubeflow.experiments)) == (1, 2, 2)


@pytest.mark.parametrize("kind", ["pipelines", "pipeline_versions"])
def test_what_somebody_else_made_at_the_same_moment_is_used(submit: Typed, kubeflow: State, kind: str) -> None:
    submit()
    kubeflow.hide_once = {kind}
    status, _, err = submit()
    assert (status, err) == (0, "")
    assert (len(kubeflow.pipelines), len(kubeflow.versions), len(kubeflow.runs)) == (1, 1, 2)


def test_an_old_kubeflow_takes_what_needs_no_newer_one(submit: Typed, kubeflow: State) -> None:
    kubeflow.old = True
    assert submit()[0] == 0
    status, _, err = submit("--set", "cluster.run_as_user=10001")
    assert status == 1 and 'unknown field "securityContext"' in err and "cluster.run_as_user): leave that out" in err


@pytest.mark.parametrize("command", [["submit"], ["schedule", "create", "--cron", "0 3 * * 1"]])
def test_settings_that_no_pod_could_be_given_are_refused_before_anything_is_sent(
    at_host: Typed, kubeflow: State, command: list[str]
) -> None:
    many = ", ".join(f"a label of number {number}" for number in range(1500))
    status, out, err = at_host(*command, "--unchecked", "--set", f"data.labels=[{many}]")
    assert (status, out) == (1, "") and "shorten data.labels, which takes the most of that" in err
    assert not any(request.startswith("POST") for request in kubeflow.requests)
