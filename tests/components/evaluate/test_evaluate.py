"""quantize and evaluate on files: what is scored is the very bundle, and nothing else passes for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.checkpoint import LINEAR
from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.mlflow_client import mlflow
from components.base.settings import (
    DataSchema,
    EvaluateStep,
    EvaluationSettings,
    QuantizationSettings,
    QuantizeStep,
    TokenizationSettings,
)
from components.evaluate.champion import Champion
from components.evaluate.evaluate import _clusters, evaluate
from components.quantize.quantize import quantize
from components.validate.profile import build_profile
from serving.bundle import digest, load_manifest, verify
from tests.tiny_checkpoint import write_checkpoint
from tests.tiny_project import LABELS, make_rows, split_rows, write_tables

STEP = EvaluateStep(
    name="tiny", data=DataSchema(labels=LABELS), options=EvaluationSettings(bootstrap_samples=200, timing_rows=5)
)


def quantize_step(**limits: Any) -> QuantizeStep:
    return QuantizeStep(
        name="tiny",
        data=DataSchema(labels=LABELS),
        tokenization=TokenizationSettings(max_length=24),
        limits=QuantizationSettings(**limits),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tables(tmp_path / "tables", split_rows(make_rows(200)))
    write_checkpoint(tmp_path / "checkpoint")
    write_json(tmp_path / "profile.json", build_profile(tmp_path / "tables", DataSchema(labels=LABELS), None))
    make_bundle(tmp_path, "checkpoint", "bundle", quantize_step())
    return tmp_path


def make_bundle(folder: Path, checkpoint: str, bundle: str, step: QuantizeStep) -> dict[str, Any]:
    """Gives the report of the choice."""
    report = folder / f"{bundle}-report"
    quantize(
        folder / checkpoint,
        folder / "tables",
        folder / "profile.json",
        step,
        folder / bundle,
        report,
        folder / f"{bundle}-candidates",
    )
    content: dict[str, Any] = json.loads((report / "quantization.json").read_text())
    return content


def run(
    folder: Path, champion: Champion | None = None, bundle: str = "bundle", step: EvaluateStep = STEP
) -> dict[str, Any]:
    outputs = folder / "evaluation", folder / "timing"
    for output in outputs:
        shutil.rmtree(output, ignore_errors=True)
    evaluate(folder / bundle, folder / "checkpoint", folder / "tables", champion, step, *outputs)
    content: dict[str, Any] = json.loads((folder / "evaluation" / "evaluation.json").read_text())
    return content


def test_the_bundle_is_whole_and_its_choice_is_reported(folder: Path) -> None:
    manifest = verify(folder / "bundle")
    report = json.loads((folder / "bundle-report" / "quantization.json").read_text())
    assert manifest.precision == report["chosen"]
    assert manifest.temperature == report["temperature"]
    assert manifest.files["model.onnx"] == report["candidates"][report["chosen"]]["sha256"]
    assert report["candidates"]["int8"]["bytes"] < report["candidates"]["float32"]["bytes"]
    examples = json.loads((folder / "bundle" / "canary.json").read_text())
    assert {example["label"] for example in examples} <= set(LABELS)
    answers = mlflow.pyfunc.load_model(str(folder / "bundle")).predict([example["text"] for example in examples])
    assert answers["label"].tolist() == [example["label"] for example in examples]


def test_the_same_inputs_give_the_same_digest(folder: Path) -> None:
    make_bundle(folder, "checkpoint", "again", quantize_step())
    assert digest(folder / "again") == digest(folder / "bundle")
    names = {path.name for path in (folder / "bundle").iterdir()}
    assert {"MLmodel", "README.md"} < names == {path.name for path in (folder / "again").iterdir()}
    for name in names:
        assert (folder / "again" / name).read_bytes() == (folder / "bundle" / name).read_bytes()


def test_float_is_served_where_int8_is_outside_the_limits(folder: Path) -> None:
    step = quantize_step(max_accuracy_drop=0, min_agreement=1)
    report = make_bundle(folder, "checkpoint", "strict", step)
    exact = report["candidates"]["int8"]["agreement"] == 1 and report["candidates"]["int8"]["accuracy_drop"] <= 0
    assert report["candidates"]["int8"]["max_logit_difference"] > 0
    assert load_manifest(folder / "strict").precision == ("int8" if exact else "float32")


def test_evaluation_scores_bundle_and_float_and_keeps_timing_apart(folder: Path) -> None:
    found = run(folder)
    assert found["bundle"]["digest"] == digest(folder / "bundle")
    assert found["rows"] == sum(sum(row) for row in found["bundle"]["confusion"])
    assert found["champion"] is None
    assert (folder / "evaluation" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    predictions = pq.read_table(folder / "evaluation" / "predictions.parquet").to_pydict()
    right = [a == b for a, b in zip(predictions["label"], predictions["predicted"], strict=True)]
    assert found["bundle"]["metrics"]["accuracy"]["value"] == pytest.approx(sum(right) / len(right))
    assert "ms" not in (folder / "evaluation" / "evaluation.json").read_text()
    assert json.loads((folder / "timing" / "timing.json").read_text())["p50_ms"] > 0


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "bundle.json"])
def test_a_corrupted_bundle_is_refused_by_name(folder: Path, name: str) -> None:
    path = folder / "bundle" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(TextgateError, match=name):
        run(folder)
    assert not (folder / "evaluation").exists()


def test_champion_is_scored_on_the_same_rows_and_swapping_turns_the_sign(folder: Path) -> None:
    write_checkpoint(folder / "other", seed=4)
    make_bundle(folder, "other", "champion", quantize_step())
    mine, theirs = folder / "bundle", folder / "champion"
    up = run(folder, Champion("3", digest(theirs), theirs))
    down = run(folder, Champion("4", digest(mine), mine), bundle="champion")
    assert up["champion"]["version"] == "3"
    assert up["champion"]["metrics"]["accuracy"]["value"] == down["bundle"]["metrics"]["accuracy"]["value"]
    for metric in ("accuracy", "macro_f1"):
        difference, back = (found["champion"]["comparison"]["metrics"][metric]["value"] for found in (up, down))
        assert difference == pytest.approx(-back)
        assert difference != 0


def test_a_champion_that_cannot_be_loaded_is_told_with_its_reason(folder: Path) -> None:
    told = run(folder, Champion("3", "0" * 64, None, "it has no files any more"))["champion"]
    assert told == {"version": "3", "digest": "0" * 64, "problem": "it has no files any more"}


def test_an_empty_test_split_is_refused(folder: Path) -> None:
    write_tables(folder / "tables", {"test": []})
    with pytest.raises(TextgateError, match="test split is empty"):
        run(folder)


def test_kept_columns_cluster_rows_and_make_slices_and_one_label_may_be_out_of_scope(folder: Path) -> None:
    for split in ("validation", "test"):
        path = folder / "tables" / f"{split}.parquet"
        table = pq.read_table(path)
        rows = np.arange(table.num_rows)
        sender = pa.array([f"s{row // 4}" if row % 9 else None for row in rows.tolist()])
        channel = pa.array(["mail" if row % 3 else "chat" for row in rows.tolist()])
        pq.write_table(table.append_column("sender", sender).append_column("channel", channel), path)
    rule = {"column": "channel", "values": ["mail"], "min_length": 28}
    options = EvaluationSettings.model_validate(
        {
            "bootstrap_samples": 200,
            "timing_rows": 5,
            "cluster": "sender",
            "out_of_scope": LABELS[0],
            "slices": {"columns": ["channel"], "rules": {"long mails": rule, "none": {"max_length": 1}}},
        }
    )
    found = run(folder, step=STEP.model_copy(update={"options": options}))
    assert found["units"]["of"] == "sender" and found["rows"] / 4 < found["units"]["count"] < found["rows"]
    parts = {one["name"]: one for one in found["slices"]}
    assert parts["channel=mail"]["rows"] + parts["channel=chat"]["rows"] == found["rows"]
    assert 0 < parts["long mails"]["rows"] < parts["channel=mail"]["rows"] and parts["none"]["rows"] == 0
    assert found["out_of_scope"]["rows"] == found["bundle"]["per_label"][LABELS[0]]["support"]
    alone = run(folder)
    wide, narrow = (one["bundle"]["metrics"]["accuracy"] for one in (found, alone))
    assert wide["value"] == narrow["value"] and (wide["low"], wide["high"]) != (narrow["low"], narrow["high"])


def test_the_linear_model_is_scored_on_the_same_rows_where_there_is_one(folder: Path) -> None:
    assert run(folder)["linear"] is None
    shutil.copyfile(folder / "checkpoint" / "model.onnx", folder / "checkpoint" / LINEAR)
    found = run(folder)
    assert found["linear"]["metrics"]["accuracy"] == found["float"]["metrics"]["accuracy"]
    gain = found["bundle"]["metrics"]["accuracy"]["value"] - found["linear"]["metrics"]["accuracy"]["value"]
    assert found["linear"]["comparison"]["metrics"]["accuracy"]["value"] == pytest.approx(gain)


def test_an_evaluation_is_the_same_bytes_again(folder: Path) -> None:
    write_checkpoint(folder / "other", seed=4)
    make_bundle(folder, "other", "champion", quantize_step())
    champion = Champion("3", digest(folder / "champion"), folder / "champion")
    run(folder, champion)
    first = {path.name: path.read_bytes() for path in (folder / "evaluation").iterdir()}
    run(folder, champion)
    assert {path.name: path.read_bytes() for path in (folder / "evaluation").iterdir()} == first
    assert "report.html" in first and "length.png" in first


@pytest.mark.parametrize("precision", [0.0, 0.01, 0.6, 1.0])
def test_answers_of_low_probability_are_withheld_as_the_bundle_says(folder: Path, precision: float) -> None:
    make_bundle(folder, "checkpoint", "sure", quantize_step(abstain_precision=precision))
    below = load_manifest(folder / "sure").abstain_below
    scored = run(folder, bundle="sure")
    found, accuracy = scored["abstain"], scored["bundle"]["metrics"]["accuracy"]
    assert found["below"] == below
    if precision < 0.1:
        assert (below, found["coverage"]["value"], found["precision"]["value"]) == (0, 1, accuracy["value"])
    else:
        assert found["coverage"]["value"] < 1


def test_rows_of_one_value_are_one_cluster_and_rows_without_one_are_alone() -> None:
    clusters = _clusters(pa.table({"sender": ["x", "", "y", "x", ""]}), "sender").tolist()
    assert clusters[0] == clusters[3] and len(set(clusters)) == 4
    assert _clusters(pa.table({"sender": ["x"]}), "") is None
