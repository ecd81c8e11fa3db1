"""What is explained against what kfp's local runner does, with a small pipeline of steps that are named as ours."""

import json
from pathlib import Path

import pytest
from kfp import compiler, dsl

from components.base.files import write_json
from components.base.image import COMPONENT
from components.base.settings import load
from pipelines.local.folder import Run, new_run, take_over
from pipelines.local.launch import _execute
from tests.pipelines.caching.made import changed, explained


@dsl.component(**COMPONENT)
def fetch(settings: str, tables: dsl.Output[dsl.Dataset]) -> None:
    """Makes something of its settings."""
    from pathlib import Path

    Path(tables.path).write_text(settings)


@dsl.component(**COMPONENT)
def tokenize(settings: str, tables: dsl.Input[dsl.Dataset], encoded: dsl.Output[dsl.Dataset]) -> None:
    """Makes something of what was fetched."""
    from pathlib import Path

    Path(encoded.path).write_text(settings + Path(tables.path).read_text())


@dsl.component(**COMPONENT)
def finetune(settings: str, encoded: dsl.Input[dsl.Dataset], checkpoint: dsl.Output[dsl.Model]) -> None:
    """Makes something of what was encoded."""
    from pathlib import Path

    Path(checkpoint.path).write_text(settings + Path(encoded.path).read_text())


@dsl.component(**COMPONENT)
def record(checkpoint: dsl.Input[dsl.Model]) -> None:
    """Acts."""


@dsl.pipeline(name="inner")
def inner(tokenize_settings: str, finetune_settings: str, tables: dsl.Input[dsl.Dataset]):
    encoded = tokenize(settings=tokenize_settings, tables=tables).outputs["encoded"]
    trained = finetune(settings=finetune_settings, encoded=encoded)
    record(checkpoint=trained.outputs["checkpoint"]).set_caching_options(False)


@dsl.pipeline(name="small")
def small(fetch_settings: str, tokenize_settings: str, finetune_settings: str):
    tables = fetch(settings=fetch_settings).outputs["tables"]
    inner(tokenize_settings=tokenize_settings, finetune_settings=finetune_settings, tables=tables)


def run(project: Path, name: str, reuse: Run | None = None, first: str = "", **lengths: int) -> Run:
    made = new_run(load(project / "tiny.yaml"), name=name)
    if reuse:
        take_over(reuse, made, first)
    compiler.Compiler().compile(small, str(made.folder / "pipeline.yaml"))
    steps = ("fetch", "tokenize", "finetune")
    write_json(
        made.folder / "arguments.json", {f"{step}_settings": json.dumps({"n": lengths.get(step, 1)}) for step in steps}
    )
    _execute(made, lambda step, text: None)
    made.state = "finished"
    made.save()
    return made


@pytest.mark.slow
def test_what_ran_is_what_changed(project: Path) -> None:
    first = run(project, "first")
    second = run(project, "second", first, finetune=2)
    run(project, "third", second, fetch=3, finetune=2)
    run(project, "fourth", second, "tokenize", finetune=2)
    found = {name: explained(name) for name in ("second", "third", "fourth")}
    states = {name: {step: one["state"] for step, one in steps.items()} for name, steps in found.items()}
    assert states["second"] == {"fetch": "reused", "tokenize": "reused", "finetune": "ran", "record": "ran"}
    assert states["third"] == dict.fromkeys(("fetch", "tokenize", "finetune", "record"), "ran")
    assert states["fourth"] == {"fetch": "reused", "tokenize": "ran", "finetune": "ran", "record": "ran"}
    for steps in found.values():
        for name in ("fetch", "tokenize", "finetune"):
            asked_for = "--from asked for it again" in steps[name]["why"]
            assert (steps[name]["state"] == "ran") == (bool(steps[name]["changes"]) or asked_for)
    assert changed(found["second"]["finetune"]) == [("parameter", "n", 1, 2)]
    assert changed(found["third"]["tokenize"]) == [("input", "tables of fetch", None, None)]
