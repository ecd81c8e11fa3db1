from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.base.files import sha256_file
from components.base.image import IMAGE
from components.base.lineage_files import unpack
from components.base.settings import Settings, load
from pipelines.lineage import gather as module
from pipelines.lineage.code import Code
from pipelines.lineage.gather import gather
from pipelines.lineage.lengths import MOST_HERE, MOST_OF_OLD, MOST_ON_CLUSTER

ROOT = Path(__file__).parents[3]
DATA_FILE = b"outs: []"
COMMIT = "c0ffee" * 6 + "c0ff"


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(ROOT / "configs" / "brand-sentiment.yaml")


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.yaml"
    path.write_text("compiled: true\n")
    return path


def test_strings_name_what_the_files_hold(settings: Settings, pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_code", lambda root: Code(COMMIT, b"a patch\xff"))
    gathered = gather(settings, "a-run", pipeline, DATA_FILE, {"data_md5": "0.dir"}, {"parent_run": "before"})
    lineage, files = json.loads(gathered["lineage"]), unpack(gathered["lineage_files"])
    assert lineage["config_digest"] == hashlib.sha256(files["settings.json"]).hexdigest()
    assert lineage["diff_digest"] == hashlib.sha256(files["code.diff"]).hexdigest()
    assert lineage["pipeline_digest"] == sha256_file(pipeline)
    assert lineage["lock_digest"] == sha256_file(ROOT / "requirements.lock")
    assert (lineage["git_commit"], lineage["parent_run"]) == (f"{COMMIT}-dirty", "before")
    assert (lineage["seed"], lineage["cluster"], lineage["image"]) == (str(settings.training.seed), "", "")
    assert Settings.model_validate_json(files["settings.json"]) == settings
    assert json.loads(files["arguments.json"]) == {"data_md5": "0.dir"}
    assert files["data.dvc"] == DATA_FILE
    assert (files["pipeline.yaml"], files["code.diff"]) == (pipeline.read_bytes(), b"a patch\xff")


def test_an_image_is_named_where_it_is_used(settings: Settings, pipeline: Path) -> None:
    cluster = settings.cluster.model_copy(update={"image": "registry/textgate@sha256:0"})
    for named, image in ((settings, IMAGE), (settings.model_copy(update={"cluster": cluster}), cluster.image)):
        lineage = json.loads(gather(named, "a-run", pipeline, DATA_FILE, {}, {"cluster": "https://kfp"})["lineage"])
        assert (lineage["image"], lineage["cluster"]) == (image, "https://kfp")


@pytest.mark.parametrize(("about", "most"), [({}, MOST_HERE), ({"cluster": "https://kfp"}, MOST_OF_OLD)])
def test_a_patch_too_long_to_travel_is_left_out_and_said(
    settings: Settings,
    pipeline: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    about: dict[str, str],
    most: int,
) -> None:
    def gathered(length: int) -> dict[str, str]:
        monkeypatch.setattr(module, "read_code", lambda root: Code(COMMIT, random.Random(0).randbytes(length)))
        return gather(settings, "a-run", pipeline, DATA_FILE, {}, about)

    # Of three bytes four letters are made.
    fits, too_long = most * 2 // 3, most * 3 // 4
    assert "code.diff" in unpack(gathered(fits)["lineage_files"]) and not capsys.readouterr().err
    found = gathered(too_long)
    assert sum(map(len, found.values())) < most
    assert "code.diff" not in unpack(found["lineage_files"])
    lineage = json.loads(found["lineage"])
    assert lineage["git_commit"] == f"{COMMIT}-dirty" and lineage["diff_digest"]
    assert lineage["diff_missing"] == f"it is too long to travel with the run ({too_long:,} bytes)"
    assert "needs its code committed" in capsys.readouterr().err


@pytest.mark.parametrize("patch", [b"", b"a patch"])
@pytest.mark.parametrize(("about", "most"), [({}, MOST_HERE), ({"cluster": "https://kfp"}, MOST_ON_CLUSTER)])
def test_settings_too_long_to_travel_are_refused_with_a_patch_and_without(
    settings: Settings,
    pipeline: Path,
    monkeypatch: pytest.MonkeyPatch,
    about: dict[str, str],
    most: int,
    patch: bytes,
) -> None:
    monkeypatch.setattr(module, "read_code", lambda root: Code(COMMIT, patch))
    arguments = {"validate_settings": json.dumps({"suite": ["x" * most]})}
    with pytest.raises(TextgateError, match=r"too long to travel with the run.*shorten suite.*\(for validate\)"):
        gather(settings, "a-run", pipeline, DATA_FILE, arguments, about)


def test_what_an_older_argo_does_not_take_is_said(
    settings: Settings, pipeline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = {"validate_settings": json.dumps({"suite": ["x" * MOST_OF_OLD]})}
    gather(settings, "a-run", pipeline, DATA_FILE, arguments, {"cluster": "https://kfp"})
    assert "before Argo Workflows 3.6" in capsys.readouterr().err
    gather(settings, "a-run", pipeline, DATA_FILE, arguments, {})
    assert "Argo" not in capsys.readouterr().err


def test_what_is_left_out_of_the_patch_is_said(
    settings: Settings, pipeline: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "read_code", lambda root: Code(COMMIT, b"", (".env (a secret)",), "git is broken"))
    lineage = json.loads(gather(settings, "a-run", pipeline, DATA_FILE, {}, {})["lineage"])
    assert (lineage["diff_left_out"], lineage["diff_missing"]) == (".env (a secret)", "git is broken")
    assert lineage["git_commit"] == COMMIT
    said = capsys.readouterr().err
    assert ".env (a secret)" in said and "git is broken" in said
