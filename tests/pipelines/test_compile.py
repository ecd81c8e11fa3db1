"""The compiled pipeline: the same bytes each time, no loose ends, and an image that holds what its bodies import."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from components.base.errors import TextgateError
from components.base.lineage_files import unpack
from components.base.settings import BaseModelSettings, Override, Settings, from_json, load
from pipelines.cli.compile import command
from pipelines.cli.options import ENDS
from pipelines.compile import compile_pipeline, pipeline_arguments
from pipelines.lint import check, find_faults, read, read_spec, step_names
from tests.images.dockerfile import sources

ROOT = Path(__file__).parents[2]
FIRST_STEPS = {"resolve", "fetch", "validate", "tokenize", "finetune", "quantize", "evaluate", "gate", "register"}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(ROOT / "configs" / "brand-sentiment.yaml")


@pytest.fixture(scope="module")
def compiled(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    compile_pipeline(settings, path)
    return path


@pytest.fixture(scope="module")
def pipeline(compiled: Path) -> dict[str, Any]:
    return next(yaml.load_all(compiled.read_text(), yaml.CSafeLoader))


def test_same_settings_give_the_same_bytes(settings: Settings, compiled: Path, tmp_path: Path) -> None:
    compile_pipeline(settings, tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == compiled.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.yaml"]


def test_what_cannot_be_written_is_named_as_it_was_given(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(TextgateError, match=rf"^{re.escape(str(tmp_path))} is a folder"):
        compile_pipeline(settings, tmp_path)
    leaking = settings.cluster.model_copy(update={"env": {"X": f"ghp_{'a1' * 20}"}})
    with pytest.raises(
        TextgateError, match=rf"^the compiled pipeline {re.escape(str(tmp_path))}/made\.yaml cannot run"
    ):
        compile_pipeline(settings.model_copy(update={"cluster": leaking}), tmp_path / "made.yaml")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["notes/made.yaml", "pipe", "/proc/made.yaml"])
def test_a_place_that_takes_no_file_is_named(settings: Settings, tmp_path: Path, where: str) -> None:
    (tmp_path / "notes").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        TextgateError, match=rf"^{re.escape(str(tmp_path / where))} (cannot be written: |is no plain file)"
    ):
        compile_pipeline(settings, tmp_path / where)
    assert (tmp_path / "notes").read_text() == "mine" and (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_dash_is_stdout(compiled: Path) -> None:
    done = CliRunner().invoke(command, ["--config", str(ROOT / "configs" / "brand-sentiment.yaml"), "-o", "-"])
    assert (done.exit_code, done.stdout) == (0, compiled.read_text())


def test_a_run_of_this_machine_has_no_pods_and_tries_only_training_again(settings: Settings, tmp_path: Path) -> None:
    checkpoint = settings.training.checkpoint.model_copy(update={"place": str(tmp_path), "retries": 5})
    training = settings.training.model_copy(update={"checkpoint": checkpoint})
    compile_pipeline(settings.model_copy(update={"training": training}), tmp_path / "kept.yaml", local=True)
    compile_pipeline(settings, tmp_path / "local.yaml", local=True)
    kept, local = read(tmp_path / "kept.yaml"), read(tmp_path / "local.yaml")
    tried = {
        where: task.retry_policy.max_retry_count for where, task, _ in kept.tasks() if task.HasField("retry_policy")
    }
    assert tried == {"comp-condition-8.finetune": 5}
    assert not any(task.HasField("retry_policy") for _, task, _ in local.tasks())
    assert local.platform == {} and not any("resources" in container for container in local.containers.values())


def test_arguments_are_what_the_pipeline_declares(settings: Settings, compiled: Path) -> None:
    arguments = pipeline_arguments(settings, "a-run", compiled, about={"parent_run": "before"})
    assert arguments.keys() == set(read_spec(compiled).root.input_definitions.parameters)
    assert all(isinstance(value, str) for value in arguments.values())
    lineage = json.loads(arguments["lineage"])
    assert (lineage["run_name"], lineage["parent_run"]) == ("a-run", "before")
    kept = json.loads(unpack(arguments["lineage_files"])["arguments.json"])
    assert kept == {name: value for name, value in arguments.items() if not name.startswith("lineage")}


def test_evaluation_is_shown_on_the_page_of_its_step(compiled: Path) -> None:
    outputs = read_spec(compiled).components["comp-evaluate"].output_definitions.artifacts
    shown = {name: outputs[name].artifact_type.schema_title for name in ("page", "metrics", "confusion")}
    assert shown == {"page": "system.HTML", "metrics": "system.Metrics", "confusion": "system.ClassificationMetrics"}


@pytest.mark.parametrize("to", ENDS)
def test_a_reproduction_can_end_early_with_a_record(settings: Settings, tmp_path: Path, to: str) -> None:
    compile_pipeline(settings, tmp_path / "pipeline.yaml", to)
    steps = {re.sub(r"-\d+$", "", step) for step in step_names(check(tmp_path / "pipeline.yaml"))}
    order = ["resolve", "fetch", "validate", "tokenize", "finetune", "quantize", "evaluate"]
    assert steps == {*order[: order.index(to) + 1], "record", "close"}


def test_modes_decide_where_the_pipeline_ends(settings: Settings, compiled: Path, tmp_path: Path) -> None:
    assert {"canary", "promote", "deploy"} < step_names(read_spec(compiled))
    for promote, deploy, last in (("auto", "manual", {"canary", "promote"}), ("manual", "manual", set())):
        modes = {"promote": {"mode": promote}, "deploy": {"mode": deploy}}
        compile_pipeline(Settings.model_validate(settings.model_dump() | modes), tmp_path / "pipeline.yaml")
        steps = {re.sub(r"-\d+$", "", step) for step in step_names(check(tmp_path / "pipeline.yaml"))}
        assert steps == {*FIRST_STEPS, "record", "close", *last}


def test_fetch_sees_what_training_begins_from_and_register_what_it_gave(compiled: Path) -> None:
    spec = read_spec(compiled)
    tasks = {key: task for part in spec.components.values() for key, task in part.dag.tasks.items()}
    for given, pinned in (("reference", "base_model"), ("base_model_digest", "base_model_digest")):
        source = tasks["fetch"].inputs.parameters[given].task_output_parameter
        assert (source.producer_task, source.output_parameter_key) == ("resolve", pinned)
    assert "checkpoint" in tasks["register"].inputs.artifacts


def test_evaluation_sees_what_the_champion_was_trained_on_and_fetch_does_not(compiled: Path) -> None:
    """What training begins from must not change with the champion: it would be trained again."""
    spec = read_spec(compiled)
    tasks = {key: task for part in spec.components.values() for key, task in part.dag.tasks.items()}
    for pinned in ("champion_version", "champion_digest", "champion_data", "data_md5"):
        outer = tasks["evaluate"].inputs.parameters[pinned].component_input_parameter
        assert outer == f"pipelinechannel--resolve-{pinned}"
    assert not [name for name in tasks["fetch"].inputs.parameters if "champion" in name]


def test_an_override_is_seen_by_the_gate_alone(settings: Settings, compiled: Path) -> None:
    override = Override(reason=r"it's \{{$.inputs}} {{{$}}}", who="ann@desk")
    arguments = pipeline_arguments(settings, "a-run", compiled, override)
    assert from_json(Override, arguments["override"]) == override
    assert "{{" not in arguments["override"], "kfp would take it for its own"
    without = pipeline_arguments(settings, "a-run", compiled)
    assert {key for key in arguments if arguments[key] != without[key]} == {"override", "lineage_files"}
    tasks = [task for part in read_spec(compiled).components.values() for task in part.dag.tasks.items()]
    assert {key for key, task in tasks if "override" in task.inputs.parameters} == {"gate", "steps"}


def test_a_base_model_is_one_argument_with_its_warm_start(settings: Settings, compiled: Path) -> None:
    base_model = settings.base_model.model_copy(update={"warm_start": "champion"})
    arguments = pipeline_arguments(settings.model_copy(update={"base_model": base_model}), "a-run", compiled)
    assert from_json(BaseModelSettings, arguments["base_model"]) == base_model
    before = pipeline_arguments(settings, "a-run", compiled)
    assert {key for key in before if before[key] != arguments[key]} == {"base_model", "lineage", "lineage_files"}


def test_steps_that_act_are_not_cached(compiled: Path) -> None:
    spec = read_spec(compiled)
    cached = {
        key
        for graph in (spec.root, *spec.components.values())
        for key, task in graph.dag.tasks.items()
        if key in step_names(spec) and task.caching_options.enable_cache
    }
    assert cached == {"fetch", "validate", "tokenize", "finetune", "quantize", "evaluate"}


def test_compiled_pipeline_has_no_faults(compiled: Path) -> None:
    assert list(find_faults(read(compiled))) == []


def test_bodies_import_what_the_image_holds(pipeline: dict[str, Any]) -> None:
    held = {*sources("pipeline-cpu"), *sys.stdlib_module_names, "kfp"}
    bodies = {name: one["container"]["command"][3] for name, one in pipeline["deploymentSpec"]["executors"].items()}
    assert len(bodies) == len([one for one in pipeline["components"].values() if "executorLabel" in one])
    for name, body in bodies.items():
        assert set(_imports(ast.parse(body))) <= held, name


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
