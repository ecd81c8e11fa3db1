"""`textgate bundle inspect`, `verify` and `bench` as one types them."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from components.base.errors import TextgateError
from components.base.files import read_json, write_json
from pipelines.cli import cli
from serving.bundle import digest, load_manifest
from tests.serving import tiny_tasks


@pytest.fixture
def bundle(tiny: ModuleType, tmp_path: Path) -> Path:
    tiny.write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def textgate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["bundle", *map(str, arguments)])


def lines(result: Result) -> list[str]:
    assert result.exit_code == 0, result.exception
    return [" ".join(line.split()) for line in result.output.splitlines()]


def test_inspect_shows_what_a_bundle_is(bundle: Path) -> None:
    shown = lines(textgate("inspect", bundle))
    for line in (
        "name tiny",
        "task single-label",
        "labels 3: negative, neutral, positive",
        "precision float32",
        "truncation head of 8 tokens",
        "temperature 2",
        "abstain below 0",
        f"versions onnx {load_manifest(bundle).versions['onnx']}",
        "canary examples 3",
        f"digest {digest(bundle)}",
    ):
        assert line in shown
    model = read_json(bundle / "bundle.json")["files"]["model.onnx"]
    assert f"model.onnx {(bundle / 'model.onnx').stat().st_size:,} {model[:12]}" in shown
    (bundle / "canary.json").unlink()
    assert "canary.json missing" in " ".join(lines(textgate("inspect", bundle)))


def test_inspect_shows_thresholds_and_only_the_first_of_many_labels(tmp_path: Path) -> None:
    tiny_tasks.write_bundle(tmp_path / "bundle", "multi-label", thresholds=[0.5, 0.25, 0.75])
    assert "thresholds negative 0.5, neutral 0.25, positive 0.75" in lines(textgate("inspect", tmp_path / "bundle"))
    content = read_json(tmp_path / "bundle" / "bundle.json")
    many = {"labels": [f"[l{number}]" for number in range(20)], "thresholds": [0.5] * 20}
    write_json(tmp_path / "bundle" / "bundle.json", content | many)
    shown = lines(textgate("inspect", tmp_path / "bundle"))
    assert any(line.startswith("labels 20: [l0], [l1],") and line.endswith("[l7] and 12 more") for line in shown)


def test_verify_prints_the_digest(bundle: Path) -> None:
    assert lines(textgate("verify", bundle))[0].split()[0] == digest(bundle)


@pytest.mark.parametrize("command", ["inspect", "verify", "bench"])
def test_a_folder_that_is_no_bundle_is_named(command: str, bundle: Path) -> None:
    error = textgate(command, bundle.parent).exception
    assert isinstance(error, TextgateError)
    assert str(error) == f"the folder {bundle.parent} is no bundle: its bundle.json does not exist"
    assert "is not a folder" in str(textgate(command, bundle / "model.onnx").exception)


@pytest.mark.parametrize("command", ["verify", "bench"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda bundle: (bundle / "README.md").write_text("other"), "README.md was changed"),
        (lambda bundle: (bundle / "tokenizer.json").unlink(), "lacks tokenizer.json"),
        (lambda bundle: (bundle / "more.bin").write_bytes(b"x"), "holds more.bin"),
        (lambda bundle: edit(bundle, format=99), "format 99; this textgate reads formats up to"),
    ],
)
def test_a_damaged_bundle_is_refused_by_name(command: str, damage: Any, said: str, bundle: Path) -> None:
    damage(bundle)
    error = textgate(command, bundle).exception
    assert isinstance(error, TextgateError) and said in str(error)


def edit(bundle: Path, **changes: Any) -> None:
    write_json(bundle / "bundle.json", read_json(bundle / "bundle.json") | changes)


def test_bench_prints_a_table_and_writes_the_figures(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("good\nbad so\n")
    output = tmp_path / "bench.json"
    shown = lines(textgate("bench", bundle, "--texts", tmp_path / "texts", "--threads", 1, "--output", output))
    report = json.loads(output.read_text())
    assert (report["texts"], report["threads"], report["bundle"]["digest"]) == (2, 1, digest(bundle))
    assert any(line.startswith(f"bundle 0.0 {report['models']['bundle']['p50_ms']:.2f}") for line in shown)
