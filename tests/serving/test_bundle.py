from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components.base.errors import TextgateError
from components.base.truncation import Truncation
from serving.bundle import digest, load_manifest, read_canary, verify


@pytest.fixture
def bundle(tiny: ModuleType, tmp_path: Path) -> Path:
    tiny.write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def edit(bundle: Path, **changes: Any) -> None:
    value = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(value | changes))


def test_what_was_written_is_read_back(tiny: ModuleType, tmp_path: Path) -> None:
    written = tiny.write_bundle(tmp_path / "bundle", temperature=1.5)
    assert verify(tmp_path / "bundle") == load_manifest(tmp_path / "bundle") == written
    assert written.labels == ["negative", "neutral", "positive"]
    assert written.temperature == 1.5
    assert sorted(written.files) == ["README.md", "canary.json", "model.onnx", "tokenizer.json"]


def test_the_digest_follows_content_alone(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "one")
    tiny.write_bundle(tmp_path / "same")
    tiny.write_bundle(tmp_path / "other", temperature=3.0)
    (tmp_path / "same" / "MLmodel").write_text("run_id: 7")
    verify(tmp_path / "same")
    assert digest(tmp_path / "one") == digest(tmp_path / "same") != digest(tmp_path / "other")


def test_a_changed_byte_is_refused(bundle: Path) -> None:
    content = bytearray((bundle / "model.onnx").read_bytes())
    content[-1] ^= 1
    (bundle / "model.onnx").write_bytes(content)
    with pytest.raises(TextgateError, match=r"model\.onnx was changed"):
        verify(bundle)


def test_a_missing_file_is_refused(bundle: Path) -> None:
    (bundle / "tokenizer.json").unlink()
    with pytest.raises(TextgateError, match=r"lacks tokenizer\.json"):
        verify(bundle)


def test_an_unlisted_file_is_refused(bundle: Path) -> None:
    (bundle / "model_int8.onnx").write_bytes(b"x")
    with pytest.raises(TextgateError, match=r"holds model_int8\.onnx"):
        verify(bundle)


def test_an_unlisted_model_is_refused(bundle: Path) -> None:
    files = load_manifest(bundle).files
    edit(bundle, files={name: value for name, value in files.items() if name != "model.onnx"})
    with pytest.raises(TextgateError, match=r"does not list model\.onnx"):
        verify(bundle)


def test_a_newer_format_is_refused(bundle: Path) -> None:
    edit(bundle, format=3, thresholds=[0.5])
    with pytest.raises(TextgateError, match="format 3; this textgate reads formats up to 2"):
        verify(bundle)


def test_the_first_format_is_read_as_it_was_meant(bundle: Path) -> None:
    edit(bundle, format=1, truncation="right")
    assert verify(bundle).cut == Truncation("head", 8)
    edit(bundle, format=1, truncation="left")
    with pytest.raises(TextgateError, match="truncation must be"):
        verify(bundle)


@pytest.mark.parametrize(
    "truncation",
    [Truncation("tail", 9), Truncation("head_tail", 9, head_share=0.5), Truncation("chunk", 9, overlap=2)],
)
def test_the_manifest_says_how_texts_are_cut(tiny: ModuleType, tmp_path: Path, truncation: Truncation) -> None:
    tiny.write_bundle(tmp_path / "bundle", truncation=truncation)
    assert load_manifest(tmp_path / "bundle").cut == truncation


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b"{}"])
def test_a_malformed_manifest_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / "bundle.json").write_bytes(content)
    with pytest.raises(TextgateError, match=r"bundle\.json"):
        verify(bundle)


def test_a_missing_manifest_and_a_missing_folder_are_refused(bundle: Path) -> None:
    (bundle / "bundle.json").unlink()
    with pytest.raises(TextgateError, match=r"bundle\.json does not exist"):
        verify(bundle)
    with pytest.raises(TextgateError, match="is not a folder"):
        verify(bundle / "nowhere")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 0),
        ("format", True),
        ("name", ""),
        ("task", "regression"),
        ("labels", ["one"]),
        ("labels", ["one", "one"]),
        ("labels", [1, 2]),
        ("max_length", 0),
        ("max_length", 64.0),
        ("truncation", "right"),
        ("truncation", {"policy": "middle"}),
        ("truncation", {"policy": "head", "overlap": 1}),
        ("truncation", {"policy": "head_tail"}),
        ("truncation", {"policy": "head_tail", "head_share": 1.5}),
        ("truncation", {"policy": "chunk", "overlap": -1}),
        ("temperature", 0),
        ("temperature", float("nan")),
        ("precision", "int4"),
        ("files", {"../model.onnx": "0" * 64}),
        ("files", {"model.onnx": "abc"}),
        ("versions", {"onnx": 1}),
        ("surprise", 1),
    ],
)
def test_each_value_is_checked(bundle: Path, key: str, value: Any) -> None:
    edit(bundle, **{key: value})
    with pytest.raises(TextgateError, match=key):
        load_manifest(bundle)


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '[{"text": "a"}]', '[{"text": 1, "label": "b"}]', '[{"text": "a", "label": "b", "right": 0}]', "["],
)
def test_malformed_examples_are_refused(bundle: Path, content: str) -> None:
    assert read_canary(bundle)[1] == {"text": "bad", "label": "negative"}
    (bundle / "canary.json").write_text(content)
    with pytest.raises(TextgateError, match=r"canary\.json"):
        read_canary(bundle)


def test_an_example_says_where_its_answer_is_not_known_to_be_right(bundle: Path) -> None:
    stored = [{"text": "a", "label": "b", "right": False, "note": ""}, {"text": "a", "label": "b"}]
    (bundle / "canary.json").write_text(json.dumps(stored))
    assert read_canary(bundle) == [{"text": "a", "label": "b", "right": False}, {"text": "a", "label": "b"}]


def test_nothing_is_written_for_a_value_that_is_not_allowed(tiny: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(TextgateError, match="temperature must be a finite number above 0, got -1"):
        tiny.write_bundle(tmp_path / "bundle", temperature=-1.0)
    assert not (tmp_path / "bundle" / "bundle.json").exists()
