from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.base import tracking
from components.base.errors import TextgateError
from components.base.files import read_json, write_json
from components.base.mlflow_client import connect
from components.base.settings import Reproduction, RunStep
from components.record.component import record as component
from components.record.record import READERS, record
from tests.evaluations import estimate, make_evaluation
from tests.mlflow_store import MlflowServer, write_checkpoint

RUN = RunStep(name="tiny")
MD5 = "0123456789abcdef0123456789abcdef.dir"
Folders = dict[str, Path | None]


@pytest.fixture
def folders(tmp_path: Path, workspace: Path, report_writers: SimpleNamespace) -> Folders:
    """Every report, as the steps write them, and a run of job-1 to fill."""
    tracking.open_run("tiny", "job-1", {"textgate.data_md5": MD5})
    root = tmp_path / "reports"
    lengths = {"mean": 12.5, "p50": 12, "p95": 20, "max": 30}
    profile = {split: {"rows": 30, "labels": {"positive": 30}, "text_length": lengths} for split in ("train", "test")}
    check = {"check": "labels", "severity": "error", "passed": True, "observed": 3, "expected": "3"}
    warned = {**check, "severity": "warn", "passed": False}
    drift = [{"rule": "label_drift", "effect": 0.25}, {"rule": "unknown_drift", "effect": None}]
    validation = {"passed": True, "failures": [], "checks": [check, warned], "profile": profile, "drift": drift}
    write_json(root / "validation" / "validation.json", validation)
    (root / "validation" / "data_docs" / "static").mkdir(parents=True)
    (root / "validation" / "data_docs" / "index.html").write_text("<html>")
    (root / "validation" / "data_docs" / "static" / "style.css").write_text("")
    health = {"rows": 30, "mean_tokens": 9.5, "p95_tokens": 20, "max_tokens": 31, "truncated_share": 0.1}
    write_json(root / "encoded" / "health.json", {"train": health})
    history = [
        {"epoch": epoch, "train_loss": 1 / epoch, "validation_loss": 0.9 / epoch, "learning_rate": 1e-4, "seconds": 2.5}
        for epoch in (1, 2)
    ]
    training = {
        "parameters": {"learning_rate": 1e-4, "epochs": 2, "bucket_lengths": [16, 32], "threads": 2},
        "processor": "EPYC",
        "epochs": history,
        "best_epoch": 2,
        "rows": {"train": 30, "validation": 10},
        "model": {"architecture": "encoder", "lora_rank": 0},
        "floor": {"rows": 30, "validation_accuracy": 0.6},
        "cost": {"samples_per_second": 60.0},
        "seconds": 5.0,
    }
    write_checkpoint(root / "checkpoint", "words")
    write_json(root / "checkpoint" / "training.json", training)
    candidate = {
        "agreement": 0.98,
        "accuracy": 0.7,
        "accuracy_drop": 0.01,
        "bytes": 100,
        "within_limits": True,
        "why": "",
    }
    quantization = {
        "chosen": "int8",
        "why": "",
        "candidates": {"int8": {**candidate, "max_logit_difference": None}},
        "temperature": 1.5,
        "rows": 10,
        "digest": "d" * 64,
    }
    write_json(root / "quantization" / "quantization.json", quantization)
    report_writers.evaluation(root / "evaluation", "d" * 64, champion="7")
    processor = {"name": "EPYC", "machine": "x86_64", "cores": 2, "has": ["AVX2"], "lacks": ["VNNI", "AMX"]}
    timing = {"p50_ms": 4.5, "p95_ms": 6.0, "texts_per_second": 200.0, "load_s": 0.2, "rows": 30, "threads": 0}
    timing = {**timing, "processor": processor}
    write_json(root / "timing" / "timing.json", timing)
    report_writers.verdict(root / "verdict")
    asked = {"check": "ready", "observed": "503", "expected": "200", "passed": False}
    write_json(root / "canary" / "canary.json", {"passed": False, "checks": [asked, {**asked, "passed": True}]})
    return {name: root / name for name in READERS}


def filled() -> Any:
    return connect().get_run(tracking.the_run("tiny", "job-1"))


def artifacts(path: str = "") -> set[str]:
    listed = connect().list_artifacts(tracking.the_run("tiny", "job-1"), path)
    return {found for one in listed for found in (artifacts(one.path) if one.is_dir else {one.path})}


def test_a_registered_run_shows_every_report(folders: Folders) -> None:
    assert record(RUN, "job-1", "registered", folders) == "registered"
    run = filled()
    expected_params = {
        "training.learning_rate": "0.0001",
        "training.bucket_lengths": "[16, 32]",
        "training.rows.train": "30",
        "quantization.chosen": "int8",
        "champion.version": "7",
        "timing.processor": "EPYC",
        "timing.cores": "2",
        "timing.processor_lacks": "VNNI, AMX",
    }
    assert run.data.params.items() >= expected_params.items()
    assert run.data.params["versions.mlflow"] and run.data.params["versions.python"]
    expected_tags = {"precision": "int8", "threads": "2", "processor": "EPYC", "training_precision": ""}
    assert run.data.tags.items() >= {f"textgate.{name}": value for name, value in expected_tags.items()}.items()
    expected_metrics = {
        "test/accuracy": 0.7,
        "test/accuracy/low": 0.602,
        "test/macro_f1": 0.65,
        "test/label/negative/f1": 0.7,
        "test/label/positive/support": 30,
        "test/agreement_with_float": 0.98,
        "float/accuracy": 0.72,
        "linear/macro_f1": 0.6,
        "champion/accuracy": 0.6,
        "against_champion/macro_f1": 0.1,
        "against_champion/accuracy/low": 0.051,
        "slice/long/accuracy": 0.6,
        "slice/channel_mail/rows": 0,
        "calibration/temperature": 1.25,
        "abstain/below": 0.6,
        "abstain/coverage": 0.78,
        "out_of_scope/rows": 30,
        "out_of_scope/recall": 0.8,
        "behaviour/typos": 0.05,
        "label_errors/train": 0.02,
        "timing/p50_ms": 4.5,
        "timing/load_s": 0.2,
        "data/train/rows": 30,
        "tokens/train/mean_tokens": 9.5,
        "training/best_epoch": 2,
        "floor/validation_accuracy": 0.6,
        "cost/samples_per_second": 60.0,
        "quantization/int8/within_limits": 1,
        "gate/failed_rules": 0,
        "gate/warnings": 1,
    }
    assert {name: pytest.approx(run.data.metrics[name], abs=1e-4) for name in expected_metrics} == expected_metrics
    assert run.data.tags["textgate.outcome"] == "registered"
    assert run.data.tags["textgate.summary"] == "all rules hold"


def test_the_history_is_there_by_epoch(folders: Folders) -> None:
    record(RUN, "job-1", "registered", folders)
    history = connect().get_metric_history(tracking.the_run("tiny", "job-1"), "training/train_loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5)]
    assert "training/epoch" not in filled().data.metrics


def test_files_and_dataset_are_there(folders: Folders) -> None:
    record(RUN, "job-1", "registered", folders)
    assert artifacts() == {
        "validation/validation.json",
        "validation/data_docs/index.html",
        "validation/data_docs/static/style.css",
        "tokenization/health.json",
        "training/training.json",
        "quantization/quantization.json",
        "evaluation/evaluation.json",
        "evaluation/predictions.parquet",
        "evaluation/confusion.png",
        "evaluation/report.html",
        "evaluation/timing.json",
        "verdict/verdict.json",
        "canary/canary.json",
    }
    (dataset,) = [one.dataset for one in filled().inputs.dataset_inputs]
    assert (dataset.name, dataset.digest) == ("tiny", MD5)


def test_recording_again_changes_nothing(folders: Folders) -> None:
    record(RUN, "job-1", "registered", folders)
    once = filled()
    assert folders["checkpoint"]
    report = read_json(folders["checkpoint"] / "training.json")
    write_json(folders["checkpoint"] / "training.json", {**report, "parameters": {"learning_rate": 1.0}})
    record(RUN, "job-1", "registered", folders)
    again = filled()
    assert (again.data.params, again.data.metrics) == (once.data.params, once.data.metrics)
    assert len(connect().get_metric_history(once.info.run_id, "training/train_loss")) == 2


def test_a_refusal_by_validation_needs_no_other_report(folders: Folders) -> None:
    assert folders["validation"]
    report = read_json(folders["validation"] / "validation.json")
    failures = ["test has the label maybe", "train is empty"]
    write_json(folders["validation"] / "validation.json", {**report, "passed": False, "failures": failures})
    record(RUN, "job-1", "refused-by-validation", {**dict.fromkeys(folders), "validation": folders["validation"]})
    tags = filled().data.tags
    assert tags["textgate.outcome"] == "refused-by-validation"
    assert tags["textgate.summary"] == "test has the label maybe; train is empty"
    assert "validation/data_docs/index.html" in artifacts()


def test_a_refusal_by_the_canary_says_what_it_asked(folders: Folders) -> None:
    record(RUN, "job-1", "refused-by-canary", folders)
    assert filled().data.tags["textgate.summary"] == "ready: 503, expected 200"


def test_a_refusal_by_the_gate_says_which_rule(folders: Folders, report_writers: SimpleNamespace) -> None:
    assert folders["verdict"]
    report_writers.verdict(folders["verdict"], passed=False)
    (folders["verdict"] / "verdict.html").write_text("<p>refused</p>")
    assert record(RUN, "job-1", "refused-by-gate", {**folders, "canary": None}) == "refused-by-gate"
    assert filled().data.tags["textgate.summary"] == "accuracy 0.7 is below 0.8"
    metrics = filled().data.metrics
    assert (metrics["gate/rules"], metrics["gate/failed_rules"], metrics["gate/warnings"]) == (2, 1, 1)
    assert "verdict/verdict.html" in artifacts()


def test_the_same_bundle_again_is_unchanged(folders: Folders) -> None:
    assert folders["verdict"]
    report = read_json(folders["verdict"] / "verdict.json")
    write_json(folders["verdict"] / "verdict.json", {**report, "passed": False, "outcome": "unchanged"})
    assert record(RUN, "job-1", "refused-by-gate", {**folders, "canary": None}) == "unchanged"
    assert filled().data.tags["textgate.outcome"] == "unchanged"


def test_a_reproduction_is_one_whatever_the_gate_says(folders: Folders) -> None:
    like = Reproduction(run_id="a" * 32, base_model="base", base_model_digest="d" * 64)
    again = RunStep(name="tiny", like=like)
    assert record(again, "job-1", "refused-by-gate", {**folders, "canary": None}) == "reproduced"
    tags = filled().data.tags
    assert (tags["textgate.outcome"], tags["textgate.summary"]) == ("reproduced", "all rules hold")
    assert tags["textgate.digest.bundle"] == "d" * 64


def test_a_reproduction_may_end_before_the_gate(folders: Folders) -> None:
    part = {name: folders[name] for name in ("validation", "encoded", "checkpoint")}
    assert record(RUN, "job-1", "reproduced", part) == "reproduced"
    tags = filled().data.tags
    assert tags["textgate.digest.weights"] and "textgate.digest.bundle" not in tags


def test_names_that_mlflow_would_refuse_are_changed(folders: Folders) -> None:
    assert folders["evaluation"]
    names, allowed = ["a/b", "a%b", "..", "größe", "x" * 300], {"a_b", "a_b_", "__", "größe", "x" * 100}
    (part, *_), (test, *_) = make_evaluation()["slices"], make_evaluation()["behaviour"]
    slices, tests = ([{**one, "name": name} for name in names] for one in (part, test))
    report = make_evaluation(labels=names, slices=slices, behaviour=tests)
    write_json(folders["evaluation"] / "evaluation.json", report)
    record(RUN, "job-1", "registered", folders)
    for prefix in ("test/label/", "slice/", "behaviour/"):
        found = [name.removeprefix(prefix) for name in filled().data.metrics if name.startswith(prefix)]
        assert {name.split("/")[0] for name in found} == allowed


def test_what_is_not_defined_is_left_out(folders: Folders) -> None:
    assert folders["evaluation"]
    unusable = {"version": "7", "digest": "f" * 64, "problem": "its files are gone"}
    nothing = {"linear": None, "calibration": None, "abstain": None, "out_of_scope": None}
    report = make_evaluation(champion=unusable, **nothing)
    report["bundle"]["metrics"]["roc_auc"] = estimate(None, why="one label only")
    write_json(folders["evaluation"] / "evaluation.json", report)
    record(RUN, "job-1", "registered", folders)
    metrics = filled().data.metrics
    assert filled().data.params["champion.version"] == "7"
    assert metrics["test/accuracy"] == pytest.approx(0.7)
    absent = ("test/roc_auc", "slice/channel_mail/a", "behaviour/names", "label_errors/test", "linear", "champion/")
    absent += ("against_champion", "calibration", "abstain", "out_of_scope")
    assert [name for name in metrics if name.startswith(absent)] == []


def test_a_report_that_is_missing_writes_nothing(folders: Folders) -> None:
    assert folders["timing"]
    (folders["timing"] / "timing.json").unlink()
    with pytest.raises(TextgateError, match=r"timing\.json does not exist"):
        record(RUN, "job-1", "registered", folders)
    assert (filled().data.metrics, artifacts()) == ({}, set())


def test_what_record_does_not_know_is_refused(folders: Folders) -> None:
    with pytest.raises(TextgateError, match="no outcome 'lost'; it knows refused-by-validation"):
        record(RUN, "job-1", "lost", folders)
    with pytest.raises(TextgateError, match="no run of job job-9"):
        record(RUN, "job-9", "registered", folders)


def test_the_component_takes_reports_that_are_not_there(folders: Folders) -> None:
    validation = SimpleNamespace(path=str(folders["validation"]))
    report: Callable[..., Any] = component.python_func
    outcome = report(RUN.model_dump_json(), "job-1", "refused-by-validation", validation)
    assert outcome == "refused-by-validation"
    assert filled().data.tags["textgate.outcome"] == outcome


@pytest.mark.parametrize(
    "writes", [pytest.param(1, marks=pytest.mark.slow), 6, pytest.param(13, marks=pytest.mark.slow)]
)
def test_a_server_that_dies_meanwhile_leaves_no_outcome_and_a_retry_records_all(
    mortal_mlflow: MlflowServer, folders: Folders, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """`writes` are those before it dies, of what is logged and of files."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    left = iter(range(writes))

    def dying(write: Callable[..., None]) -> Callable[..., None]:
        def one(*given: Any, **named: Any) -> None:
            if next(left, None) is None:
                mortal_mlflow.kill()
            write(*given, **named)

        return one

    with monkeypatch.context() as patch:
        for name in ("log", "log_files"):
            patch.setattr(tracking, name, dying(getattr(tracking, name)))
        with pytest.raises(TextgateError, match=f"MLflow at {mortal_mlflow.uri} (failed|cannot|does)") as told:
            record(RUN, "job-1", "registered", folders)
    assert "\n" not in str(told.value)
    mortal_mlflow.start()
    run_id = tracking.the_run("tiny", "job-1")
    assert "textgate.outcome" not in tracking.run_tags(run_id)
    assert record(RUN, "job-1", "registered", folders) == "registered"
    assert tracking.run_tags(run_id)["textgate.outcome"] == "registered"
    assert {"evaluation", "validation", "verdict"} <= set(tracking.list_files(run_id, ""))
