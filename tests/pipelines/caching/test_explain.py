"""Why steps ran again, of folders on this machine and of runs that MLflow recorded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from pipelines.caching.explain import ACTS, ALONE, FIRST
from tests.pipelines.caching.made import CACHED, changed, explained, leave, pipeline_of, recorded

SEED = ("parameter", "training.seed", 1, 2)


def inputs_of(step: dict[str, object]) -> list[str]:
    return [what for kind, what, _, _ in changed(step) if kind == "input"]  # type: ignore[arg-type]


def test_the_first_run_has_nothing_to_compare_with(project: Path) -> None:
    leave(project, "first")
    found = explained("first")
    assert {found[step]["why"] for step in CACHED} == {FIRST}
    assert {found[step]["why"] for step in ("resolve", "gate", "record", "close")} == {ACTS}
    assert {found[step]["state"] for step in ("register", "canary", "promote", "deploy")} == {"not reached"}


def test_a_changed_setting_runs_its_step_and_those_after_it(project: Path) -> None:
    first = leave(project, "first")
    kept = ("fetch", "validate", "tokenize")
    leave(project, "second", "training.seed=2", reuse=first, reused=kept)
    found = explained("second")
    assert all((found[step]["state"], found[step]["why"]) == ("reused", "taken from first") for step in kept)
    assert changed(found["finetune"]) == [SEED]
    assert found["finetune"]["why"] == "changed since first" and found["finetune"]["compared"] == "first"
    assert changed(found["quantize"]) == [("input", "checkpoint of finetune", None, None)]
    assert inputs_of(found["evaluate"]) == ["bundle of quantize", "checkpoint of finetune"]


def test_what_from_asked_for_again_is_no_change(project: Path) -> None:
    first = leave(project, "first")
    leave(project, "second", reuse=first, first="quantize", reused=CACHED[:4])
    found = explained("second")
    assert found["finetune"]["why"] == "taken from first"
    assert "--from asked for it again" in found["quantize"]["why"] and changed(found["quantize"]) == []
    assert inputs_of(found["evaluate"]) == ["bundle of quantize"]


def test_what_is_gone_cannot_be_taken(project: Path) -> None:
    first = leave(project, "first")
    leave(project, "second", reuse=first, reused=("fetch",))
    shutil.rmtree(first.folder / "tasks" / "x" / "validate" / "report")
    assert "it is gone" in explained("second")["validate"]["why"]


def test_a_run_that_takes_up_no_other_is_told_which_it_could_have(project: Path) -> None:
    leave(project, "first")
    leave(project, "second", "training.seed=2")
    found = explained("second")
    assert found["tokenize"]["why"] == f"{ALONE}; --reuse first would have given it this step"
    assert (found["finetune"]["why"], changed(found["finetune"])) == (ALONE, [SEED])
    assert inputs_of(found["quantize"]) == ["checkpoint of finetune"]


def test_the_latest_run_that_came_to_the_step_is_compared_with(project: Path) -> None:
    leave(project, "first", "training.seed=2")
    steps = ["resolve", "fetch", "validate", "tokenize", "finetune"]
    leave(project, "broken", "training.seed=5", steps=steps, failed="finetune")
    leave(project, "third", "training.seed=5")
    found = explained("third")
    assert found["tokenize"]["compared"] == "broken"
    assert found["finetune"]["compared"] == "first", "the other one did not come to its end"
    assert changed(found["finetune"]) == [("parameter", "training.seed", 2, 5)]


def test_a_run_with_the_same_inputs_goes_before_a_later_one(project: Path) -> None:
    leave(project, "first")
    leave(project, "second", "training.seed=2")
    leave(project, "third")
    assert explained("third")["finetune"]["why"].endswith("--reuse first would have given it this step")


def test_pins_of_resolve_count_by_their_values(project: Path) -> None:
    first = leave(project, "first")
    kept, champion = ("fetch", "tokenize", "finetune", "quantize"), {"champion_version": "1", "champion_digest": "d"}
    leave(project, "second", reuse=first, reused=kept, **champion)
    found = explained("second")
    expected = [("parameter", "champion_digest", "", "d"), ("parameter", "champion_version", "", "1")]
    assert changed(found["validate"]) == expected
    assert expected[0] in changed(found["evaluate"])


def test_another_image_or_other_lines_of_the_step(project: Path) -> None:
    first = leave(project, "first")
    text = pipeline_of(project)
    (image,) = {line.split("image: ")[1] for line in text.splitlines() if "image: " in line}
    leave(project, "second", reuse=first, pipeline=text.replace(f"image: {image}", "image: another@sha256:0"))
    assert changed(explained("second")["fetch"])[0] == ("image", "image", image, "another@sha256:0")
    lines = text.replace('with reported(\\"fetch\\")', 'with reported(\\"FETCH\\")')
    leave(project, "third", reuse=first, pipeline=lines)
    found = explained("third")
    assert [kind for kind, *_ in changed(found["fetch"])] == ["code"]
    assert [kind for kind, *_ in changed(found["tokenize"])] == ["input", "input"]


def test_a_folder_without_a_pipeline_is_said_to_be_so(project: Path) -> None:
    run = leave(project, "first")
    (run.folder / "arguments.json").unlink()
    with pytest.raises(TextgateError, match="ended before it had a pipeline"):
        explained("first")
    leave(project, "second")
    assert explained("second")["fetch"]["why"] == FIRST, "it is passed over as an earlier run"


def test_a_recorded_run_is_compared_by_what_was_recorded(project: Path) -> None:
    recorded(project, "first")
    recorded(project, "second", "training.seed=2")
    found = explained("second")
    assert {found[step]["state"] for step in CACHED} == {"unknown"}
    assert found["tokenize"]["why"].startswith("nothing it is made from changed since first: a cache that has that")
    assert changed(found["finetune"]) == [SEED]
    assert inputs_of(found["quantize"]) == ["checkpoint of finetune"]
    assert {found[step]["why"] for step in ("resolve", "gate", "record", "close")} == {ACTS}


def test_states_that_kubeflow_knows_are_shown(project: Path) -> None:
    recorded(project, "first")
    recorded(project, "second", "training.seed=2")
    states = {**dict.fromkeys(("fetch", "validate", "tokenize"), "reused"), "finetune": "ran", "quantize": "failed"}
    found = explained("job-second", {"resolve": "ran", **states})
    assert {step: found[step]["state"] for step in states} == states
    assert found["fetch"]["why"] == "taken from first"
    assert found["evaluate"]["state"] == "not reached"
    again = explained("job-second", {"fetch": "ran", "validate": "ran"})
    assert again["fetch"]["why"] == "nothing it is made from changed since first, and no cache had it any more"
    assert inputs_of(again["validate"]) == ["base_model of fetch", "tables of fetch"]


def test_what_a_recorded_run_came_to_limits_what_can_be_taken_from_it(project: Path) -> None:
    recorded(project, "first", outcome="refused-by-validation")
    recorded(project, "second", outcome="", failed_step="quantize")
    recorded(project, "third")
    found = explained("third")
    compared = {step: found[step]["compared"] for step in CACHED}
    assert compared == {**dict.fromkeys(CACHED[:4], "second"), "quantize": "", "evaluate": ""}
    assert explained("first")["tokenize"]["state"] == "not reached"


@pytest.mark.parametrize(
    ("outcome", "never"),
    [
        ("refused-by-validation", (*CACHED[2:], "gate", "register", "canary", "promote", "deploy")),
        ("refused-by-gate", ("register", "canary", "promote", "deploy")),
        ("unchanged", ("register", "canary", "promote", "deploy")),
        ("reproduced", ("register", "canary", "promote", "deploy")),
        ("refused-by-canary", ("promote", "deploy")),
        ("registered", ()),
    ],
)
def test_a_recorded_run_that_was_refused_did_not_come_to_what_follows(
    project: Path, outcome: str, never: tuple[str, ...]
) -> None:
    recorded(project, "first", outcome=outcome)
    found = explained("first")
    assert {step for step in found if found[step]["state"] == "not reached"} == {*never}
    assert all(not found[step]["why"] for step in never)


def test_a_recorded_run_that_failed_came_to_its_end_all_the_same(project: Path) -> None:
    recorded(project, "first", outcome="", failed_step="quantize")
    states = {step: one["state"] for step, one in explained("first").items()}
    assert (states["quantize"], states["close"]) == ("failed", "unknown")
    assert states["evaluate"] == states["record"] == "not reached"


def test_a_recorded_run_of_this_machine_is_read_from_its_folder(project: Path) -> None:
    leave(project, "first")
    recorded(project, "first")
    assert explained("job-first")["fetch"]["state"] == "ran"
