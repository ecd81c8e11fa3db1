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


def each_file(bundle: Path) -> list[Path]:
    files = [bundle / name for name in load_manifest(bundle).files]
    assert len(files) == 4
    return files


def test_a_changed_byte_of_any_file_is_refused(bundle: Path) -> None:
    for path in each_file(bundle):
        content = path.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[place] ^= 1
            path.write_bytes(changed)
            with pytest.raises(TextgateError, match=rf"{path.name} was changed"):
                verify(bundle)
        path.write_bytes(content + b"\n")
        with pytest.raises(TextgateError, match=rf"{path.name} was changed"):
            verify(bundle)
        path.write_bytes(content)
        verify(bundle)


def test_any_missing_file_is_refused(bundle: Path) -> None:
    for path in each_file(bundle):
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(TextgateError, match=rf"lacks {path.name}, which its bundle\.json lists"):
            verify(bundle)
        path.mkdir()
        with pytest.raises(TextgateError, match=rf"lacks {path.name}"):
            verify(bundle)
        path.rmdir()
        path.write_bytes(content)
        verify(bundle)


def test_a_link_is_followed_within_the_bundle_alone(bundle: Path, tmp_path: Path) -> None:
    for name in ("model.onnx", "bundle.json", "MLmodel"):
        outside, inside = tmp_path / name, bundle / name
        outside.write_bytes(inside.read_bytes() if inside.exists() else b"")
        inside.unlink(missing_ok=True)
        inside.symlink_to(outside)
        with pytest.raises(TextgateError, match=rf"holds {name}, a link out of the bundle"):
            verify(bundle)
        inside.unlink()
        inside.write_bytes(outside.read_bytes())
    (bundle / "more").symlink_to(tmp_path)
    with pytest.raises(TextgateError, match="holds more, a link out of the bundle"):
        verify(bundle)
    (bundle / "more").unlink()
    (bundle / "README.md").rename(bundle / "requirements.txt")
    (bundle / "README.md").symlink_to("requirements.txt")
    verify(bundle)
    (tmp_path / "link").symlink_to(bundle)
    verify(tmp_path / "link")


def test_a_link_to_itself_or_to_nothing_is_refused(bundle: Path) -> None:
    (bundle / "README.md").unlink()
    (bundle / "README.md").symlink_to("README.md")
    with pytest.raises(TextgateError, match=r"lacks README\.md"):
        verify(bundle)
    (bundle / "README.md").unlink()
    (bundle / "README.md").symlink_to("nothing")
    with pytest.raises(TextgateError, match=r"lacks README\.md"):
        verify(bundle)


def test_an_unlisted_file_is_refused(bundle: Path) -> None:
    (bundle / "model_int8.onnx").write_bytes(b"x")
    with pytest.raises(TextgateError, match=r"holds model_int8\.onnx"):
        verify(bundle)
    (bundle / "model_int8.onnx").unlink()
    (bundle / "MLmodel").mkdir()
    (bundle / "MLmodel" / "code.py").write_bytes(b"x")
    with pytest.raises(TextgateError, match=r"holds MLmodel/code\.py"):
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


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b'"bundle"',
        b"null",
        b"7",
        b"[" * 100_000,
        b'{"temperature": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_malformed_manifest_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / "bundle.json").write_bytes(content)
    with pytest.raises(TextgateError, match=r"bundle\.json"):
        verify(bundle)


def test_a_key_that_stands_twice_is_refused(bundle: Path) -> None:
    path = bundle / "bundle.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 2, "format": 2'))
    with pytest.raises(TextgateError, match=r'bundle\.json is not JSON: the key "format" stands twice'):
        verify(bundle)


def test_a_folder_in_place_of_the_manifest_is_refused(bundle: Path) -> None:
    (bundle / "bundle.json").unlink()
    (bundle / "bundle.json").mkdir()
    with pytest.raises(TextgateError, match=r"bundle\.json cannot be read"):
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
        ("format", -1),
        ("format", True),
        ("format", "3"),
        ("format", 2.0),
        ("format", None),
        ("name", ""),
        ("task", "regression"),
        ("labels", ["one"]),
        ("labels", ["one", "one"]),
        ("labels", [1, 2]),
        ("labels", ["one", "\ud800"]),
        ("labels", {"one": 1, "two": 2}),
        ("max_length", 0),
        ("max_length", 64.0),
        ("truncation", "right"),
        ("truncation", {"policy": "middle"}),
        ("truncation", {"policy": "head", "overlap": 1}),
        ("truncation", {"policy": "head_tail"}),
        ("truncation", {"policy": "head_tail", "head_share": 1.5}),
        ("truncation", {"policy": "head_tail", "head_share": True}),
        ("truncation", {"policy": "chunk", "overlap": -1}),
        ("truncation", {"policy": "chunk", "overlap": False}),
        ("temperature", 0),
        ("temperature", True),
        ("temperature", 10**400),
        ("temperature", float("nan")),
        ("precision", "int4"),
        ("precision", ["int8"]),
        ("precision", None),
        ("files", {"../model.onnx": "0" * 64}),
        ("files", {"/model.onnx": "0" * 64}),
        ("files", {"./model.onnx": "0" * 64}),
        ("files", {"bundle.json": "0" * 64}),
        ("files", {"MLmodel": "0" * 64}),
        ("files", {"model.onnx": "abc"}),
        ("files", {"model.onnx": "A" * 64}),
        ("files", ["model.onnx"]),
        ("versions", {"onnx": 1}),
        ("thresholds", [0.5]),
        ("thresholds", [float("nan")] * 3),
        ("abstain_below", 1.5),
        ("abstain_below", float("nan")),
        ("surprise", 1),
    ],
)
def test_each_value_is_checked(bundle: Path, key: str, value: Any) -> None:
    edit(bundle, **{key: value})
    with pytest.raises(TextgateError, match=key):
        load_manifest(bundle)


@pytest.mark.parametrize("precision", ["float32", "int8", "mixed", "float16"])
def test_each_precision_is_read(bundle: Path, precision: str) -> None:
    edit(bundle, precision=precision)
    assert verify(bundle).precision == precision


def test_every_key_is_needed(bundle: Path) -> None:
    whole = json.loads((bundle / "bundle.json").read_text())
    for key in whole:
        (bundle / "bundle.json").write_text(json.dumps({name: value for name, value in whole.items() if name != key}))
        with pytest.raises(TextgateError, match=f"lacks the key {key}"):
            verify(bundle)


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
