"""`textgate data import --from` in a project of git and DVC."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from components.base.files import digest_files
from pipelines.cli.data import COMMANDS, command
from pipelines.data import replacing
from pipelines.data.version import folder_version, is_cached, read_version
from tests.pipelines.data.clones import ROOT, dvc
from tests.pipelines.data.importing.conftest import Said, Write, csv_of, good_rows

Run = Callable[..., Said]
CLI = [sys.executable, "-c", "from pipelines.cli import main; main()", "data", "import", "--config", "own.yaml"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_is_there(name: str) -> None:
    result = CliRunner().invoke(command, [name, "--help"])
    assert result.exit_code == 0, result.output


def test_an_import_is_a_version_that_dvc_and_git_know_and_a_second_one_is_the_same(
    run: Run, project: Path, write: Write
) -> None:
    path = write("a.csv", csv_of([*good_rows(40), ("broken",), ("odd one", "POS")]))
    said = run("--from", path, source={"bad_rows": "drop"})
    version = read_version(project / "own.dvc")
    assert said.status == 0
    assert folder_version(project / "own") == version and is_cached(project / ".dvc/cache", version.md5)
    assert f"is new: {version.md5}" in said.out
    lines = [line.split() for line in said.out.splitlines()]
    assert (
        ["read", "42"] in lines and ["kept", "33", "4", "4", "41"] in lines and ["neg", "16", "2", "2", "20"] in lines
    )
    assert any("a.csv:42: 1 field" in line for line in said.out.splitlines())
    assert "data.source.rename_labels: {POS: pos}" in said.out
    assert dvc(project, "status", "-q").returncode == 0
    assert "/own" in (project / ".gitignore").read_text().splitlines()
    again = run(f"--from={path}", source={"bad_rows": "drop"})
    assert f"is unchanged, {version.md5}" in again.out
    assert not list(project.glob(".own*")) and not list((project / ".dvc/tmp").glob("textgate-spool*"))


def test_paths_may_follow_one_another_and_are_relative_to_the_current_folder(
    run: Run, project: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.csv", csv_of(good_rows(40)[:10]))
    write("b.csv", csv_of(good_rows(40)[10:]))
    (project / "in").symlink_to(project.parent / "in")
    said = run("--from", "in/a.csv", "in/b.csv")
    assert said.status == 0 and "kept" in said.out, said.err
    both = run(
        "--from",
        "in/a.csv",
        "--from",
        "in/b.csv",
        "--set",
        "data.source.split.shares={train: 0.5, validation: 0.25, test: 0.25}",
    )
    assert ["kept", "20", "10", "10", "40"] in [line.split() for line in both.out.splitlines()], both.err
    assert f"before {said.out.split()[-1]}" in both.out


def test_options_of_the_one_import_are_refused_by_the_other(run: Run, write: Write) -> None:
    path = write("a.csv", csv_of(good_rows()))
    assert "are for the default data" in run("--from", path, "--pin").err
    refused = run(path)
    assert refused.status == 2 and "--from PATH" in refused.err


def test_a_folder_that_is_no_version_is_replaced_only_by_force(run: Run, project: Path, write: Write) -> None:
    path = write("a.csv", csv_of(good_rows(30)))
    (project / "own").mkdir()
    (project / "own/mine.txt").write_text("mine")
    said = run("--from", path)
    assert said.status == 1 and "would be lost" in said.err and "--force" in said.err
    assert (project / "own/mine.txt").read_text() == "mine" and not (project / "own.dvc").exists()
    assert run("--from", path, "--force").status == 0
    (project / "own/train.parquet").write_bytes(b"changed")
    assert "would be lost" in run("--from", path).err
    assert run("--from", path, "--force").status == 0
    assert dvc(project, "status", "-q").returncode == 0


def test_what_fails_or_is_interrupted_at_the_end_leaves_everything_as_it_was(
    run: Run, project: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("--from", write("a.csv", csv_of(good_rows(30)))).status == 0

    def standing() -> dict[str, object]:
        return {
            "own": digest_files(project / "own"),
            **{f: (project / f).read_bytes() for f in ("own.dvc", ".gitignore")},
        }

    before = standing()

    def interrupted(*_: object) -> None:
        (project / ".gitignore").write_text("half")
        raise KeyboardInterrupt

    other = write("b.csv", csv_of(good_rows(40)))
    with monkeypatch.context() as context:
        context.setattr(replacing, "commit_version", interrupted)
        assert run("--from", other).status == 130
    assert standing() == before
    cache = project / ".dvc/cache/files/md5"
    for folder in [cache, *cache.iterdir()]:
        folder.chmod(0o555)
    if os.geteuid() != 0:  # root may write where nobody may
        assert run("--from", other).status == 1
        assert standing() == before
    for folder in [cache, *cache.iterdir()]:
        folder.chmod(0o755)
    fresh = run("--from", other, "--set", "data.version=new.dvc", "--set", "data.remotes=[r]")
    assert fresh.status == 0, fresh.err
    with monkeypatch.context() as context:
        context.setattr(replacing, "commit_version", interrupted)
        assert run("--from", other, "--set", "data.version=third.dvc").status == 130
    assert not (project / "third").exists() and not (project / "third.dvc").exists()
    assert not list(project.glob(".*own*")) and not list(project.glob(".third*"))


def test_a_full_disk_is_said_and_leaves_everything_as_it_was(run: Run, project: Path, write: Write) -> None:
    path = write("a.csv", csv_of([(f"{number:x} {hash(str(number))}", "pos") for number in range(30_000)]))
    run("--from", "nowhere")  # writes the config

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        [*CLI, "--from", str(path)],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=small_files,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "fault of textgate" not in done.stderr, done.stderr
    assert "as it was" in done.stderr
    assert not (project / "own").exists() and not (project / "own.dvc").exists()
    assert not list(project.glob(".own*")) and not list((project / ".dvc/tmp").glob("textgate-spool*"))


def test_being_told_to_stop_leaves_nothing_behind(run: Run, project: Path, write: Write) -> None:
    path = write("a.csv", csv_of([(f"text {number}", "pos") for number in range(100_000)]))
    run("--from", "nowhere")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*CLI, "--from", str(path)], cwd=project, env=environment, stderr=subprocess.PIPE)
    while not list((project / ".dvc/tmp").glob("textgate-spool*/rows.parquet")):
        assert process.poll() is None
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert not (project / "own").exists()
    assert not list(project.glob(".own*")) and not list((project / ".dvc/tmp").glob("textgate-spool*"))


def test_a_config_outside_a_dvc_project_is_named(run: Run, project: Path, write: Write) -> None:
    path = write("a.csv", csv_of(good_rows()))
    said = run("--from", path, "--set", "data.version=../own.dvc")
    assert said.status == 1 and "dvc init" in said.err
