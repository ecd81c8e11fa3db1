"""`textgate diff` as one types it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from components.base.errors import TextgateError
from pipelines.cli import cli
from tests.pipelines.comparing.made import MD5, SETTINGS, answers, record

pytestmark = pytest.mark.usefixtures("workspace")

OTHER = {**SETTINGS, "training": {"seed": 2, "lora_rank": 8}}


def textgate(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["diff", *arguments])


def lines(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.output.splitlines()]


@pytest.fixture
def runs() -> tuple[str, str]:
    old = answers([("a", "bad", "bad"), ("b[1]", "good", "bad")], probabilities=[[0.9, 0.1, 0], [0.75, 0.25, 0]])
    new = answers([("a", "bad", "bad"), ("b[1]", "good", "good")], probabilities=[[0.9, 0.1, 0], [0.25, 0.75, 0]])
    digests = {"digest.data": MD5, "digest.weights": "1", "digest.bundle": "2"}
    record("old", old, {"accuracy": 0.6}, params={"versions.keras": "3.14"}, threads="1", version="1", **digests)
    record("new", new, {}, OTHER, params={"versions.keras": "3.15"}, threads="2", **{**digests, "digest.weights": "3"})
    return "old", "new"


def test_every_part_is_shown(runs: tuple[str, str]) -> None:
    done = textgate(*runs)
    assert done.exit_code == 0, done.output
    shown = lines(done)
    assert shown[:2] == ["old tiny-old of tiny: registered, version 1", "new tiny-new of tiny: registered"]
    expected = {
        "settings": ["old new", "training.epochs 2 —", "training.lora_rank — 8", "training.seed 1 2"],
        "inputs": ["the same"],
        "data": [f"the same ({MD5})"],
        "code": None,
        "environment": ["old new", "keras 3.14 3.15", "threads 1 2"],
        "what the stages made": ["data the same, weights differs, bundle the same"],
        "predictions": ["1 of 2 shared rows flipped: 1 right now", "largest difference of a probability: 0.5"],
    }
    for title, part in expected.items():
        start = shown.index(title) + 1
        assert part is None or shown[start : start + len(part)] == part
    assert shown[-2:] == ["id right answer old new became", "b[1] good bad good right"]
    assert any(line.startswith("accuracy 0.6000 [0.5020, 0.6980] 0.7000") for line in shown)
    assert "new - old on 2 shared rows" in done.output and "test rows: old 90, new 90" in shown


def test_json_has_all_of_it(runs: tuple[str, str]) -> None:
    found = json.loads(textgate(*runs, "--json").output)
    assert found["settings"][0] == {"key": "training.epochs", "old": 2}
    assert found["predictions"]["flips"][0]["id"] == "b[1]"
    assert found["metrics"]["metrics"]["accuracy"]["paired"]["gained"] == 1
    assert found["old"]["run"] == "tiny-old" and len(found["old"]["run_id"]) == 32


def test_parts_that_cannot_be_had_leave_the_others(runs: tuple[str, str]) -> None:
    record("early", data_md5=f"{'f' * 32}.dir", outcome="refused-by-validation", git_commit="")
    done = textgate(runs[0], "early")
    assert done.exit_code == 0, done.output
    shown = lines(done)
    for title, why in {
        "data": "not available: ",
        "code": "not available: the run tiny-early was started outside of a git repository",
        "metrics": "not available: the run tiny-early has no evaluation: it ended before (refused-by-validation)",
        "predictions": "not available: the run tiny-early has no evaluation",
    }.items():
        assert shown[shown.index(title) + 1].startswith(why)
    assert "data_md5" in done.output
    found = json.loads(textgate(runs[0], "early", "--json").output)
    assert "no evaluation" in found["metrics"]["unavailable"]


def test_many_flips_are_shown_by_the_first_of_them_unless_asked_for(runs: tuple[str, str]) -> None:
    names = [f"{number:02}" for number in range(25)]
    record("bad", answers([(name, "bad", "bad") for name in names]), {})
    record("good", answers([(name, "bad", "good") for name in names]), {})
    short, long = (lines(textgate("bad", "good", *options)) for options in ([], ["--rows"]))
    assert "19 bad bad good wrong" in short and short[-1] == "and 5 others; --rows lists all"
    assert long[-1] == "24 bad bad good wrong"


def test_a_version_stands_for_the_run_that_it_came_from(runs: tuple[str, str], register_version: Any) -> None:
    version = register_version("job").version
    done = textgate(f"tiny:{version}", "new", "--json")
    assert json.loads(done.output)["old"]["version"] == version
    assert json.loads(done.output)["old"]["name"] == "tiny"


def test_a_run_that_is_not_there_is_refused(runs: tuple[str, str]) -> None:
    assert isinstance(textgate(runs[0], "nobody").exception, TextgateError)
