"""A compiled file: the pipeline with what its platform adds, or both within Kubernetes' objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from components.base.errors import TextgateError

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Compiled:
    """`spec` is the PipelineSpec, `platform` the PlatformSpec as a dictionary; `objects` are the documents of a file of
    Kubernetes' objects, none in a file of the pipeline alone."""

    path: Path
    size: int
    content: Any
    spec: Any
    platform: dict[str, Any]
    objects: list[dict[str, Any]]

    @property
    def executors(self) -> dict[str, Any]:
        return dict(json_format.MessageToDict(self.spec.deployment_spec).get("executors", {}))

    @property
    def containers(self) -> dict[str, Any]:
        return {label: executor.get("container", {}) for label, executor in self.executors.items()}

    def components(self) -> Iterator[tuple[str, Any]]:
        yield "root", self.spec.root
        yield from self.spec.components.items()

    def tasks(self) -> Iterator[tuple[str, Any, Any]]:
        """Where each is, itself, and the component whose graph has it."""
        for name, component in self.components():
            for key, task in component.dag.tasks.items():
                yield f"{name}.{key}", task, component


def read(path: Path) -> Compiled:
    """Raises TextgateError where it is no compiled pipeline: unknown fields, or wrong types."""
    try:
        text = path.read_text(encoding="utf-8")
        documents = [document for document in yaml.load_all(text, Loader) if document is not None]
        objects = documents if "kind" in documents[0] else []
        version: dict[str, Any] = next((one["spec"] for one in objects if one["kind"] == "PipelineVersion"), {})
        pipeline = version["pipelineSpec"] if objects else documents[0]
        platform = version.get("platformSpec", {}) if objects else (documents[1] if len(documents) > 1 else {})
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
        spec = json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, json_format.ParseError) as error:
        raise TextgateError(f"{path} is not a compiled pipeline: {error}") from None
    except (AttributeError, TypeError, IndexError, KeyError):
        raise TextgateError(f"{path} is not a compiled pipeline: it has none") from None
    return Compiled(path, len(text.encode()), pipeline, spec, platform, objects)


def read_spec(path: Path) -> Any:
    """The PipelineSpec of a compiled file."""
    return read(path).spec


def step_names(spec: Any) -> set[str]:
    """The tasks that run a container, whatever they are nested in."""
    return {key for key, _ in _steps(spec)}


def step_titles(spec: Any) -> dict[str, str]:
    """The steps' tasks by the names that Kubeflow's pages show."""
    return {task.task_info.name: key for key, task in _steps(spec)}


def _steps(spec: Any) -> Iterator[tuple[str, Any]]:
    graphs = [spec.root, *spec.components.values()]
    tasks = [(key, task) for graph in graphs for key, task in graph.dag.tasks.items()]
    return ((key, task) for key, task in tasks if spec.components[task.component_ref.name].executor_label)
