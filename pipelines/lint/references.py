"""Names that lead nowhere: components, executors, tasks, inputs and outputs that are named but not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.lint.compiled import Compiled


def components_are_there(compiled: Compiled) -> Iterator[str]:
    for where, task, _ in compiled.tasks():
        if task.component_ref.name not in compiled.spec.components:
            yield f"{where}: there is no component {task.component_ref.name or '(unnamed)'}"


def executors_are_there(compiled: Compiled) -> Iterator[str]:
    for name, component in compiled.components():
        label = component.executor_label
        if label and label not in compiled.executors:
            yield f"{name}: there is no executor {label}"


def producers_are_there(compiled: Compiled) -> Iterator[str]:
    for where, task, graph in compiled.tasks():
        yield from (f"{where}: {fault}" for fault in _task_faults(task, graph, compiled.spec.components))
    for name, component in compiled.components():
        yield from (f"{name}: {fault}" for fault in _output_faults(component, compiled.spec.components))


def _task_faults(task: Any, graph: Any, components: Any) -> Iterator[str]:
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
