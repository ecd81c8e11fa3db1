"""What kfp's local runner keeps of the artifacts that Kubeflow shows. Components need real types as annotations."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kfp import dsl, local

from components.base.files import write_json
from components.evaluate.publish import LABELS_DRAWN, publish, scalars
from tests.evaluations import LABELS, estimate, make_champion, make_evaluation

ROOT = Path(__file__).parents[3]


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def shown(
    folder: str,
    page: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
) -> None:
    from pathlib import Path

    from components.evaluate.publish import publish

    publish(Path(folder), page, metrics, confusion)


@dsl.pipeline(name="shows")
def shows(folder: str):
    shown(folder=folder)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    roots = {name: str(tmp_path / name) for name in ("pipeline_root", "workspace_root", "cache_root")}
    local.init(local.SubprocessRunner(use_venv=False), raise_on_error=True, enable_caching=True, **roots)
    yield
    local.config.LocalExecutionConfig.instance = None


def write(folder: Path, evaluation: dict[str, Any]) -> Path:
    folder.mkdir()
    write_json(folder / "evaluation.json", evaluation)
    (folder / "report.html").write_text("<!doctype html>")
    return folder


def artifacts(folder: Path) -> list[Any]:
    kinds = {"page": dsl.HTML, "metrics": dsl.Metrics, "confusion": dsl.ClassificationMetrics}
    return [kind(name=name, uri=str(folder / name)) for name, kind in kinds.items()]


def test_the_local_runner_keeps_page_metrics_and_confusion_and_reuses_them(runner: None, tmp_path: Path) -> None:
    evaluation = make_evaluation(champion=make_champion())
    evaluation["bundle"]["metrics"]["roc_auc"] = estimate(None, why="one label only")
    folder = write(tmp_path / "evaluation", evaluation)
    for _ in range(2):
        shows(folder=str(folder))
    (file,) = tmp_path.glob("pipeline_root/*/shown/executor_output.json")
    outputs = json.loads(file.read_text())["artifacts"]
    page, shown_metrics, confusion = (outputs[name]["artifacts"][0] for name in ("page", "metrics", "confusion"))
    assert Path(page["uri"]).read_text() == "<!doctype html>"
    metrics = shown_metrics["metadata"]
    assert metrics["accuracy"] == pytest.approx(0.7) and metrics["against_champion_value"] == pytest.approx(0.1)
    assert "roc_auc" not in metrics and all(map(math.isfinite, metrics.values()))
    drawn = confusion["metadata"]["confusionMatrix"]
    assert [one["displayName"] for one in drawn["annotationSpecs"]] == LABELS
    assert [row["row"] for row in drawn["rows"]] == evaluation["bundle"]["confusion"]


@pytest.mark.parametrize("champion", [None, {"version": "7", "digest": "f" * 64, "problem": "its files are gone"}])
def test_only_what_there_is_is_logged(champion: Any) -> None:
    evaluation = make_evaluation(champion=champion, linear=None)
    evaluation["bundle"]["metrics"]["accuracy"] = estimate(None, why="there are no rows")
    found = dict(scalars(evaluation))
    assert found["macro_f1"] == pytest.approx(0.65) and found["float_accuracy"] == pytest.approx(0.72)
    assert not [name for name in found if name.startswith(("accuracy", "linear", "champion", "against_champion"))]


@pytest.mark.parametrize("labels", [None, [f"intent {number}" for number in range(LABELS_DRAWN + 1)]])
def test_a_confusion_that_is_too_large_or_not_there_is_left_out(tmp_path: Path, labels: Any) -> None:
    evaluation = make_evaluation(labels=labels or LABELS)
    if not labels:
        del evaluation["bundle"]["confusion"]
    page, metrics, confusion = artifacts(tmp_path)
    publish(write(tmp_path / "evaluation", evaluation), page, metrics, confusion)
    assert confusion.metadata == {} == json.loads(Path(confusion.path).read_text())
    assert json.loads(Path(metrics.path).read_text()) == metrics.metadata != {}


def test_the_component_publishes_what_it_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scoring itself is left out."""
    from components.base.settings import DataSchema, EvaluateStep, EvaluationSettings
    from components.evaluate.component import evaluate as component

    step = EvaluateStep(name="tiny", data=DataSchema(labels=LABELS), options=EvaluationSettings())
    monkeypatch.setattr(
        "components.evaluate.evaluate.evaluate", lambda *given: write(given[-2], make_evaluation()), raising=True
    )
    folders = [SimpleNamespace(path=str(tmp_path / name)) for name in ("bundle", "checkpoint", "tables")]
    outputs = [SimpleNamespace(path=str(tmp_path / name)) for name in ("evaluation", "timing")]
    shown = artifacts(tmp_path)
    component.python_func(*folders, "", "", "", "", step.model_dump_json(), *outputs, *shown)
    assert Path(shown[0].path).exists() and shown[1].metadata["accuracy"] == pytest.approx(0.7)
