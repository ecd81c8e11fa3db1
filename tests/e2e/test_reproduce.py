"""A run of the tiny project, made again from what was recorded: on the machine as it was, and as if on another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.base.files import read_json
from components.base.running import ROOT
from pipelines.lineage.code import read_code
from tests.e2e.story import Story

STAGES = ("data", "encoded", "weights", "bundle", "predictions", "metrics", "verdict")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not read_code(ROOT).commit, reason="this checkout is no git repository"),
]


@pytest.fixture(scope="module")
def story(tiny_project: Path) -> Story:
    told = Story(tiny_project)
    told.run("first", "--config", "tiny.yaml")
    return told


def name(story: Story, run: str = "first") -> str:
    return Path(story.runs[run]["folder"]).name


def reproduce(story: Story, *arguments: str, status: int = 0) -> str:
    code, out, err = story.textgate("reproduce", *arguments)
    assert code == status, out + err
    return out + err


def again(story: Story) -> dict[str, Any]:
    """The newest run."""
    return read_json(max(story.folders(), key=lambda folder: folder.stat().st_mtime) / "run.json")


def test_a_run_is_made_again_byte_for_byte_and_nothing_is_registered(story: Story) -> None:
    log, pinned = story.log(), story.pinned()
    out = reproduce(story, "tiny", "1")
    lines = [line.split() for line in out.splitlines()]
    assert [line[:2] for line in lines if line[1:2] and line[1] in ("same", "differs")] == [
        [stage, "same"] for stage in STAGES
    ]
    assert f"identical: {name(story)} and " in out and "the present environment" in out
    made = again(story)
    assert (made["outcome"], Path(made["folder"]).name in out) == ("reproduced", True)
    assert (story.log(), story.pinned()) == (log, pinned)
    client, original = story.mlflow(), story.tracked("first")
    assert [version.version for version in client.search_model_versions("name = 'tiny'")] in ([1], ["1"])
    assert original.data.tags["textgate.reproduced"] == "identical"
    reproduction = client.get_run(original.data.tags["textgate.reproduced_by"])
    assert reproduction.data.tags["textgate.reproduces"] == original.info.run_id
    assert reproduction.data.tags["textgate.outcome"] == "reproduced"
    files = {artifact.path for artifact in client.list_artifacts(original.info.run_id, "reproductions")}
    assert {Path(file).suffix for file in files} == {".json", ".txt"}
    assert not list(story.project.glob(".textgate/reproductions/*")), "the worktree is gone"


def test_another_run_is_different_where_it_departs(story: Story) -> None:
    """The gate decides by other rules, and by nothing else."""
    story.run("other", "--reuse", name(story), "--set", "gate.rules.accuracy.at_least=0.61")
    out = reproduce(story, name(story), "--by", name(story, "other"), status=1)
    assert "different: " in out and "the first that departs: metrics" in out
    assert "champion: its version none → 1" in out


def test_on_another_machine_places_are_named_and_all_that_is_missing_is_said(story: Story) -> None:
    moved = {kind: (story.project / kind).rename(story.project / f"{kind}-there") for kind in ("remote", "base_model")}
    data = (story.project / "data.dvc").rename(story.project / "there.dvc")
    try:
        out = reproduce(story, name(story), status=1)
        assert "missing is" in out and "the data: " in out and "the base model of the digest" in out
        places = [f"data.remotes=[{moved['remote']}]", f"base_model.reference={moved['base_model']}"]
        options = [word for place in places for word in ("--set", place)]
        out = reproduce(story, name(story), "--to", "tokenize", *options)
        assert "identical: " in out and "encoded" in out and "weights" not in out
        assert {step["name"] for step in again(story)["steps"]} >= {"tokenize", "record"}
    finally:
        data.rename(story.project / "data.dvc")
        for kind, path in moved.items():
            path.rename(story.project / kind)


def test_by_hand_it_is_the_same(story: Story) -> None:
    code, out, err = story.textgate("run", "--like", name(story), "--to", "tokenize", "--name", "tiny-by-hand")
    assert code == 0, out + err
    assert "reproduce" in out and "--by tiny-by-hand" in out
    assert "identical" in reproduce(story, name(story), "--by", "tiny-by-hand", "--to", "tokenize")


def test_what_does_not_go_with_like_is_refused(story: Story) -> None:
    for options, said in (
        (["--like", "x", "--config", "tiny.yaml"], "--like takes everything from the run"),
        (["--to", "tokenize"], "--to goes with --like"),
        (["--like", "x", "--to", "gate"], "--to takes one of tokenize"),
        (["--like", name(story), "--set", "training.seed=2"], "would make it another run"),
    ):
        code, _, err = story.textgate("run", *options)
        assert code == 1 and said in err, err
