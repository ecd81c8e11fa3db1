from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from components.base.errors import TextgateError
from components.base.failures import add, first
from components.base.settings import STEP_NAMES, Settings
from components.promote import checks
from pipelines.local.folder import Run, Step, find_run, new_run, take_over
from pipelines.local.launch import Follower, expected_steps, explain


def make_settings(**changes: object) -> Settings:
    return Settings.model_validate(
        {"name": "tiny", "data": {"labels": ["a", "b"]}, "base_model": {"reference": "x"}, **changes}
    )


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGATE_HOME", str(tmp_path))


def test_the_log_is_followed_step_by_step() -> None:
    run = new_run(make_settings())
    heard: list[tuple[str, str, str]] = []
    follow = Follower(run, lambda step, text: heard.append((step.name, step.state, text)))
    for line in (
        "10:00:00.000 - INFO - Executing task 'resolve'",
        '"job_id": "123",',
        "::progress:: training 1/2 rows",
        "10:00:01.000 - INFO - Task 'resolve' finished with status SUCCESS",
        "Task fetch cache hit (key=abc1); skipping execution.",
        "10:00:02.000 - INFO - Executing task 'record-3'",
        "10:00:03.000 - ERROR - Task 'record-3' finished with status FAILURE",
    ):
        follow(line)
    assert [(step.name, step.state) for step in run.steps] == [
        ("resolve", "done"),
        ("fetch", "reused"),
        ("record", "failed"),
    ]
    assert run.job_id == "123"
    assert ("resolve", "running", "training 1/2 rows") in heard


def test_the_tasks_of_a_loop_make_one_step() -> None:
    run = new_run(make_settings())
    heard: list[tuple[str, str]] = []
    follow = Follower(run, lambda step, text: heard.append((step.name, step.state)))
    for line in (
        "Executing task 'tokenize-shard'",
        "Task tokenize-shard cache hit (key=abc1); skipping execution.",
        "Executing task 'tokenize-shard'",
        "Task 'tokenize-shard' finished with status SUCCESS",
        "Task 'tokenize-shard' finished with status SUCCESS",
        "Executing task 'tokenize-merge'",
        "Task 'tokenize-merge' finished with status SUCCESS",
        "Executing task 'finetune'",
    ):
        follow(line)
    assert [(step.name, step.state) for step in run.steps] == [("tokenize", "done"), ("finetune", "running")]
    assert heard.count(("tokenize", "done")) == 1


def test_a_step_that_is_tried_again_is_one_step() -> None:
    run = new_run(make_settings())
    follow = Follower(run, lambda step, text: None)
    for line in (
        "Executing task 'finetune'",
        "Task 'finetune' finished with status FAILURE",
        "Task finetune failed (attempt 1/4). Retrying in 10.0s...",
        "Executing task 'finetune'",
        "Task 'finetune' finished with status SUCCESS",
    ):
        follow(line)
    assert [(step.name, step.state) for step in run.steps] == [("finetune", "done")]
    assert first(run.folder / "failures.jsonl") is None


def test_a_shard_that_fails_ends_its_step() -> None:
    run = new_run(make_settings())
    follow = Follower(run, lambda step, text: None)
    for line in (
        "Executing task 'tokenize-shard'",
        "Executing task 'tokenize-shard'",
        "Task 'tokenize-shard' finished with status FAILURE",
        "Task 'tokenize-shard' finished with status SUCCESS",
    ):
        follow(line)
    assert [(step.name, step.state) for step in run.steps] == [("tokenize", "failed")]
    assert json.loads((run.folder / "failures.jsonl").read_text())["step"] == "tokenize"


def test_reused_shards_and_their_merge_are_one_reused_step() -> None:
    run = new_run(make_settings())
    follow = Follower(run, lambda step, text: None)
    for task, key in (("tokenize-shard", "a1"), ("tokenize-shard", "a2"), ("tokenize-merge", "b3")):
        follow(f"Task {task} cache hit (key={key}); skipping execution.")
    assert run.steps == [Step("tokenize", "reused", key="b3")]


@pytest.mark.parametrize("promote", ["auto", "manual"])
@pytest.mark.parametrize("deploy", ["auto", "manual"])
def test_modes_decide_how_far_a_run_goes(promote: str, deploy: str) -> None:
    if (promote, deploy) == ("manual", "auto"):
        with pytest.raises(ValueError, match=r"promote\.mode"):
            make_settings(promote={"mode": promote}, deploy={"mode": deploy})
        return
    steps = expected_steps("registered", make_settings(promote={"mode": promote}, deploy={"mode": deploy}))
    assert ("promote" in steps, "deploy" in steps) == (promote == "auto", deploy == "auto")
    assert ("canary" in steps) == (promote == "auto")
    assert steps[-1] == "close" and "record" in steps


@pytest.mark.parametrize(("to", "last"), [("", "gate"), ("tokenize", "tokenize"), ("evaluate", "evaluate")])
def test_a_reproduction_goes_to_the_gate_or_as_far_as_it_is_told(to: str, last: str) -> None:
    steps = expected_steps("reproduced", make_settings(promote={"mode": "auto"}), to)
    assert steps[-3:] == [last, "record", "close"] and steps[0] == "resolve"


def test_a_run_has_the_name_that_it_is_given_once() -> None:
    assert new_run(make_settings(), name="tiny-again").id == "tiny-again"
    with pytest.raises(TextgateError, match="there is a run tiny-again already"):
        new_run(make_settings(), name="tiny-again")


def test_a_failure_is_told_with_the_way_on() -> None:
    run = new_run(make_settings())
    add(run.folder / "failures.jsonl", "fetch", "no such bucket")
    assert explain(run).splitlines() == [
        "step fetch failed: no such bucket",
        f"log: {run.folder / 'log.txt'}; after mending the cause: textgate run --reuse {run.id} --from fetch",
    ]


def test_a_promotion_that_came_too_late_is_compared_again_rather_than_repeated() -> None:
    run = new_run(make_settings())
    again = checks.compare_again({"textgate.run_name": run.id})
    add(run.folder / "failures.jsonl", "promote", f"eve promoted version 2 first; {again}")
    assert f"`textgate run --reuse {run.id}` has the gate decide again" in explain(run)
    assert explain(run).count("textgate run") == 1 and "--from" not in explain(run)


def test_an_unknown_run_names_the_latest() -> None:
    known = new_run(make_settings())
    with pytest.raises(TextgateError, match=known.id):
        find_run("no-such-run")
    assert find_run(known.id).id == known.id


def test_a_run_of_another_version_is_refused(tmp_path: Path) -> None:
    run = new_run(make_settings())
    content = json.loads((run.folder / "run.json").read_text())
    (run.folder / "run.json").write_text(json.dumps({**content, "mood": "odd"}))
    with pytest.raises(TextgateError, match="another version"):
        find_run(run.id)


def test_only_what_lies_before_the_step_is_taken_over(tmp_path: Path) -> None:
    old, new = new_run(make_settings()), new_run(make_settings())
    for step in ("fetch", "tokenize-merge", "finetune"):
        artifact = old.folder / "tasks" / "textgate" / step / "out"
        artifact.mkdir(parents=True)
        (old.folder / "cache" / f"{step}.json").write_text(json.dumps({"out": {"uri": str(artifact)}}))
    assert take_over(old, new, "finetune") == ["fetch", "tokenize"]
    new.steps.append(Step("tokenize", "reused", key="tokenize"))
    assert new.artifact("tokenize", "out") == old.folder / "tasks" / "textgate" / "tokenize-merge" / "out"
    assert new.artifact("finetune", "out") is None
    assert new.artifact("fetch", "out") is None, "taken over, but not reused by this run"


def test_a_run_survives_being_written_and_read() -> None:
    run = new_run(make_settings())
    run.steps.append(Step("resolve", "done", 1.5))
    run.save()
    assert find_run(run.id) == Run(**{**run.__dict__})


def test_every_step_of_the_graph_is_known_and_cached_as_the_design_says(tmp_path: Path) -> None:
    from pipelines.compile import compile_pipeline

    settings = make_settings(promote={"mode": "auto"}, deploy={"mode": "auto"})
    compile_pipeline(settings, tmp_path / "pipeline.yaml", local=True)
    spec = yaml.safe_load((tmp_path / "pipeline.yaml").read_text())
    cached: dict[str, bool] = {}
    for component in [spec["root"], *spec["components"].values()]:
        for name, task in component.get("dag", {}).get("tasks", {}).items():
            if "executorLabel" in spec["components"][task["componentRef"]["name"]]:
                cached[name.split("-")[0]] = task.get("cachingOptions", {}).get("enableCache", False)
    assert set(cached) == set(STEP_NAMES)
    assert {name for name, on in cached.items() if on} == {
        "fetch", "validate", "tokenize", "finetune", "quantize", "evaluate",
    }  # fmt: skip
    assert "pip install" not in (tmp_path / "pipeline.yaml").read_text()
