"""textgate models list and prune, as they are typed, on real versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner, Result

from components.base import champion, registry, tracking, versions
from components.base.errors import TextgateError
from components.base.mlflow_client import connect, mlflow
from components.base.promotion_log import open_log
from components.base.settings import RunStep
from components.promote.promote import promote
from components.promote.rejection import reject
from pipelines.cli import cli
from pipelines.models import pruning
from serving.pins import Pin, pin_path, write_pin

RUN = RunStep(name="tiny")
Run = Callable[..., Result]
Register = Callable[..., Any]


@pytest.fixture
def run(tiny_project: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "250")

    def invoke(*words: str, answer: str = "") -> Result:
        return CliRunner().invoke(cli, ["models", *words, "--config", str(tiny_project / "tiny.yaml")], input=answer)

    return invoke


@pytest.fixture
def eight(workspace: Path, register_version: Register) -> None:
    """Versions 1 to 8; 2, then 4 were promoted, 8 is the challenger."""
    for number in range(1, 9):
        register_version(f"job-{number}", temperature=1.0 + number)
    promote(RUN, "2", "", why="first")
    promote(RUN, "4", "2", why="better")


def numbers() -> list[str]:
    return [version.number for version in versions.all_versions("tiny")]


def shown(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def going(result: Result) -> list[str]:
    """The versions in the table of those that go."""
    assert result.exit_code == 0, result.output
    return [line.split()[0] for line in result.output.splitlines() if line[:1].isdigit() and "passed" in line]


def files(workspace: Path) -> set[str]:
    return {path.parent.name for path in (workspace / "mlartifacts").rglob("*") if path.is_file()}


def local_path(address: str) -> Path:
    return Path(unquote(address.removeprefix("file://")))


def test_old_versions_go_with_their_files_and_nothing_else(run: Run, eight: None, workspace: Path) -> None:
    sources = {number: local_path(registry.version_source("tiny", number)) for number in "12345678"}
    found = {number: connect().get_model_version("tiny", number) for number in "12345678"}
    log = [entry.version for entry in open_log(RUN).entries()]
    done = run("prune", "tiny", "--keep", "2", "--yes")
    assert going(done) == ["1", "3", "5", "6"] and "4 versions were deleted" in done.output
    assert numbers() == ["8", "7", "4", "2"]
    assert registry.aliases("tiny") == {"champion": "4", "challenger": "8"}
    assert [entry.version for entry in open_log(RUN).entries()] == log
    for number, source in sources.items():
        run_id = found[number].run_id
        gone = number in "1356"
        assert source.exists() != gone
        assert bool(tracking.list_files(run_id, "checkpoint")) != gone
        assert tracking.read_file(run_id, "verdict/verdict.json")
        models = connect().search_logged_models([connect().get_run(run_id).info.experiment_id])
        assert (source in {local_path(model.artifact_location) for model in models}) != gone
    assert registry.download_bundle("tiny", "4")
    assert going(run("prune", "tiny", "--keep", "2", "--yes")) == []


def test_a_dry_run_and_a_no_delete_nothing(run: Run, eight: None) -> None:
    done = run("prune", "tiny", "--keep", "2", "--dry-run")
    assert going(done) == ["1", "3", "5", "6"] and "4 of 8 versions would be deleted" in done.output
    refused = run("prune", "tiny", "--keep", "2", answer="n\n")
    assert "Delete these 4 of 8 versions" in refused.output and "nothing was deleted" in refused.output
    assert len(numbers()) == 8
    assert "4 versions were deleted" in run("prune", "tiny", "--keep", "2", answer="y\n").output


def test_what_stays_is_told_with_the_reason(run: Run, eight: None, workspace: Path) -> None:
    digest = registry.version_tags("tiny", "5")[registry.BUNDLE_DIGEST]
    write_pin(pin_path(workspace, "tiny-preview"), Pin("tiny-preview", "5", digest, str(workspace)))
    registry.set_alias("tiny", "golden", "6")
    registry.tag_version("tiny", "8", {registry.BASE_MODEL: "mlflow://tiny/3"})
    registry.tag_version("tiny", "3", {registry.BASE_MODEL: "mlflow://tiny/1"})
    done = run("prune", "tiny", "--keep", "1", "--dry-run")
    assert going(done) == ["7"]
    for number, why in {
        "1": "version 3 of tiny was trained from it",
        "2": "in entry 2 of the promotion log",
        "3": "version 8 of tiny was trained from it",
        "4": "champion; in entry 2 of the promotion log",
        "5": "deployed as tiny-preview",
        "6": "golden",
    }.items():
        assert f"version {number} stays: {why}" in done.output


def test_what_another_model_began_from_stays_and_what_a_deleted_one_did_goes(run: Run, eight: None) -> None:
    client = connect()
    client.create_registered_model("other")
    client.create_model_version("other", "file:///nowhere", tags={registry.BASE_MODEL: "mlflow://tiny/1"})
    client.create_registered_model("tinx")
    client.create_model_version("tinx", "file:///nowhere", tags={registry.BASE_MODEL: "mlflow://tinx/3"})
    registry.tag_version("tiny", "6", {registry.BASE_MODEL: "mlflow://tiny/5"})
    done = run("prune", "tiny", "--keep", "2", "--dry-run")
    assert going(done) == ["3", "5", "6"]
    assert "version 1 stays: version 1 of other was trained from it" in done.output


def test_what_textgate_did_not_register_stays(run: Run, eight: None) -> None:
    connect().delete_model_version_tag("tiny", "1", registry.BUNDLE_DIGEST)
    done = run("prune", "tiny", "--keep", "2", "--dry-run")
    assert "version 1 stays: not registered by textgate" in done.output and "1" not in going(done)


def test_the_champion_by_the_log_stays_though_it_has_no_alias(run: Run, eight: None) -> None:
    registry.drop_alias("tiny", "champion", "4")
    assert "4" not in going(run("prune", "tiny", "--keep", "1", "--dry-run"))
    assert "champion by the promotion log" in shown(run("list", "tiny"))


def test_a_version_that_is_promoted_meanwhile_stays(
    eight: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the choice and its turn; one that somebody else deleted is no fault."""
    monkeypatch.setattr(champion, "PAUSES", ())
    remove = versions.remove

    def promoting(name: str, number: str) -> None:
        remove(name, number)
        if number == "1":
            promote(RUN, "5", "4", why="meanwhile")
            registry.set_alias("tiny", "golden", "6")
            connect().delete_model_version("tiny", "7")

    monkeypatch.setattr(versions, "remove", promoting)
    assert pruning.prune(RUN, ["1", "4", "5", "6", "7", "3"]) == 2
    assert numbers() == ["8", "6", "5", "4", "2"]
    said = capsys.readouterr().out
    assert "version 5 of tiny stays: it was promoted or got an alias meanwhile" in said
    assert "version 7 of tiny is gone already" in said


def test_a_deletion_that_was_cut_off_is_finished(run: Run, eight: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: Any) -> None:
        raise mlflow.MlflowException("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "delete_model_version", cut_off)
        failed = run("prune", "tiny", "--keep", "2", "--yes")
    assert isinstance(failed.exception, TextgateError)
    assert "failed to remove version 1 of tiny: the server is gone" in str(failed.exception)
    assert "1" in numbers()
    assert "4 versions were deleted" in run("prune", "tiny", "--keep", "2", "--yes").output
    assert "1" not in numbers()


def test_a_list_has_every_version_the_newest_first(run: Run, eight: None, register_version: Register) -> None:
    register_version("job-9", temperature=20.0, passed=False, override="the label was renamed")
    reject(RUN, "9", "it is rude", "ann@desk")
    lines = [line.rstrip() for line in run("list", "tiny").output.splitlines()]
    assert lines[0].split() == [
        "version",
        "registered",
        "verdict",
        "accuracy",
        "macro",
        "F1",
        "micro",
        "F1",
        "bundle",
        "is",
    ]
    assert [line.split()[0] for line in lines[1:]] == list("987654321")
    assert "overridden" in lines[1] and "rejected by ann@desk" in lines[1] and "it is rude" in lines[1]
    assert lines[6].endswith("champion") and lines[8].endswith("former champion")
    assert registry.version_tags("tiny", "4")[registry.BUNDLE_DIGEST][:12] in lines[6]


def test_before_anything_was_registered(run: Run) -> None:
    assert "MLflow has no version of tiny" in shown(run("list", "tiny"))
    assert "nothing to delete: all 0 versions of tiny stay" in shown(run("prune", "tiny"))


@pytest.mark.parametrize("words", [["list", "other"], ["prune", "other"]])
def test_the_config_of_another_model_is_refused(words: list[str], run: Run) -> None:
    assert "is the config of tiny, not of other" in str(run(*words).exception)


def test_at_least_one_is_kept(run: Run) -> None:
    assert run("prune", "tiny", "--keep", "0").exit_code == 2
