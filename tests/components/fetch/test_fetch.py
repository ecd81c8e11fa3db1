from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from components.base import base_models, tracking
from components.base.dvc_tree import object_key
from components.base.errors import TextgateError
from components.base.mlflow_client import connect
from components.base.settings import FetchStep
from components.fetch.component import fetch as component
from components.fetch.fetch import fetch
from tests.components.fetch.objects import contents, md5, push, write_model

FILES = {
    "train.parquet": b"train" * 500_000,
    "validation.parquet": b"validation",
    "test.parquet": b"test",
    "notes/read me.txt": b"",
}


@pytest.fixture
def base_model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def run(data_md5: str, remotes: list[str], base_model: Path, target: Path) -> None:
    model = str(base_model), base_models.digest(str(base_model))
    fetch(data_md5, *model, FetchStep(remotes=remotes), target / "tables", target / "base_model")


def test_every_file_of_the_tree_and_the_model_arrives(tmp_path: Path, base_model: Path) -> None:
    data_md5 = push(str(tmp_path / "remote"), FILES)
    for _ in range(2):
        run(data_md5, [str(tmp_path / "remote")], base_model, tmp_path / "out")
        assert contents(tmp_path / "out" / "tables") == FILES
        assert contents(tmp_path / "out" / "base_model") == contents(base_model)
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["base_model", "tables"]


def test_what_dvc_added_is_fetched_from_its_cache(
    tmp_path: Path, base_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    data = tmp_path / "repo" / "data"
    for name, content in FILES.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(content)
    with Repo.init(str(tmp_path / "repo"), no_scm=True) as repo:
        repo.add(str(data))
    (out,) = yaml.safe_load((tmp_path / "repo" / "data.dvc").read_text())["outs"]
    run(out["md5"], [str(tmp_path / "repo" / ".dvc" / "cache")], base_model, tmp_path / "out")
    assert contents(tmp_path / "out" / "tables") == FILES


def test_the_next_remote_is_asked_for_what_the_first_lacks_or_has_corrupt(tmp_path: Path, base_model: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    data_md5 = push(str(first), FILES)
    push(str(second), FILES)
    (first / object_key(md5(FILES["test.parquet"]))).unlink()
    (first / object_key(md5(FILES["train.parquet"]))).write_bytes(b"longer than it was" * 500_000)
    run(data_md5, [str(tmp_path / "nowhere"), str(first), str(second)], base_model, tmp_path / "out")
    assert contents(tmp_path / "out" / "tables") == FILES


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "no such object"),
        (lambda path: path.write_bytes(b"altered"), "the object is corrupt, its md5 is"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "the object is corrupt, its md5 is"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    ],
    ids=["missing", "altered", "truncated", "folder"],
)
@pytest.mark.parametrize("victim", ["train.parquet", ".dir"])
def test_an_object_that_no_remote_has_names_itself_the_remotes_and_the_command(
    tmp_path: Path, base_model: Path, damage, reason: str, victim: str
) -> None:
    remote, empty = tmp_path / "remote", tmp_path / "empty"
    data_md5 = push(str(remote), FILES)
    key = object_key(data_md5 if victim == ".dir" else md5(FILES[victim]))
    damage(remote / key)
    with pytest.raises(TextgateError) as caught:
        run(data_md5, [str(empty), str(remote)], base_model, tmp_path / "out")
    message = str(caught.value)
    what = "the data's file list" if victim == ".dir" else victim
    assert message.startswith(f"no remote holds {what} (object {key})")
    for part in (
        f"{empty}: no such object",
        f"{remote}: ",
        reason,
        "`textgate data push --config FILE`",
        "textgate data import",
    ):
        assert part in message
    assert contents(tmp_path / "out") == {}


def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, base_model: Path) -> None:
    data_md5 = push(str(tmp_path / "remote"), {"fine.txt": b"fine", "../escaped.txt": b"escaped"})
    with pytest.raises(TextgateError, match=r"outside its folder: '\.\./escaped\.txt'"):
        run(data_md5, [str(tmp_path / "remote")], base_model, tmp_path / "out")
    assert list(tmp_path.rglob("escaped.txt")) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("data_md5", ["", "d41d8cd98f00b204e9800998ecf8427e", "../../etc/passwd.dir"])
def test_what_is_no_hash_of_a_folder_is_refused(tmp_path: Path, base_model: Path, data_md5: str) -> None:
    with pytest.raises(TextgateError, match="not the hash of a DVC folder"):
        run(data_md5, [str(tmp_path)], base_model, tmp_path / "out")


def test_a_base_model_that_was_changed_is_refused(tmp_path: Path, base_model: Path) -> None:
    data_md5 = push(str(tmp_path / "remote"), FILES)
    settings = FetchStep(remotes=[str(tmp_path / "remote")])
    with pytest.raises(TextgateError, match="was changed"):
        fetch(data_md5, str(base_model), "0" * 64, settings, tmp_path / "tables", tmp_path / "base_model")
    assert not (tmp_path / "base_model").exists()


def test_the_checkpoint_of_a_version_comes_from_mlflow(
    tmp_path: Path, workspace: Path, register_version: Callable[..., Any]
) -> None:
    register_version("job-1")
    kept = tmp_path / "job-1" / "checkpoint" / "hf"
    data_md5, settings = push(str(tmp_path / "remote"), FILES), FetchStep(remotes=[str(tmp_path / "remote")])
    model, out = ("mlflow://tiny/1", base_models.digest(str(kept))), tmp_path / "out"
    fetch(data_md5, *model, settings, out / "tables", out / "base_model")
    assert contents(out / "base_model") == contents(kept)
    run_id = tracking.the_run("tiny", "job-1")
    tracking.log_files(run_id, {"checkpoint/config.json": write_model(tmp_path / "other") / "config.json"})
    with pytest.raises(TextgateError, match="the base model mlflow://tiny/1 was changed since it was resolved"):
        fetch(data_md5, *model, settings, out / "tables", out / "base_model")
    connect()._tracking_client._get_artifact_repo(run_id).delete_artifacts("checkpoint")
    with pytest.raises(TextgateError, match=r"the base model mlflow://tiny/1 has no config\.json, model\.safetensors"):
        fetch(data_md5, *model, settings, out / "tables", out / "base_model")


@pytest.fixture
def largest_file() -> Iterator[int]:
    """The system refuses to write more than a megabyte to a file, as a full disk would."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    yield 1_000_000
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_takes_no_more_is_one_message(tmp_path: Path, base_model: Path, request) -> None:
    data_md5 = push(str(tmp_path / "remote"), FILES)
    assert len(FILES["train.parquet"]) > request.getfixturevalue("largest_file")
    with pytest.raises(TextgateError, match=r"cannot be written at .*File too large; free space"):
        run(data_md5, [str(tmp_path / "remote")], base_model, tmp_path / "out")
    assert contents(tmp_path / "out") == {}


def test_the_component_fetches_and_reports_a_failure_in_one_line(
    tmp_path: Path, base_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_md5 = push(str(tmp_path / "remote"), FILES)
    settings = FetchStep(remotes=[str(tmp_path / "remote")]).model_dump_json()
    outputs = [SimpleNamespace(path=str(tmp_path / "out" / name)) for name in ("tables", "base_model")]
    component.python_func(data_md5, str(base_model), base_models.digest(str(base_model)), settings, *outputs)
    assert contents(tmp_path / "out" / "tables") == FILES
    with pytest.raises(SystemExit):
        component.python_func("nonsense", "", "", settings, *outputs)
    assert capsys.readouterr().err.startswith("textgate: fetch: 'nonsense' is not the hash of a DVC folder")
