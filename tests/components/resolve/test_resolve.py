from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import base_models, registry, tracking
from components.base.errors import TextgateError
from components.base.mlflow_client import connect
from components.base.objects import open_store
from components.base.settings import RunStep, S3Settings
from components.promote.promote import promote
from components.resolve.component import resolve as component
from components.resolve.resolve import Outputs, resolve
from tests.weed import Weed

RUN = RunStep(name="tiny")
MD5 = "0123456789abcdef0123456789abcdef.dir"
LINEAGE = {"git_commit": "c0ffee", "seed": "1"}


@pytest.fixture
def base_model(tmp_path: Path) -> str:
    folder = tmp_path / "base"
    folder.mkdir()
    for name in base_models.REQUIRED:
        (folder / name).write_text(name)
    return str(folder)


def test_without_a_champion_its_strings_are_empty(workspace: Path, base_model: str) -> None:
    outputs = resolve(RUN, "job-1", MD5, base_model, LINEAGE)
    assert outputs == Outputs(MD5, base_models.digest(base_model), "", "")


def test_the_run_is_open_and_tagged(workspace: Path, base_model: str) -> None:
    resolve(RUN, "job-1", MD5, base_model, LINEAGE)
    run = connect().get_run(tracking.the_run("tiny", "job-1"))
    assert run.info.status == "RUNNING"
    expected = {
        "textgate.job_id": "job-1",
        "textgate.git_commit": "c0ffee",
        "mlflow.source.git.commit": "c0ffee",
        "textgate.seed": "1",
        "textgate.data_md5": MD5,
        "textgate.base_model_digest": base_models.digest(base_model),
    }
    assert run.data.tags.items() >= expected.items()


def test_the_champion_is_the_head_of_the_log(
    workspace: Path, base_model: str, register_version: Callable[..., Any]
) -> None:
    first, second = register_version("job-1"), register_version("job-2", temperature=3.0)
    promote(RUN, first.version, "", why="first")
    registry.set_alias("tiny", registry.CHAMPION, second.version)
    outputs = resolve(RUN, "job-3", MD5, base_model, LINEAGE)
    assert (outputs.champion_version, outputs.champion_digest) == (first.version, first.digest)
    assert tracking.run_tags(tracking.the_run("tiny", "job-3"))["textgate.champion_version"] == first.version


def test_a_champion_that_mlflow_does_not_have_is_refused_before_training(
    workspace: Path, base_model: str, register_version: Callable[..., Any]
) -> None:
    first = register_version("job-1")
    promote(RUN, first.version, "", why="first")
    registry.tag_version("tiny", first.version, {registry.BUNDLE_DIGEST: "0" * 64})
    with pytest.raises(TextgateError, match="the promotion log says that version 1 of tiny is champion"):
        resolve(RUN, "job-2", MD5, base_model, LINEAGE)
    connect().delete_model_version("tiny", first.version)
    with pytest.raises(TextgateError, match="has no version 1 of tiny"):
        resolve(RUN, "job-2", MD5, base_model, LINEAGE)


def test_a_refused_base_model_leaves_a_run_to_close(workspace: Path, base_model: str) -> None:
    (Path(base_model) / "tokenizer.json").unlink()
    with pytest.raises(TextgateError, match=r"has no tokenizer\.json"):
        resolve(RUN, "job-1", MD5, base_model, LINEAGE)
    assert tracking.find_run("tiny", "job-1")


def test_a_base_model_on_s3_is_reached_as_the_settings_say(
    workspace: Path, base_model: str, seaweed: str, seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in Path(base_model).iterdir():
        open_store(seaweed).create(path.name, path.read_bytes())
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    run = RunStep(name="tiny", s3=S3Settings(endpoint=seaweed_server.endpoint))
    assert resolve(run, "job-1", MD5, seaweed, LINEAGE).base_model_digest == base_models.digest(base_model)


def test_the_component_gives_four_strings(workspace: Path, base_model: str) -> None:
    given = component.python_func(RUN.model_dump_json(), "job-1", MD5, base_model, json.dumps(LINEAGE))
    assert given == (MD5, base_models.digest(base_model), "", "")
