from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.base import base_models, registry, tracking
from components.base.errors import TextgateError
from components.base.files import read_json, write_json
from components.base.mlflow_client import connect
from components.base.settings import BaseModelSettings, RunStep
from components.promote.promote import promote
from components.register.component import register as component
from components.register.register import register
from components.resolve.resolve import resolve
from serving import bundle as bundles
from tests.evaluations import estimate
from tests.mlflow_store import DATA_MD5

RUN = RunStep(name="tiny")
Register = Callable[..., Any]


def parts(folder: Path) -> list[Path]:
    return [folder / name for name in ("bundle", "checkpoint", "evaluation", "verdict")]


def test_a_version_carries_its_evidence(workspace: Path, register_version: Register, tmp_path: Path) -> None:
    version, digest = register_version("job-1", champion="7")
    run_id = tracking.the_run("tiny", "job-1")
    verdict = (tmp_path / "job-1" / "verdict" / "verdict.json").read_bytes()
    expected = {
        "textgate.bundle_digest": bundles.digest(tmp_path / "job-1" / "bundle"),
        "textgate.verdict": "passed",
        "textgate.verdict_digest": hashlib.sha256(verdict).hexdigest(),
        "textgate.run_id": run_id,
        "textgate.job_id": "job-1",
        "textgate.git_commit": "c0ffee",
        "textgate.data_md5": "0123456789abcdef0123456789abcdef.dir",
        "textgate.compared_with": "7",
        "textgate.test.accuracy": "0.7000",
    }
    tags = registry.version_tags("tiny", version)
    assert tags.items() >= expected.items()
    scores = {tag for tag in tags if tag.startswith("textgate.test.")}
    assert scores == {f"textgate.test.{name}" for name in ("accuracy", "macro_f1", "micro_f1")}
    assert digest == expected["textgate.bundle_digest"]
    assert registry.aliases("tiny") == {"challenger": version}
    assert tracking.read_file(run_id, "verdict/verdict.json") == verdict
    stored = connect().get_model_version("tiny", version)
    assert (stored.run_id, stored.description) == (run_id, "all rules hold")
    assert tracking.run_tags(run_id)["textgate.version"] == version


def test_a_version_says_why_its_refusal_was_overridden(workspace: Path, register_version: Register) -> None:
    version = register_version("job-1", passed=False, override='it\'s a fix; "ask" Ann').version
    tags = registry.version_tags("tiny", version)
    assert tags["textgate.verdict"] == "overridden"
    assert (tags["textgate.override"], tags["textgate.overridden_by"]) == ('it\'s a fix; "ask" Ann', "ann@desk")
    assert connect().get_model_version("tiny", version).description.startswith("overridden by ann@desk: it's a fix")
    assert register_version("job-2").version == version
    tags = registry.version_tags("tiny", version)
    assert (tags["textgate.verdict"], tags["textgate.override"], tags["textgate.overridden_by"]) == ("passed", "", "")


def test_a_metric_that_is_not_defined_is_no_tag(workspace: Path, register_version: Register, tmp_path: Path) -> None:
    version, folder = register_version("job-1").version, tmp_path / "job-1"
    report = read_json(folder / "evaluation" / "evaluation.json")
    report["bundle"]["metrics"] = {"roc_auc": {"value": None}, "macro_f1": {"value": 0.1}}
    write_json(folder / "evaluation" / "evaluation.json", report)
    register(RUN, "job-1", *parts(folder), {})
    tags = registry.version_tags("tiny", version)
    assert "textgate.test.roc_auc" not in tags and tags["textgate.test.macro_f1"] == "0.1000"


def test_the_same_bundle_is_the_same_version(
    workspace: Path, register_version: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    first = register_version("job-1")
    registry.drop_alias("tiny", "challenger", first.version)
    assert register_version("job-2") == first
    assert "version 1 of tiny holds this very bundle already" in capsys.readouterr().out
    assert len(connect().search_model_versions("name = 'tiny'")) == 1
    assert registry.aliases("tiny") == {"challenger": "1"}
    assert registry.version_tags("tiny", "1")["textgate.run_id"] == tracking.find_run("tiny", "job-2")


def test_another_bundle_is_another_version(workspace: Path, register_version: Register) -> None:
    first, second = register_version("job-1"), register_version("job-2", temperature=3.0)
    assert (first.version, second.version) == ("1", "2")
    assert registry.aliases("tiny") == {"challenger": "2"}


def test_a_changed_bundle_is_refused(workspace: Path, register_version: Register, tmp_path: Path) -> None:
    register_version("job-1")
    folder = tmp_path / "job-1"
    (folder / "bundle" / "model.onnx").write_bytes(b"other")
    with pytest.raises(TextgateError, match=r"model\.onnx was changed"):
        register(RUN, "job-1", *parts(folder), {})


def test_the_evaluation_of_another_bundle_is_refused(
    workspace: Path, register_version: Register, tmp_path: Path
) -> None:
    register_version("job-1")
    folder = tmp_path / "job-1"
    report = read_json(folder / "evaluation" / "evaluation.json")
    report["bundle"]["digest"] = "0" * 64
    write_json(folder / "evaluation" / "evaluation.json", report)
    with pytest.raises(TextgateError, match="the evaluation is of the bundle 000000000000, not of"):
        register(RUN, "job-1", *parts(folder), {})


def test_a_score_that_is_not_defined_is_no_tag(workspace: Path, register_version: Register, tmp_path: Path) -> None:
    register_version("job-1")
    folder = tmp_path / "job-1"
    report = read_json(folder / "evaluation" / "evaluation.json")
    report["bundle"]["metrics"]["macro_f1"] = estimate(None, why="no label has test rows")
    write_json(folder / "evaluation" / "evaluation.json", report)
    tracking.open_run("other", "job-1", {"textgate.data_md5": DATA_MD5})
    tags = registry.version_tags("other", register(RunStep(name="other"), "job-1", *parts(folder), {}).version)
    assert "textgate.test.accuracy" in tags and "textgate.test.macro_f1" not in tags


def test_a_version_keeps_the_checkpoint_that_its_bundle_was_made_from(
    workspace: Path, register_version: Register, tmp_path: Path
) -> None:
    version = register_version("job-1").version
    checkpoint = tmp_path / "job-1" / "checkpoint" / "hf"
    tags, run_id = registry.version_tags("tiny", version), tracking.the_run("tiny", "job-1")
    assert tags["textgate.checkpoint_digest"] == base_models.digest(str(checkpoint))
    assert tags["textgate.checkpoint_run_id"] == run_id
    assert tracking.list_files(run_id, "checkpoint") == [f"checkpoint/{name}" for name in base_models.REQUIRED]
    base_models.copy(f"mlflow://tiny/{version}", tags["textgate.checkpoint_digest"], new(tmp_path / "copy"))
    assert (tmp_path / "copy" / "model.safetensors").read_text() == "model.safetensors job-1"


def test_a_version_keeps_one_checkpoint_however_often_it_is_registered(
    workspace: Path, register_version: Register, tmp_path: Path
) -> None:
    version = register_version("job-1").version
    register(RUN, "job-1", *parts(tmp_path / "job-1"), {})
    register_version("job-2")
    assert registry.version_tags("tiny", version)["textgate.checkpoint_run_id"] == tracking.find_run("tiny", "job-1")
    assert tracking.list_files(tracking.the_run("tiny", "job-2"), "checkpoint") == []


def test_a_version_without_a_checkpoint_gets_one_when_its_bundle_is_registered_again(
    workspace: Path, register_version: Register
) -> None:
    version = register_version("job-1", run=RunStep(name="tiny", keep_checkpoint=False)).version
    assert "textgate.checkpoint_digest" not in registry.version_tags("tiny", version)
    assert tracking.list_files(tracking.the_run("tiny", "job-1"), "checkpoint") == []
    with pytest.raises(TextgateError, match=r"version 1 of tiny keeps no checkpoint to begin from; .*keep_checkpoint"):
        base_models.digest("mlflow://tiny/1")
    assert register_version("job-2").version == version
    assert registry.version_tags("tiny", version)["textgate.checkpoint_run_id"] == tracking.find_run("tiny", "job-2")
    assert base_models.digest("mlflow://tiny/1") == registry.version_tags("tiny", version)["textgate.checkpoint_digest"]


def test_a_version_names_what_its_training_began_from(
    workspace: Path, register_version: Register, tmp_path: Path
) -> None:
    promote(RUN, register_version("job-1").version, "", why="first")
    warm = BaseModelSettings(reference="/nowhere", warm_start="champion")
    pinned = resolve(RUN, "job-2", DATA_MD5, warm, {})
    version = register_version("job-2", temperature=3.0).version
    tags = registry.version_tags("tiny", version)
    assert tags["textgate.base_model"] == pinned.base_model == "mlflow://tiny/1"
    assert tags["textgate.base_model_digest"] == pinned.base_model_digest


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_the_component_gives_version_and_digest(workspace: Path, register_version: Register, tmp_path: Path) -> None:
    first = register_version("job-1")
    artifacts = [SimpleNamespace(path=str(path)) for path in parts(tmp_path / "job-1")]
    assert component.python_func(RUN.model_dump_json(), "job-1", *artifacts, json.dumps({})) == first
