from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.base import registry, tracking
from components.base.errors import TextgateError
from components.base.files import read_json, write_json
from components.base.mlflow_client import connect
from components.base.settings import RunStep
from components.register.component import register as component
from components.register.register import register
from serving import bundle as bundles

RUN = RunStep(name="tiny")
Register = Callable[..., Any]


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
    assert registry.version_tags("tiny", version).items() >= expected.items()
    assert digest == expected["textgate.bundle_digest"]
    assert registry.aliases("tiny") == {"challenger": version}
    assert tracking.read_file(run_id, "verdict/verdict.json") == verdict
    stored = connect().get_model_version("tiny", version)
    assert (stored.run_id, stored.description) == (run_id, "all rules hold")
    assert tracking.run_tags(run_id)["textgate.version"] == version


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
        register(RUN, "job-1", folder / "bundle", folder / "evaluation", folder / "verdict", {})


def test_the_evaluation_of_another_bundle_is_refused(
    workspace: Path, register_version: Register, tmp_path: Path
) -> None:
    register_version("job-1")
    folder = tmp_path / "job-1"
    report = read_json(folder / "evaluation" / "evaluation.json")
    report["bundle"]["digest"] = "0" * 64
    write_json(folder / "evaluation" / "evaluation.json", report)
    with pytest.raises(TextgateError, match="the evaluation is of the bundle 000000000000, not of"):
        register(RUN, "job-1", folder / "bundle", folder / "evaluation", folder / "verdict", {})


def test_the_component_gives_version_and_digest(workspace: Path, register_version: Register, tmp_path: Path) -> None:
    first = register_version("job-1")
    artifacts = [SimpleNamespace(path=str(tmp_path / "job-1" / name)) for name in ("bundle", "evaluation", "verdict")]
    assert component.python_func(RUN.model_dump_json(), "job-1", *artifacts, json.dumps({})) == first
