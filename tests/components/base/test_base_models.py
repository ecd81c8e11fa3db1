from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from components.base import base_models
from components.base.errors import TextgateError
from components.base.objects import FolderStore, open_store
from components.base.settings import S3Settings
from tests.weed import Weed


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "vocab.txt", "README.md"):
        (folder / name).write_text(name)
    return folder


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def upload(model: Path, url: str) -> None:
    store = open_store(url)
    for path in model.iterdir():
        assert store.create(path.name, path.read_bytes())


@pytest.fixture
def package(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that must not be imported."""
    inner = tmp_path / "heavy_encoder" / "data"
    inner.mkdir(parents=True)
    model.rename(inner / "model")
    for folder in (inner, inner.parent):
        (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    return "package://heavy_encoder.data/model"


def test_only_the_files_that_count_are_taken(model: Path, tmp_path: Path) -> None:
    expected = base_models.digest(str(model))
    (model / "README.md").write_text("other words")
    assert base_models.digest(str(model)) == expected
    base_models.copy(str(model), expected, new(tmp_path / "copy"))
    names = ["config.json", "model.safetensors", "tokenizer.json", "vocab.txt"]
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == names
    assert (tmp_path / "copy" / "vocab.txt").read_text() == "vocab.txt"


@pytest.mark.parametrize("name", ["config.json", "vocab.txt"])
def test_another_byte_is_another_digest(model: Path, name: str) -> None:
    before = base_models.digest(str(model))
    (model / name).write_text("other")
    assert base_models.digest(str(model)) != before


def test_a_model_that_changed_since_is_not_copied(model: Path, tmp_path: Path) -> None:
    expected = base_models.digest(str(model))
    (model / "model.safetensors").write_text("other")
    with pytest.raises(TextgateError, match="was changed since it was resolved"):
        base_models.copy(str(model), expected, new(tmp_path / "copy"))


def test_a_package_is_found_without_importing_it(package: str) -> None:
    assert base_models.locate(package).name == "model"
    assert base_models.digest(package) == base_models.digest(str(base_models.locate(package)))
    assert "heavy_encoder" not in sys.modules


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(TextgateError, match=f"the base model {model} has no {name}; it needs"):
        base_models.digest(str(model))


def test_the_same_model_on_s3_has_the_same_digest_and_is_copied(model: Path, tmp_path: Path, seaweed: str) -> None:
    (model / "model.safetensors").write_bytes(os.urandom(3 << 20))
    (model / "merges.txt").write_bytes(b"")
    expected = base_models.digest(str(model))
    upload(model, seaweed)
    open_store(seaweed).create("checkpoints/model.safetensors", b"another")
    assert base_models.digest(seaweed) == base_models.digest(f"{seaweed}/") == expected
    base_models.copy(seaweed, expected, new(tmp_path / "copy"))
    names = ["config.json", "merges.txt", "model.safetensors", "tokenizer.json", "vocab.txt"]
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == names
    assert all((tmp_path / "copy" / name).read_bytes() == (model / name).read_bytes() for name in names)


def test_s3_is_reached_as_the_settings_say(
    model: Path, tmp_path: Path, seaweed: str, seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(model, seaweed)
    settings = S3Settings(endpoint=seaweed_server.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    expected = base_models.digest(seaweed, settings)
    base_models.copy(seaweed, expected, new(tmp_path / "copy"), settings)
    assert base_models.digest(str(tmp_path / "copy")) == expected


def test_a_model_on_s3_that_changed_since_is_refused(model: Path, tmp_path: Path, seaweed: str) -> None:
    expected = base_models.digest(str(model))
    (model / "vocab.txt").write_text("other")
    upload(model, seaweed)
    with pytest.raises(TextgateError, match=f"the base model {seaweed} was changed since it was resolved"):
        base_models.copy(seaweed, expected, new(tmp_path / "copy"))


def test_what_is_missing_on_s3_is_named(model: Path, seaweed: str) -> None:
    (model / "tokenizer.json").unlink()
    upload(model, seaweed)
    with pytest.raises(TextgateError, match=rf"the base model {seaweed} has no tokenizer\.json; it needs"):
        base_models.digest(seaweed)
    with pytest.raises(TextgateError, match="there is no bucket nowhere at"):
        base_models.digest("s3://nowhere/model")


def test_a_file_that_cannot_be_read_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything: so a file vanishes between being listed and being read."""
    exists = FolderStore.exists
    monkeypatch.setattr(FolderStore, "exists", lambda self, key: exists(self, key) or key == "merges.txt")
    with pytest.raises(TextgateError, match=rf"the base model {model}: merges\.txt cannot be read: No such file"):
        base_models.digest(str(model))


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("", "is not a folder"),
        (
            "/no/such/folder",
            "/no/such/folder is not a folder; use a folder, package://module/path, s3://",
        ),
        ("package://no_such_package/model", "no installed package 'no_such_package'"),
        ("package://json/model", "json/model is not a folder"),
        ("package:///model", "no installed package ''"),
        ("gs://bucket/name", "gs://bucket/name is of a kind that is not supported; use a folder, package://"),
        ("mlflow://tiny", "mlflow://tiny names no version of a model; write mlflow://NAME/VERSION"),
        ("mlflow://tiny/latest", "names no version of a model"),
        ("s3:///prefix", "s3:///prefix names no bucket"),
    ],
)
def test_a_reference_to_nothing_is_refused(reference: str, complaint: str) -> None:
    with pytest.raises(TextgateError, match=complaint):
        base_models.digest(reference)
