"""The real pipeline's steps, traced through all that they are nested in."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.base.settings import STEP_NAMES, load
from pipelines.caching.graph import Source, read_graph
from pipelines.compile import compile_pipeline
from tests.pipelines.caching.made import ACTING, CACHED, pipeline_of


def test_every_step_is_there_and_knows_whether_it_may_be_cached(project: Path) -> None:
    graph = read_graph(pipeline_of(project))
    assert set(graph) == set(STEP_NAMES)
    assert {name for name, step in graph.items() if step.caches} == set(CACHED)
    assert {name for name, step in graph.items() if not step.caches} == set(ACTING)


def test_inputs_lead_to_arguments_and_to_the_steps_that_make_them(project: Path) -> None:
    graph = read_graph(pipeline_of(project))
    assert graph["finetune"].parameters == {"settings": Source("argument", "finetune_settings")}
    assert graph["finetune"].artifacts == {
        "encoded": Source("output", "encoded", "tokenize"),
        "base_model": Source("output", "base_model", "fetch"),
    }
    assert graph["evaluate"].parameters["champion_digest"] == Source("output", "champion_digest", "resolve")
    assert graph["close"].parameters["settings"] == Source("argument", "close_settings")
    assert graph["deploy"].parameters["version"] == Source("output", "version", "register")


def test_the_tasks_of_a_step_in_shards_are_one(project: Path) -> None:
    compile_pipeline(load(project / "tiny.yaml", ["tokenization.shards=3"]), project / "shards.yaml")
    graph = read_graph((project / "shards.yaml").read_text())
    assert graph["tokenize"].caches
    assert set(graph["tokenize"].artifacts) == {"tables", "base_model"}, "not the parts, which are its own"
    assert graph["tokenize"].parameters["settings"] == Source("argument", "tokenize_settings")
    assert graph["finetune"].artifacts["encoded"].step.startswith("tokenize")


NO_TASKS = "{root: {dag: {tasks: {a: {}}}}, components: {}}"


@pytest.mark.parametrize("text", ["", "compiled", "a: 1", NO_TASKS, "[1]", "{"])
def test_what_is_no_pipeline_is_said_to_be_none(text: str) -> None:
    with pytest.raises(TextgateError, match="pipeline cannot be read"):
        read_graph(text)
