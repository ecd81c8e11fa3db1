from __future__ import annotations

import sys
from pathlib import Path

import pytest

from components.base import base_models
from components.base.errors import TextgateError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "vocab.txt", "README.md"):
        (folder / name).write_text(name)
    return folder


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
    base_models.copy(str(model), expected, tmp_path / "copy")
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
        base_models.copy(str(model), expected, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_package_is_found_without_importing_it(package: str) -> None:
    assert base_models.locate(package).name == "model"
    assert base_models.digest(package) == base_models.digest(str(base_models.locate(package)))
    assert "heavy_encoder" not in sys.modules


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(TextgateError, match=f"the base model {model} has no {name}; it needs"):
        base_models.digest(str(model))


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("", "is not a folder"),
        ("/no/such/folder", "/no/such/folder is not a folder; use a folder, or package://module/path"),
        ("package://no_such_package/model", "no installed package 'no_such_package'"),
        ("package://json/model", "json/model is not a folder"),
        ("package:///model", "no installed package ''"),
        ("hf://org/name@main", "hf://org/name@main is of a kind that is not supported; use a folder"),
        ("s3://bucket/prefix", "s3://bucket/prefix is of a kind that is not supported"),
    ],
)
def test_a_reference_to_nothing_is_refused(reference: str, complaint: str) -> None:
    with pytest.raises(TextgateError, match=complaint):
        base_models.digest(reference)
