"""What kfp's own loader does not see in a compiled pipeline: names that lead nowhere, packages fetched at run time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format  # type: ignore[import-untyped]
from kfp.pipeline_spec import pipeline_spec_pb2

from components.base.errors import TextgateError

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INSTALLS = re.compile(r"\bpip3?\b.{0,40}\binstall\b|\buv\s+(pip|add|sync)\b", re.DOTALL)


def read_spec(path: Path) -> Any:
    """The PipelineSpec of a compiled file. Raises TextgateError where it has unknown fields or wrong types."""
    try:
        pipeline = next(yaml.load_all(path.read_text(encoding="utf-8"), Loader), None)
        return json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, json_format.ParseError, AttributeError, TypeError) as error:
        raise TextgateError(f"{path} is not a compiled pipeline: {error}") from None


def check(path: Path) -> Any:
    """The PipelineSpec of a compiled file. Raises TextgateError that lists every fault of it."""
    spec = read_spec(path)
    if faults := list(find_faults(spec)):
        raise TextgateError(f"the compiled pipeline {path} cannot run:\n  " + "\n  ".join(faults))
    return spec


def find_faults(spec: Any) -> Iterator[str]:
    """A line for each component, executor, task or output that is named but not there, and for each pip call."""
    executors = json_format.MessageToDict(spec.deployment_spec).get("executors", {})
    components = {"root": spec.root, **spec.components}
    for name, component in components.items():
        label = component.executor_label
        if label and label not in executors:
            yield f"{name}: there is no executor {label}"
        for key, task in component.dag.tasks.items():
            yield from (f"{name}.{key}: {fault}" for fault in _task_faults(task, component, spec.components))
        yield from (f"{name}: {fault}" for fault in _output_faults(component, spec.components))
    for name, executor in executors.items():
        yield from (f"{name}: {fault}" for fault in _container_faults(executor.get("container", {})))


def step_names(spec: Any) -> set[str]:
    """The tasks that run a container, whatever they are nested in."""
    graphs = [spec.root, *spec.components.values()]
    tasks = [(key, task.component_ref.name) for graph in graphs for key, task in graph.dag.tasks.items()]
    return {key for key, component in tasks if spec.components[component].executor_label}


def _task_faults(task: Any, graph: Any, components: Any) -> Iterator[str]:
    if task.component_ref.name not in components:
        yield f"there is no component {task.component_ref.name or '(unnamed)'}"
    for before in task.dependent_tasks:
        if before not in graph.dag.tasks:
            yield f"waits for the task {before}, which is not beside it"
    for kind, source in (("parameters", "task_output_parameter"), ("artifacts", "task_output_artifact")):
        declared = getattr(graph.input_definitions, kind)
        for name, given in getattr(task.inputs, kind).items():
            outer = given.component_input_parameter if kind == "parameters" else given.component_input_artifact
            if outer and outer not in declared:
                yield f"{name} comes from the input {outer}, which is not declared"
            if given.HasField(source):
                output = getattr(given, source)
                key = output.output_parameter_key if kind == "parameters" else output.output_artifact_key
                yield from _producer_faults(name, output.producer_task, key, kind, graph, components)


def _output_faults(graph: Any, components: Any) -> Iterator[str]:
    for name, given in graph.dag.outputs.artifacts.items():
        for chosen in given.artifact_selectors:
            task, key = chosen.producer_subtask, chosen.output_artifact_key
            yield from _producer_faults(name, task, key, "artifacts", graph, components)
    for name, given in graph.dag.outputs.parameters.items():
        one = given.value_from_parameter
        for chosen in [one] if one.producer_subtask else given.value_from_oneof.parameter_selectors:
            task, key = chosen.producer_subtask, chosen.output_parameter_key
            yield from _producer_faults(name, task, key, "parameters", graph, components)


def _producer_faults(name: str, task: str, key: str, kind: str, graph: Any, components: Any) -> Iterator[str]:
    if task not in graph.dag.tasks:
        yield f"{name} comes from the task {task}, which is not beside it"
        return
    component = components.get(graph.dag.tasks[task].component_ref.name)
    if component is not None and key not in getattr(component.output_definitions, kind):
        yield f"{name} comes from the output {key} of {task}, which has none"


def _container_faults(container: dict[str, Any]) -> Iterator[str]:
    if not container.get("image"):
        yield "has no container image"
    if INSTALLS.search(" ".join([*container.get("command", []), *container.get("args", [])])):
        yield "installs packages at run time; they belong into the image"
