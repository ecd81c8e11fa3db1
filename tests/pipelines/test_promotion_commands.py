"""textgate promote, rollback, reject, reconcile, history and status, as they are typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from components.base import champion, registry
from components.base.errors import TextgateError
from components.base.promotion_log import Promotion, open_log
from components.base.settings import RunStep
from pipelines.cli import cli
from serving.pins import pin_path, read_pin

RUN = RunStep(name="tiny")
Run = Callable[..., Result]
Register = Callable[..., Any]


@pytest.fixture
def run(tiny_project: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setattr(champion, "PAUSES", (0.001,))

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(cli, [*words, "--config", str(tiny_project / "tiny.yaml")])

    return invoke


@pytest.fixture
def two(workspace: Path, register_version: Register, run: Run) -> None:
    """Two versions, the first of them champion and deployed."""
    register_version("job-1")
    register_version("job-2", temperature=3.0, champion="1")
    done = run("promote", "tiny", "1", "--reason", "the first")
    assert done.exit_code == 0, done.output


def told(result: Result) -> str:
    assert isinstance(result.exception, TextgateError), result.output
    return str(result.exception)


def pinned(workspace: Path) -> str:
    return read_pin(pin_path(workspace, "tiny")).version


def shown(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_a_version_is_promoted_deployed_and_rolled_back(run: Run, two: None, workspace: Path) -> None:
    assert pinned(workspace) == "1"
    assert "version 2 of tiny is the champion, in place of version 1" in shown(run("promote", "tiny", "2"))
    assert pinned(workspace) == "2"
    assert "version 1 of tiny is the champion again" in shown(run("rollback", "tiny", "--reason", "it is rude"))
    assert pinned(workspace) == "1"
    assert [entry.why for entry in open_log(RUN).entries()] == ["the first", "promoted by hand", "it is rude"]
    done = shown(run("promote", "tiny", "1"))
    assert "version 1 of tiny is the champion already" in done and "is deployed already" in done


def test_the_expected_champion_must_be_the_champion(run: Run, two: None) -> None:
    for expect, name in (("2", "version 2"), ("7", "version 7"), ("none", "none")):
        said = told(run("promote", "tiny", "2", "--expect", expect))
        assert said.startswith(f"the champion of tiny is version 1, not {name}, as --expect says")
    assert shown(run("promote", "tiny", "2", "--expect", "1"))
    assert "is the champion already" in shown(run("promote", "tiny", "2", "--expect", "1"))


def test_a_stale_version_is_not_promoted_whatever_is_expected(run: Run, two: None, register_version: Register) -> None:
    register_version("job-3", temperature=4.0, champion="1")
    assert shown(run("promote", "tiny", "2"))
    for options in ([], ["--expect", "2"]):
        said = told(run("promote", "tiny", "3", *options))
        assert "is version 2, but version 3 was compared with version 1" in said
        assert "`textgate run --reuse RUN` has the gate decide again" in said
    assert "version 3, passed, but compared with version 1: the gate must decide again" in shown(run("status", "tiny"))


def test_a_bundle_that_fails_its_canary_moves_nothing(
    run: Run, two: None, workspace: Path, register_version: Register
) -> None:
    register_version("job-3", temperature=4.0, champion="1", change=contradict)
    said = told(run("promote", "tiny", "3"))
    assert re.search(r"version 3 of tiny failed its canary: example 1: .*; nothing was changed", said)
    assert (pinned(workspace), registry.alias_of("tiny", "champion")) == ("1", "1")


def contradict(bundle: Path) -> None:
    """Its examples expect what it does not answer."""
    from tests.components.promote.conftest import seal_again

    canary = bundle / "canary.json"
    canary.write_text(canary.read_text().replace("positive", "neutral"))
    seal_again(bundle)


def test_a_deployment_that_fails_is_told_beside_what_stands(
    run: Run, two: None, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise TextgateError("the disk is full")

    monkeypatch.setattr("pipelines.promotion.promoting.deploy", fail)
    said = told(run("promote", "tiny", "2"))
    assert said.startswith(
        "the disk is full\nversion 2 of tiny is the champion, but not deployed: `textgate deploy tiny`"
    )
    assert "not the champion: `textgate deploy tiny` deploys version 2" in shown(run("status", "tiny"))


def test_a_rejected_version_is_no_challenger(run: Run, two: None) -> None:
    assert "version 2, passed, waits: `textgate promote tiny 2`" in shown(run("status", "tiny"))
    assert shown(run("reject", "tiny", "2", "--reason", " it is rude "))
    assert "none waits" in shown(run("status", "tiny"))
    assert "it is rude; `textgate reject tiny 2 --undo`" in told(run("promote", "tiny", "2"))
    assert shown(run("reject", "tiny", "2", "--undo"))
    assert shown(run("promote", "tiny", "2"))


@pytest.mark.parametrize("options", [[], ["--undo", "--reason", "x"], ["--reason", " "], ["--reason", "x" * 501]])
def test_a_rejection_has_a_reason(options: list[str], run: Run, two: None) -> None:
    assert "--reason" in told(run("reject", "tiny", "2", *options))
    assert registry.alias_of("tiny", "challenger") == "2"


def test_a_promotion_that_was_cut_off_is_finished(run: Run, two: None, workspace: Path) -> None:
    log, tags = open_log(RUN), registry.version_tags("tiny", "2")
    digests = {"bundle_digest": tags["textgate.bundle_digest"], "verdict_digest": tags["textgate.verdict_digest"]}
    log.append(log.head(), Promotion(version="2", previous_version="1", who="bob", why="better", **digests))
    assert "`textgate reconcile tiny` finishes the promotion" in shown(run("status", "tiny"))
    failed = run("history", "tiny", "--verify")
    assert failed.exit_code == 1 and "✗ the alias champion is at version 1" in failed.output
    done = shown(run("reconcile", "tiny"))
    assert "finishing the promotion of version 2 of tiny" in done and "`textgate deploy`" in done
    assert "agree: version 2 is champion of tiny" in shown(run("reconcile", "tiny"))
    assert "the bundle of version 2 is whole" in shown(run("history", "tiny", "--verify"))


def test_an_alias_that_was_moved_by_hand_is_told_everywhere_and_restored(run: Run, two: None) -> None:
    registry.set_alias("tiny", "champion", "2")
    moved = "somebody moved the alias champion of tiny: MLflow says version 2"
    assert moved in told(run("reconcile", "tiny")) and moved in told(run("rollback", "tiny", "1"))
    assert moved in shown(run("status", "tiny"))
    failed = run("history", "tiny", "--verify")
    assert failed.exit_code == 1 and moved in failed.output
    assert registry.alias_of("tiny", "champion") == "2"
    assert "agree: version 1 is champion" in shown(run("reconcile", "tiny", "--restore"))
    assert registry.alias_of("tiny", "champion") == "1"


def test_history_shows_every_promotion(run: Run, two: None, workspace: Path, register_version: Register) -> None:
    register_version("job-3", temperature=4.0, champion="1", passed=False, override="the label was renamed")
    assert shown(run("promote", "tiny", "3", "--reason", "by hand"))
    lines = run("history", "tiny").output.splitlines()
    assert len(lines) == 3 and lines[0].split() == ["entry", "version", "before", "when", "who", "why", "bundle"]
    assert lines[1].split()[:2] == ["1", "1"] and "the first" in lines[1]
    assert lines[2].split()[:3] == ["2", "3", "1"] and "by hand (overridden: the label was renamed)" in lines[2]
    entry = workspace / "promotions" / "tiny" / "000001.json"
    entry.write_text(entry.read_text().replace("the first", "the last"))
    failed = run("history", "tiny", "--verify")
    assert failed.exit_code == 1 and "000001.json was edited" in failed.output


def test_before_anything_was_promoted(run: Run) -> None:
    assert "nothing of tiny was promoted yet" in shown(run("history", "tiny"))
    assert shown(run("history", "tiny", "--verify"))
    status = shown(run("status", "tiny"))
    assert "nothing was promoted yet" in status and "none waits" in status and "not deployed" in status
    assert "nothing of tiny was promoted yet" in told(run("rollback", "tiny"))
    assert "has no version 1 of tiny" in told(run("promote", "tiny", "1"))
    assert "none is champion of tiny" in shown(run("reconcile", "tiny"))


@pytest.mark.parametrize("words", [["promote", "0"], ["promote", "v2"], ["rollback", "2.0"], ["reject", "x", "--undo"]])
def test_what_is_no_version_is_refused(words: list[str], run: Run) -> None:
    assert "a version is a whole number from 1" in told(run(words[0], "tiny", *words[1:]))


@pytest.mark.parametrize(
    "words", [["promote", "1"], ["rollback"], ["reject", "1", "--undo"], ["reconcile"], ["history"], ["status"]]
)
def test_the_config_of_another_model_is_refused(words: list[str], run: Run) -> None:
    assert "is the config of tiny, not of other" in told(run(words[0], "other", *words[1:]))
