"""Whatever YAML is read, it is a pipeline that the rules can look at, or refused in one message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.cluster.broken import Dumper, Loader
from components.base.errors import TextgateError
from pipelines.compile import write_pipeline
from pipelines.lint import RULES, find_faults, read
from pipelines.lint.__main__ import main
from tests.pipelines.lint.importing_pipeline import importing

OTHERS: tuple[Any, ...] = (5, [], {}, "text", None, [5], {5: 5})


@pytest.mark.parametrize("manifests", [False, True])
def test_importers_and_counts_of_a_parameter_are_sound(tmp_path: Path, manifests: bool) -> None:
    write_pipeline(importing, tmp_path / "importing.yaml", "team", manifests=manifests)
    assert list(find_faults(read(tmp_path / "importing.yaml"))) == []


@pytest.mark.parametrize("manifests", [False, True])
def test_any_value_of_a_file_may_be_another_one(tmp_path: Path, manifests: bool) -> None:
    path = tmp_path / "importing.yaml"
    write_pipeline(importing, path, "team", manifests=manifests)
    documents = list(yaml.load_all(path.read_text(), Loader))
    said: list[str] = []
    for holder, key in list(_places(documents)):
        kept = holder[key]
        for other in OTHERS:
            holder[key] = other
            path.write_text(yaml.dump_all(documents, Dumper=Dumper))
            try:
                said += find_faults(read(path))
            except TextgateError as error:
                said.append(str(error))
        holder[key] = kept
    assert any("is not a compiled pipeline" in one for one in said)
    assert any("needs a type and a count" in one for one in said)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, dict | list):
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            yield node, key
            yield from _places(value)


@pytest.mark.parametrize("executor", [{}, {"resolver": {}}, {"container": {}}])
def test_an_executor_that_runs_nothing_has_no_image(tmp_path: Path, executor: dict[str, Any]) -> None:
    path = tmp_path / "importing.yaml"
    write_pipeline(importing, path, "team")
    pipeline, platform = yaml.load_all(path.read_text(), Loader)
    pipeline["deploymentSpec"]["executors"]["exec-train"] = executor
    path.write_text(yaml.dump_all([pipeline, platform], Dumper=Dumper))
    assert list(find_faults(read(path))) == ["exec-train: has no container image"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "[1, 2]",
        "a pipeline of a kind",
        "a: {b",
        "a: 2024-13-45",
        "root: {dags: {}}",
        "root: {dag: {}}",
        "root: {dag: {tasks: {train: {componentRef: {name: comp-train}}}}}",
        "kind: Pipeline",
        "{}\n---\n[]",
        "kind: PipelineVersion",
        "{kind: PipelineVersion, spec: 5}",
        "{kind: PipelineVersion, spec: {pipelineSpec: {}, platformSpec: []}}",
        "{kind: PipelineVersion, metadata: 5, spec: {pipelineSpec: {}}}",
        "deploymentSpec: {executors: 5}",
        "deploymentSpec: {executors: {a: 5}}",
        "deploymentSpec: {executors: {a: {container: 5}}}",
    ],
)
def test_what_is_no_compiled_pipeline_is_refused(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.yaml").write_text(content)
    assert main([str(tmp_path / "other.yaml")]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"{tmp_path / 'other.yaml'} is not a compiled pipeline: ")
    assert said.out == f"1 compiled pipelines held against {len(RULES)} rules, 1 with faults\n"
