"""What each step of a compiled pipeline is made from: what a cache's key is made of, traced to its source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from components.base.errors import TextgateError
from components.base.files import sha256_text
from pipelines.local.folder import step_of

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Spec = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A parameter of the run by its name, a value that the pipeline has itself, or the output of a step."""

    kind: Literal["argument", "constant", "output"]
    name: str
    step: str = ""


@dataclass
class StepInputs:
    """`caches` where the step may be taken from a cache at all; `code` is a digest of the lines in the pipeline."""

    name: str
    caches: bool
    image: str = ""
    code: str = ""
    env: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Source] = field(default_factory=dict)
    artifacts: dict[str, Source] = field(default_factory=dict)


def read_graph(pipeline: str) -> dict[str, StepInputs]:
    """By name, from the text of a compiled pipeline; the tasks of one step are taken together.

    Raises TextgateError where it is none.
    """
    try:
        spec = next(yaml.load_all(pipeline, Loader))
        steps: dict[str, StepInputs] = {}
        for task, found in _Walk(spec).steps(spec["root"], {}, {}):
            _join(steps, task, found)
    except (yaml.YAMLError, StopIteration, KeyError, TypeError, AttributeError) as error:
        raise TextgateError(f"the run's pipeline cannot be read ({type(error).__name__}: {error})") from None
    return steps


def _join(steps: dict[str, StepInputs], task: str, found: StepInputs) -> None:
    name = step_of(task)
    own = {key: source for key, source in found.artifacts.items() if step_of(source.step) != name}
    if name not in steps:
        steps[name] = StepInputs(name, found.caches, found.image, found.code, found.env, found.parameters, own)
        return
    known = steps[name]
    if found.code not in known.code:
        known.code += found.code
    known.env |= found.env
    known.parameters = {**found.parameters, **known.parameters}
    known.artifacts = {**own, **known.artifacts}


class _Walk:
    def __init__(self, spec: Spec) -> None:
        self.components: Spec = spec["components"]
        self.executors: Spec = spec["deploymentSpec"]["executors"]

    def steps(
        self, component: Spec, parameters: Mapping[str, Source], artifacts: Mapping[str, Source]
    ) -> Iterator[tuple[str, StepInputs]]:
        """Of a graph whose inputs are these; the root's parameters are the run's arguments."""
        tasks = component["dag"]["tasks"]
        for key, task in tasks.items():
            inner = self.components[task["componentRef"]["name"]]
            given = task.get("inputs", {})
            its = {name: self._value(one, tasks, parameters) for name, one in given.get("parameters", {}).items()}
            files = {name: self._file(one, tasks, artifacts) for name, one in given.get("artifacts", {}).items()}
            if "dag" in inner:
                if loop := task.get("parameterIterator", {}).get("itemInput"):
                    its[loop] = Source("constant", "each of a loop")
                yield from self.steps(inner, its, files)
            else:
                yield key, self._step(key, task, self.executors[inner["executorLabel"]], its, files)

    def _step(
        self, key: str, task: Spec, executor: Spec, parameters: dict[str, Source], artifacts: dict[str, Source]
    ) -> StepInputs:
        container = executor["container"]
        lines = json.dumps([container.get("command", []), container.get("args", [])])
        env = {one["name"]: str(one.get("value", "")) for one in container.get("env", [])}
        caches = bool(task.get("cachingOptions", {}).get("enableCache"))
        return StepInputs(key, caches, container["image"], sha256_text(lines), env, parameters, artifacts)

    def _value(self, given: Spec, tasks: Spec, scope: Mapping[str, Source]) -> Source:
        if "componentInputParameter" in given:
            name = given["componentInputParameter"]
            return scope.get(name, Source("argument", name))
        if "taskOutputParameter" in given:
            output = given["taskOutputParameter"]
            return self._output(output["producerTask"], output["outputParameterKey"], "parameters", tasks)
        return Source("constant", json.dumps(given.get("runtimeValue", given), sort_keys=True))

    def _file(self, given: Spec, tasks: Spec, scope: Mapping[str, Source]) -> Source:
        if "componentInputArtifact" in given:
            name = given["componentInputArtifact"]
            return scope.get(name, Source("constant", name))
        output = given["taskOutputArtifact"]
        return self._output(output["producerTask"], output["outputArtifactKey"], "artifacts", tasks)

    def _output(self, task: str, key: str, kind: str, tasks: Spec) -> Source:
        """Of the step that makes it, however deep that stands in the task."""
        inner = self.components[tasks[task]["componentRef"]["name"]]
        if "dag" not in inner:
            return Source("output", key, task)
        given = inner["dag"].get("outputs", {}).get(kind, {}).get(key, {})
        chosen = (given.get("artifactSelectors") or [given.get("valueFromParameter")])[0]
        if not chosen:
            return Source("output", key, task)
        under = chosen.get("outputArtifactKey") or chosen.get("outputParameterKey")
        return self._output(chosen["producerSubtask"], under, kind, inner["dag"]["tasks"])
