"""`textgate data status`, `push` and `pull` as one types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from components.base.errors import TextgateError
from pipelines.cli import cli
from tests.pipelines.data.repositories import add, fresh_clone, git, rows, write_tables


@pytest.fixture
def here(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repo)
    return repo


def textgate(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["data", *arguments, "--config", "config.yaml"])


def test_from_a_change_to_a_clone_that_has_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tables(here / "data", {"test": rows(90, 95)})
    done = textgate("status", "--set", "training.seed=2")
    assert done.exit_code == 1
    assert "test: 5 added, 10 removed" in done.stdout
    options = "--config config.yaml --set training.seed=2"
    assert f"`dvc add data` makes it the version, `textgate data pull --force {options}` goes back" in done.stdout
    refused = textgate("pull")
    assert refused.exit_code == 1 and isinstance(refused.exception, TextgateError)
    add(here, {}, "second")
    done = textgate("push")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "remote holds all 4 objects now; sent: 4" in done.stdout
    done = textgate("status")
    assert (done.exit_code, done.stdout.count("✓"), done.stdout.count("✗")) == (0, 4, 0), done.stdout
    monkeypatch.chdir(fresh_clone(here, here.parent / "clone"))
    remote = ["--set", f"data.remotes=[{here / 'remote'}]"]
    assert textgate("status", *remote).exit_code == 1
    done = textgate("pull", *remote)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "fetched into DVC's cache: 4 objects" in done.stdout and "/data is now version" in done.stdout
    assert textgate("status", *remote).exit_code == 0
    assert "/data is already version" in textgate("pull", *remote).stdout


def test_a_pull_names_the_version_that_was_there(here: Path) -> None:
    second = add(here, {"test": rows(90, 95)}, "second")
    git(here, "checkout", "-q", "HEAD~1")
    assert f"it was version {second}, which DVC's cache keeps" in textgate("pull").stdout


@pytest.mark.parametrize("command", ["status", "push", "pull", "diff"])
def test_outside_of_a_dvc_project(here: Path, command: str) -> None:
    (here / ".dvc").rename(here / "away")
    done = textgate(command)
    assert isinstance(done.exception, TextgateError)
    assert "is in no DVC project; run `git init`" in str(done.exception)
