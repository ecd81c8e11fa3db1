"""The way of a bundle over a real MLflow server, artifacts through it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from components.base import base_models, registry, tracking
from components.base.errors import TextgateError
from components.base.mlflow_client import connect, mlflow
from components.base.mlflow_model import write_mlmodel
from components.base.promotion_log import open_log
from components.base.settings import RunStep
from components.promote.promote import promote
from serving import bundle as bundles

RUN = RunStep(name="over-http")


@pytest.fixture
def server(workspace: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    return mlflow_server


def test_a_bundle_is_registered_promoted_fetched_and_loaded(
    server: str, workspace: Path, register_version: Callable[..., Any], tiny: ModuleType
) -> None:
    first = register_version("job-1", run=RUN)
    assert register_version("job-2", run=RUN) == first
    second = register_version("job-3", run=RUN, temperature=3.0, champion=first.version)
    assert registry.aliases(RUN.name) == {"challenger": second.version}
    promote(RUN, first.version, "", why="first")
    promote(RUN, second.version, first.version, why="better")
    assert registry.aliases(RUN.name) == {"champion": second.version}
    assert [entry.version for entry in open_log(RUN).entries()] == [first.version, second.version]
    folder = registry.download_bundle(RUN.name, second.version)
    assert bundles.digest(folder) == second.digest
    model = mlflow.pyfunc.load_model(f"models:/{RUN.name}/{second.version}")
    texts = [text for text, _ in tiny.EXAMPLES]
    assert model.predict(texts)["label"].tolist() == [label for _, label in tiny.EXAMPLES]
    assert not (workspace / "mlartifacts").exists()


def test_a_version_is_the_bundle_with_ids_in_mlmodel(
    server: str, tmp_path: Path, tiny: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    write_mlmodel(tmp_path / "bundle")
    before = {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()}
    digest = bundles.digest(tmp_path / "bundle")
    run_id = tracking.open_run("as-it-is", "job-1", {})
    version = registry.create_version("as-it-is", run_id, tmp_path / "bundle", {registry.BUNDLE_DIGEST: digest}, "so")
    assert {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()} == before
    folder = registry.download_bundle("as-it-is", version)
    fetched = {name: (folder / name).read_bytes() for name in before}
    own, registered = (yaml.safe_load(files.pop("MLmodel")) for files in (before, fetched))
    assert fetched == before
    assert bundles.digest(folder) == digest
    assert {key: registered[key] for key in own} == own
    assert registered.keys() - own.keys() == {
        "artifact_path",
        "mlflow_version",
        "model_id",
        "model_uuid",
        "run_id",
        "utc_time_created",
    }
    capsys.readouterr()
    model = mlflow.pyfunc.load_model(f"models:/as-it-is/{version}")
    assert "WARNING" not in capsys.readouterr().err
    assert (model.model_id, model.metadata.run_id) == (registered["model_id"], run_id)
    assert model.predict(["bad"])["label"].tolist() == ["negative"]
    assert mlflow.pyfunc.load_model(str(folder)).predict(["bad"])["label"].tolist() == ["negative"]


def test_a_run_is_opened_filled_and_closed(server: str, tmp_path: Path) -> None:
    run_id = tracking.open_run("runs", "job-1", {"textgate.seed": "1"})
    assert tracking.open_run("runs", "job-1", {}) == run_id == tracking.find_run("runs", "job-1")
    (tmp_path / "verdict.json").write_text("{}")
    for _ in range(2):
        metrics = [tracking.Point("loss", 0.5, 1)]
        tracking.log(run_id, params={"epochs": 2}, metrics=metrics)
        tracking.log_dataset(run_id, "runs", "0" * 32 + ".dir", {})
        tracking.log_files(run_id, {"verdict/verdict.json": tmp_path / "verdict.json"})
    assert tracking.read_file(run_id, "verdict/verdict.json") == b"{}"
    assert tracking.read_file(run_id, "other/verdict.json") is None
    tracking.close_run(run_id, "FINISHED", {})
    run = connect().get_run(run_id)
    assert (run.info.status, run.data.params, len(connect().get_metric_history(run_id, "loss"))) == (
        "FINISHED",
        {"epochs": "2"},
        1,
    )


def test_the_checkpoint_of_a_version_is_kept_and_read(
    server: str, register_version: Callable[..., Any], tmp_path: Path
) -> None:
    run = RUN.model_copy(update={"name": "kept"})
    version = register_version("job-1", run=run).version
    kept = base_models.digest(str(tmp_path / "job-1" / "checkpoint" / "hf"))
    assert registry.version_tags("kept", version)[registry.CHECKPOINT_DIGEST] == kept
    (tmp_path / "copy").mkdir()
    base_models.copy(f"mlflow://kept/{version}", kept, tmp_path / "copy")
    assert tracking.list_files(tracking.the_run("kept", "job-1"), "nothing") == []


def test_files_that_were_removed_from_the_server_are_named(server: str, register_version: Callable[..., Any]) -> None:
    run = RUN.model_copy(update={"name": "removed"})
    version = register_version("job-1", run=run).version
    source = connect().get_model_version_download_uri("removed", version)
    get_artifact_repository(source, tracking_uri=server).delete_artifacts()
    with pytest.raises(registry.UnusableVersion, match=f"version {version} of removed .* has no files any more"):
        registry.download_bundle("removed", version)


def test_what_is_not_there_is_named(server: str) -> None:
    tracking.prepare("runs")
    with pytest.raises(TextgateError, match=f"MLflow at {server} has no version 99 of runs"):
        registry.download_bundle("runs", "99")
    with pytest.raises(TextgateError, match=f"MLflow at {server} has no version 1 of nothing"):
        registry.version_tags("nothing", "1")
