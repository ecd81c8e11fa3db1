"""The bench as one types it: in an environment that has only what the serving image has, and as `textgate bundle`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from components.base.errors import TextgateError
from serving.bench import bench, measure
from serving.bundle import digest
from tests.serving import tiny_tasks

ROOT = Path(__file__).resolve().parents[2]
FIGURES = {"p50_ms", "p95_ms", "texts_per_second", "load_s"}
# Runs as the interpreter starts: what the serving image has not cannot be imported.
REFUSING = """
import sys
NAMES = {"kfp", "tensorflow", "onnx", "pandas", "scipy", "pydantic", "mlflow", "rich", "click", "pyarrow", "yaml"}
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NAMES:
            raise ImportError(f"{name} is not in the image")
sys.meta_path.insert(0, Refusing())
"""


@pytest.fixture
def bundle(tiny: ModuleType, tmp_path: Path) -> Path:
    tiny.write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def in_the_image(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "image").mkdir(exist_ok=True)
    (folder / "image" / "sitecustomize.py").write_text(REFUSING)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "image"), str(ROOT)])}
    command = [sys.executable, "-m", "serving.bench", *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def candidates(tiny: ModuleType, bundle: Path, *others: str) -> Path:
    """int8.onnx is the bundle's own; the others answer positive to good and bad, neutral to so."""
    folder = bundle.with_name("candidates")
    folder.mkdir()
    shutil.copyfile(bundle / "model.onnx", folder / "int8.onnx")
    for name in others:
        tiny.write_model(folder / f"{name}.onnx", {"good": "positive", "bad": "positive", "so": "neutral"})
    return folder


def test_it_runs_with_what_the_serving_image_has(tiny: ModuleType, bundle: Path, tmp_path: Path) -> None:
    folder = candidates(tiny, bundle, "float32")
    output = tmp_path / "out" / "bench.json"
    done = in_the_image(tmp_path, str(bundle), "--candidates", str(folder), "--threads", "1", "--output", str(output))
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    assert report["processor"]["name"] in done.stdout
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.startswith(("int8", "float32"))}
    assert "served" in rows["int8"][-1] + rows["int8"][-2] and "served" not in rows["float32"][-1]
    assert "fastest" in rows[report["fastest"]][-1]
    assert "answers 3 of its 3 canary examples as when it was made" in done.stdout


def test_a_fault_is_one_line_and_status_1(bundle: Path, tmp_path: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"no model")
    done = in_the_image(tmp_path, str(bundle))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"textgate: {bundle / 'model.onnx'} was changed: its sha256 is not the one in bundle.json\n"
    assert "must be a whole number from 0" in in_the_image(tmp_path, str(bundle), "--threads", "-1").stderr


def test_the_report_says_what_was_measured(tiny: ModuleType, bundle: Path) -> None:
    report = bench(bundle, candidates(tiny, bundle, "float32", "mixed"))
    assert report["bundle"] == {"name": "tiny", "digest": digest(bundle), "precision": "float32"}
    assert (report["texts"], report["repeats"], report["threads"]) == (3, 22, 0)
    assert (report["served"], report["canary"]) == ("int8", {"asked": 3, "right": 3})
    models = report["models"]
    assert models.keys() == {"bundle", "float32", "int8", "mixed"} and models["bundle"] == models["int8"]
    for model in models.values():
        assert model.keys() == FIGURES | {"bytes", "agreement"}
        assert all(model[name] > 0 for name in FIGURES)
    # Of "good good so", "bad" and "so so" they differ in bad.
    assert {name: model["agreement"] for name, model in models.items()} == {
        "bundle": pytest.approx(2 / 3),
        "float32": 1.0,
        "int8": pytest.approx(2 / 3),
        "mixed": 1.0,
    }
    assert models["bundle"]["bytes"] == (bundle / "model.onnx").stat().st_size
    fastest = report["fastest"]
    assert fastest != "bundle" and models[fastest]["p50_ms"] == min(model["p50_ms"] for model in models.values())


def test_a_bundle_alone_and_one_that_is_none_of_the_candidates(tiny: ModuleType, bundle: Path, tmp_path: Path) -> None:
    alone = bench(bundle)
    assert (alone["served"], alone["fastest"], alone["models"]["bundle"].keys()) == (
        "bundle",
        "bundle",
        FIGURES | {"bytes"},
    )
    folder = candidates(tiny, bundle, "int8")
    beside = bench(bundle, folder)
    assert beside["served"] == "bundle" and beside["models"].keys() == {"bundle", "int8"}


def test_other_answers_to_the_canary_examples_are_counted(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "bundle", reversed_votes=True)
    assert bench(tmp_path / "bundle")["canary"] == {"asked": 3, "right": 1}


@pytest.mark.parametrize("task", tiny_tasks.LABELS)
def test_every_task_is_asked_what_it_reads(tmp_path: Path, task: str) -> None:
    tiny_tasks.write_bundle(tmp_path / "bundle", task)
    (tmp_path / "candidates").mkdir()
    shutil.copyfile(tmp_path / "bundle/model.onnx", tmp_path / "candidates/float32.onnx")
    report = bench(tmp_path / "bundle", tmp_path / "candidates")
    examples = len(tiny_tasks.EXAMPLES[task])
    assert report["canary"] == {"asked": examples, "right": examples}
    assert report["models"]["bundle"]["agreement"] == 1.0
    tab = "\t" if task == "text-pair" else " "
    (tmp_path / "texts").write_text(f"so{tab}good\n\nnew{tab}york, Anna\r\n")
    assert bench(tmp_path / "bundle", texts=tmp_path / "texts")["texts"] == 2


def test_agreement_of_several_labels_is_that_of_all_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_tasks.write_bundle(tmp_path / "bundle", "multi-label")
    (tmp_path / "candidates").mkdir()
    monkeypatch.setitem(tiny_tasks.VOTES, "multi-label", {"bad": [8, 0, 0], "good": [0, 8, 6]})
    tiny_tasks.write_model(tmp_path / "candidates/float32.onnx", "multi-label")
    # Of "good bad" and "[UNK]" the first has one label more.
    assert bench(tmp_path / "bundle", tmp_path / "candidates")["models"]["bundle"]["agreement"] == 0.5


@pytest.mark.parametrize(
    ("task", "content", "said"),
    [
        ("single-label", None, "the file of texts .*texts cannot be read: No such file"),
        ("single-label", b"\n \n", "holds no text; give one on each line"),
        ("single-label", b"good\n\xff\n", "line 2 of .*texts is not UTF-8"),
        ("text-pair", b"good\tbad\ngood\n", "line 2 of .*texts has 1 texts: the model reads text and text_pair"),
    ],
)
def test_texts_that_cannot_be_used_are_named(
    tiny: ModuleType, tmp_path: Path, task: str, content: bytes | None, said: str
) -> None:
    if task == "single-label":
        tiny.write_bundle(tmp_path / "bundle")
    else:
        tiny_tasks.write_bundle(tmp_path / "bundle", task)
    if content is not None:
        (tmp_path / "texts").write_bytes(content)
    with pytest.raises(TextgateError, match=said):
        bench(tmp_path / "bundle", texts=tmp_path / "texts")


def test_candidates_that_cannot_be_used_are_named(tiny: ModuleType, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(TextgateError, match=r"holds no NAME\.onnx"):
        bench(bundle, tmp_path / "nowhere")
    folder = candidates(tiny, bundle)
    (folder / "mixed.onnx").write_bytes(b"no model")
    with pytest.raises(TextgateError, match=r"mixed\.onnx cannot be loaded"):
        bench(bundle, folder)
    (folder / "mixed.onnx").rename(folder / "bundle.onnx")
    with pytest.raises(TextgateError, match=r"bundle\.onnx has the name .* give it another"):
        bench(bundle, folder)


class Recorded:
    """Answers nothing, and writes down what it was asked."""

    def __init__(self, name: str, asked: list[tuple[str, int]]) -> None:
        self.name, self.asked = name, asked

    def logits(self, rows: Sequence[Any], batch_size: int = 32) -> Any:
        self.asked.append((self.name, len(rows)))
        return np.zeros((len(rows), 2), np.float32)


def test_models_are_loaded_warmed_and_asked_by_turns() -> None:
    asked: list[tuple[str, int]] = []
    loaders = {name: lambda name=name: Recorded(name, asked) for name in "ab"}
    found = measure(loaders, ["x"] * 40, rounds=2)
    warm = [(name, rows) for name in "ab" for rows in (1, 32)]
    one_round = [(name, rows) for name in "ab" for rows in [*[1] * 40, 40]]
    assert asked == [*warm, *one_round, *one_round]
    assert found.keys() == {"a", "b"} and found["a"].keys() == FIGURES
    assert all(type(figure) is float for figures in found.values() for figure in figures.values())
