"""The whole pipeline against the stack, and MLflow restored from a backup of what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components.base import registry
from components.base.promotion_log import Entry, open_log
from components.base.settings import RunStep
from infra.local import postgres
from infra.local.stack import Stack
from tests.e2e.story import Story
from tests.infra.local.conftest import NewStack
from tests.tiny_project import write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
CONFIG: dict[str, Any] = {
    "data": {"version": "data.dvc", "remotes": ["s3://textgate/dvc"], "labels": ["bad", "good", "plain"]},
    "promote": {"mode": "auto", "log": "s3://textgate/promotions"},
}


@pytest.fixture(scope="module")
def stack(new_stack: NewStack) -> Stack:
    stack = new_stack()
    stack.start()
    return stack


@pytest.fixture(scope="module")
def story(tiny_project: Path, stack: Stack) -> Story:
    """The tiny project, its data on the stack's S3 alone."""
    client = s3(stack)
    for path in (tiny_project / "remote").rglob("*"):
        if path.is_file():
            client.upload_file(str(path), "textgate", f"dvc/{path.relative_to(tiny_project / 'remote')}")
    (tiny_project / "remote").rename(tiny_project / "hidden")
    write_config(tiny_project, **CONFIG)
    return Story(tiny_project)


def s3(stack: Stack) -> Any:
    values = stack.environment()
    session = boto3.Session(values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
    return session.client("s3", endpoint_url=values["AWS_ENDPOINT_URL_S3"])


def keys(stack: Stack) -> list[str]:
    pages = s3(stack).get_paginator("list_objects_v2").paginate(Bucket="textgate")
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def use(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for what connected before: MLflow's client keeps its store."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)


def log(monkeypatch: pytest.MonkeyPatch, stack: Stack) -> list[Entry]:
    use(stack, monkeypatch)
    return open_log(RunStep(name="tiny", log="s3://textgate/promotions")).entries()


def test_the_pipeline_runs_against_the_stack(story: Story, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow by HTTP with a password, data and promotion log and artifacts on S3; nothing of it on this disk."""
    before = set(story.folders())
    process = story.start("run", "--config", "tiny.yaml", **stack.environment())
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, out + err
    (folder,) = set(story.folders()) - before
    run = json.loads((folder / "run.json").read_text())
    assert run["outcome"] == "registered"
    assert "champion → version 1" in out
    (entry,) = log(monkeypatch, stack)
    assert entry.version == "1"
    client = MlflowClient()
    assert client.get_model_version_by_alias("tiny", "champion").version == "1"
    assert registry.version_source("tiny", "1").startswith("s3://textgate/mlflow/")
    (found,) = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])  # type: ignore[union-attr]
    assert found.info.status == "FINISHED" and found.data.tags["textgate.outcome"] == "registered"
    kept = keys(stack)
    assert any(key.startswith("promotions/tiny/") for key in kept)
    assert sum(key.startswith("mlflow/") for key in kept) > 10
    assert not (story.project / ".textgate" / "mlflow.db").exists()
    assert not (story.project / ".textgate" / "promotions").exists()
    secrets = [stack.environment()[name] for name in ("MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY")]
    written = "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret in written + out + err]


def test_mlflow_is_restored_from_its_backup(
    story: Story, stack: Stack, new_stack: NewStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the runbook says: a dump of the database and a copy of the bucket, into a stack that has neither."""
    use(stack, monkeypatch)
    client = MlflowClient()
    client.set_registered_model_alias("tiny", "by-hand", "1")
    before = log(monkeypatch, stack)
    digest = before[0].bundle_digest
    dump = tmp_path / "mlflow.dump"
    postgres_run(stack, "pg_dump", "--format=custom", f"--file={dump}")
    copies = {key: s3(stack).get_object(Bucket="textgate", Key=key)["Body"].read() for key in keys(stack)}
    stack.stop()

    other = new_stack()
    other.start()
    use(other, monkeypatch)
    with pytest.raises(MlflowException):
        MlflowClient().get_model_version("tiny", "1")
    for key, content in copies.items():
        s3(other).put_object(Bucket="textgate", Key=key, Body=content)
    postgres_run(
        other, "pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error", "--dbname=mlflow", str(dump)
    )
    # The users came with the dump, the administrator's password among them.
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", stack.environment()["MLFLOW_TRACKING_PASSWORD"])
    restored = MlflowClient()
    assert restored.get_model_version_by_alias("tiny", "champion").version == "1"
    assert restored.get_model_version_by_alias("tiny", "by-hand").version == "1"
    assert registry.download_pinned("tiny", "1", digest)
    assert open_log(RunStep(name="tiny", log="s3://textgate/promotions")).entries() == before


def postgres_run(stack: Stack, program: str, *arguments: str) -> None:
    found, address = postgres.programs(), urlsplit(stack.database_uri())
    assert found
    variables = {
        "PGHOST": str(address.hostname),
        "PGPORT": str(address.port),
        "PGUSER": str(address.username),
        "PGPASSWORD": unquote(str(address.password)),
        "PGDATABASE": "mlflow",
    }
    done = subprocess.run(
        [found / program, *arguments], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
