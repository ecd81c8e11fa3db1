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
    """`spec` is the PipelineSpec, `executors` are those of its deployment; `platform` is the PlatformSpec as a
    dictionary; `objects` are the documents of a file of Kubernetes' objects, none in a file of the pipeline alone."""

    path: Path
    size: int
    content: Any
    spec: Any
    executors: dict[str, Any]
    platform: dict[str, Any]
    objects: list[dict[str, Any]]

    @property
    def containers(self) -> dict[str, Any]:
        """Of the executors that are one: an importer has none."""
        return {label: one["container"] for label, one in self.executors.items() if "container" in one}

    def components(self) -> Iterator[tuple[str, Any]]:
        yield "root", self.spec.root
        yield from self.spec.components.items()

    def tasks(self) -> Iterator[tuple[str, Any, Any]]:
        """Where each is, itself, and the component whose graph has it."""
        for name, component in self.components():
            for key, task in component.dag.tasks.items():
                yield f"{name}.{key}", task, component


def read(path: Path) -> Compiled:
    """Raises TextgateError where it is no compiled pipeline: unknown fields, wrong types, or nothing that would run."""
    try:
        text = path.read_text(encoding="utf-8")
        documents = [_mapping(document) for document in yaml.load_all(text, Loader) if document is not None]
        objects = documents if "kind" in documents[0] else []
        version = next((_mapping(one["spec"]) for one in objects if one["kind"] == "PipelineVersion"), {})
        pipeline = version["pipelineSpec"] if objects else documents[0]
        for one in objects:
            _mapping(one.get("metadata", {}))
        beside = version.get("platformSpec", {}) if objects else (documents[1] if len(documents) > 1 else {})
        platform = json_format.ParseDict(_mapping(beside), pipeline_spec_pb2.PlatformSpec())
        spec = json_format.ParseDict(_mapping(pipeline), pipeline_spec_pb2.PipelineSpec())
        # Kubeflow, too, passes over what it does not know in a deployment, as the "@type" of old compilers.
        deployment = json_format.ParseDict(
            json_format.MessageToDict(spec.deployment_spec),
            pipeline_spec_pb2.PipelineDeploymentConfig(),
            ignore_unknown_fields=True,
        )
        executors = json_format.MessageToDict(deployment).get("executors", {})
        platforms = json_format.MessageToDict(platform)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, json_format.Error) as error:
        raise TextgateError(f"{path} is not a compiled pipeline: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise TextgateError(f"{path} is not a compiled pipeline: its YAML has not the shape of one") from None
    if not step_names(spec):
        raise TextgateError(f"{path} is not a compiled pipeline: none of its tasks has an executor")
    return Compiled(path, len(text.encode()), pipeline, spec, executors, platforms, objects)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


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
    # To index a map of messages would add what it lacks.
    labels = {name: component.executor_label for name, component in spec.components.items()}
    return ((key, task) for key, task in tasks if labels.get(task.component_ref.name))
