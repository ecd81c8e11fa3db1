"""What lies beside a bundle's own files so that MLflow loads the folder as a model of its python_function flavour.

Written without MLflow, which would put an id and the time into MLmodel: the same bundle has the same bytes. It gets
its ids when it is registered.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from components.base.files import write_json, write_text
from serving.bundle import digest, load_manifest, read_canary
from serving.tasks import TASKS
from serving.tasks.task import Task

BUNDLE_DIGEST = "textgate.bundle_digest"
MLMODEL = "MLmodel"
EXAMPLE = "input_example.json"
REQUIREMENTS = "requirements.txt"

TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "long"}, {"type": "float"}
ENTITY = {"label": TEXT, "text": TEXT, "start": WHOLE, "end": WHOLE, "probability": NUMBER}
COLUMNS: dict[str, dict[str, Any]] = {
    "label": TEXT,
    "probability": NUMBER,
    "labels": {"type": "array", "items": TEXT},
    "probabilities": {"type": "array", "items": NUMBER},
    "entities": {
        "type": "array",
        "items": {"type": "object", "properties": {name: {**kind, "required": True} for name, kind in ENTITY.items()}},
    },
}


def write_mlmodel(bundle: Path, folder: Path | None = None, ids: Mapping[str, Any] | None = None) -> None:
    """Writes MLmodel, an input example and requirements.txt for a sealed bundle into `folder`, or the bundle itself.

    `ids` are the further keys that a registered model has. There is no environment for MLflow to build: textgate's own
    code, which loads the bundle, is no package; requirements.txt has MLflow name the versions that differ from those
    the bundle was made with. Raises TextgateError where the manifest or the stored examples are not as they must be.
    """
    manifest, folder = load_manifest(bundle), folder or bundle
    task, example = TASKS[manifest.task], read_canary(bundle)[0]
    described = {
        "flavors": {
            "python_function": {
                "loader_module": "serving.pyfunc",
                "python_version": ".".join(platform.python_version_tuple()[:2]),
            }
        },
        # That it comes from a type hint has MLflow hand on to predict what it was given: a schema of one unnamed text
        # would keep a frame's first column, whichever that is, and one of named columns would refuse a list of texts.
        "is_signature_from_type_hint": True,
        "metadata": {BUNDLE_DIGEST: digest(bundle)},
        "saved_input_example_info": {"artifact_path": EXAMPLE, "type": "dataframe", "pandas_orient": "split"},
        "signature": _signature(task),
        **(ids or {}),
    }
    write_json(folder / EXAMPLE, {"columns": list(task.inputs), "data": [[example[name] for name in task.inputs]]})
    write_text(folder / REQUIREMENTS, "".join(f"{name}=={it}\n" for name, it in sorted(manifest.versions.items())))
    write_text(folder / MLMODEL, yaml.safe_dump(described, allow_unicode=True))


def _signature(task: Task) -> dict[str, str | None]:
    """As MLflow's ModelSignature has it: each part as JSON. A single text has no name, since in a list it has none."""
    names: list[dict[str, str]] = [{"name": name} if len(task.inputs) > 1 else {} for name in task.inputs]
    inputs = [{**TEXT, **name, "required": True} for name in names]
    outputs = [{**COLUMNS[name], "name": name, "required": True} for name in task.shown]
    params = [{"name": "top_k", "default": None, "shape": None, **WHOLE}] if task.ranks else None
    return {
        "inputs": json.dumps(inputs),
        "outputs": json.dumps(outputs),
        "params": json.dumps(params) if params else None,
    }
