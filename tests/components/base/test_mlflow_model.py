"""A bundle's folder as an MLflow model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx
import pytest
import yaml

from components.base.errors import TextgateError
from components.base.mlflow_client import mlflow
from components.base.mlflow_model import write_mlmodel
from serving.bundle import digest, verify
from tests.serving import tiny_tasks

ROOT = Path(__file__).resolve().parents[3]
TASKS = ["single-label", *tiny_tasks.LABELS]
LOAD = """
import json, sys
import mlflow
for folder in sys.argv[1:]:
    model = mlflow.pyfunc.load_model(folder)
    answer = model.predict(model.input_example if "pair" in folder else model.input_example["text"].tolist())
    print(answer.iloc[:, :1].to_json(orient="records"))
"""


def write(folder: Path, task: str, tiny: ModuleType) -> Path:
    if task == "single-label":
        tiny.write_bundle(folder)
    else:
        tiny_tasks.write_bundle(folder, task, versions={"onnx": onnx.__version__})
    write_mlmodel(folder)
    return folder


def expected_signature(task: str) -> Any:
    """As MLflow writes it."""
    types, schema = mlflow.types, mlflow.types.schema
    text, number, whole = types.DataType.string, types.DataType.float, types.DataType.long
    entity = {"label": text, "text": text, "start": whole, "end": whole, "probability": number}
    properties = [schema.Property(name, kind) for name, kind in entity.items()]
    one = {"label": text, "probability": number}
    outputs = {
        "single-label": one,
        "text-pair": one,
        "multi-label": {"labels": schema.Array(text), "probabilities": schema.Array(number)},
        "token-tags": {"entities": schema.Array(schema.Object(properties))},
    }[task]
    names = ["text", "text_pair"] if task == "text-pair" else [None]
    return mlflow.models.ModelSignature(
        inputs=types.Schema([types.ColSpec(text, name) for name in names]),
        outputs=types.Schema([types.ColSpec(kind, name) for name, kind in outputs.items()]),
        params=types.ParamSchema([types.ParamSpec("top_k", whole, None)]) if outputs is one else None,
    )


@pytest.mark.parametrize("task", TASKS)
def test_mlflow_reads_the_signature_that_it_would_write(task: str, tmp_path: Path, tiny: ModuleType) -> None:
    bundle = write(tmp_path / "bundle", task, tiny)
    model = mlflow.models.Model.load(str(bundle))
    assert model.signature == expected_signature(task)
    assert model.metadata == {"textgate.bundle_digest": digest(bundle)}
    assert Path(mlflow.pyfunc.get_model_dependencies(str(bundle))).read_text() == f"onnx=={onnx.__version__}\n"


def test_a_copied_folder_loads_by_itself_without_a_warning(tmp_path: Path, tiny: ModuleType) -> None:
    folders = [shutil.move(write(tmp_path / task, task, tiny), tmp_path / f"copied {task}") for task in TASKS]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-c", LOAD, *map(str, folders)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    single, several, pair, tags = (json.loads(line)[0] for line in done.stdout.splitlines())
    assert (single, pair) == ({"label": "positive"}, {"label": "follows"})
    assert sorted(several["labels"]) == ["negative", "positive"]
    assert [entity["text"] for entity in tags["entities"]] == ["Anna", "new york"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"copied {task}" for task in TASKS)


def test_the_same_bundle_has_the_same_bytes_and_stays_the_same_bundle(tmp_path: Path, tiny: ModuleType) -> None:
    tiny.write_bundle(tmp_path / "bare")
    one, other = (write(tmp_path / name, "single-label", tiny) for name in ("one", "other"))
    names = sorted(path.name for path in one.iterdir())
    assert {"MLmodel", "input_example.json", "requirements.txt"} <= set(names)
    assert names == sorted(path.name for path in other.iterdir())
    assert [(one / name).read_bytes() for name in names] == [(other / name).read_bytes() for name in names]
    verify(one)
    assert digest(one) == digest(tmp_path / "bare")
    described = yaml.safe_load((one / "MLmodel").read_text())
    assert not described.keys() & {"model_uuid", "model_id", "run_id", "utc_time_created"}


def test_ids_come_beside_what_the_bundle_has(tmp_path: Path, tiny: ModuleType) -> None:
    bundle = write(tmp_path / "bundle", "single-label", tiny)
    (tmp_path / "beside").mkdir()
    write_mlmodel(bundle, tmp_path / "beside", {"model_id": "m-1"})
    own, theirs = (yaml.safe_load((folder / "MLmodel").read_text()) for folder in (bundle, tmp_path / "beside"))
    assert theirs == {**own, "model_id": "m-1"}
    assert theirs != own


def test_a_bundle_without_examples_is_refused(tmp_path: Path, tiny: ModuleType) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "canary.json").write_text("[]")
    with pytest.raises(TextgateError, match=r"canary\.json must hold"):
        write_mlmodel(tmp_path / "bundle")
    assert not (tmp_path / "bundle" / "MLmodel").exists()
