"""What an image says of its source, and what is said where none can be built."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from components.base.errors import TextgateError
from pipelines.cli import cli
from pipelines.images import building
from pipelines.images.building import build, commit_of, default_base, source_of
from pipelines.images.engine import Engine, find_engine

ENGINE = Engine("engine")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "code.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write_engine(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, name: str = "podman") -> None:
    """A command in place of the engine's, and no other engine."""
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_commit_tells_a_changed_checkout(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert commit_of(checkout) == commit
    (checkout / "README.md").write_text("no image has it")
    assert commit_of(checkout) == commit
    (checkout / "components" / "code.py").write_text("1")
    assert commit_of(checkout) == f"{commit}-dirty"
    assert commit_of(tmp_path_factory.mktemp("elsewhere")) == "unknown"


@pytest.mark.parametrize(
    ("remote", "source"),
    [
        ("https://user:secret@git.example/team/textgate.git", "https://git.example/team/textgate.git"),
        ("git@git.example:team/textgate.git", "https://git.example/team/textgate.git"),
        ("ssh://git@git.example:2222/team/textgate.git", "https://git.example/team/textgate.git"),
        ("http://git.example:8080/textgate", "http://git.example:8080/textgate"),
        ("/home/somebody/textgate", "unknown"),
        ("", "unknown"),
    ],
)
def test_source_is_the_remote_without_secrets(checkout: Path, remote: str, source: str) -> None:
    if remote:
        git(checkout, "remote", "add", "origin", remote)
    assert source_of(checkout) == source


def test_no_engine_is_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TextgateError, match=r"docker: is not installed; podman: is not installed"):
        find_engine()
    refused = CliRunner().invoke(cli, ["image", "build", "serving", "--engine", "podman"])
    assert isinstance(refused.exception, TextgateError) and "docker" not in str(refused.exception).partition(")")[0]


def test_engine_that_answers_is_found_behind_one_that_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_engine(tmp_path / "bin", monkeypatch, "exit 0")
    (tmp_path / "bin" / "docker").write_text("#!/bin/sh\necho 'the daemon sleeps' >&2; exit 1\n")
    (tmp_path / "bin" / "docker").chmod(0o755)
    assert find_engine() == Engine("podman")
    with pytest.raises(TextgateError, match="docker: the daemon sleeps"):
        find_engine("docker")


def test_failing_build_shows_its_last_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_engine(tmp_path / "bin", monkeypatch, "seq 100; echo 'no space left' >&2; exit 3", "engine")
    with pytest.raises(TextgateError) as refused:
        build("serving", ENGINE)
    said = str(refused.value).splitlines()
    assert "engine build failed with exit status 3" in said[0]
    assert said[-2:] == ["  100", "  no space left"] and len(said) <= 17


def test_engine_is_told_target_base_and_labels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = f'case "$*" in *.Id*) echo sha256:1d;; *.Size*) echo 5;; esac; echo "$*" >> {tmp_path}/said'
    write_engine(tmp_path / "bin", monkeypatch, script, "engine")
    built = build("serving", ENGINE, arguments=("--pull",))
    said = (tmp_path / "said").read_text().splitlines()[0]
    assert said.startswith(
        f"build --file {building.ROOT}/Dockerfile --target serving --tag textgate/serving:python3.12"
    )
    assert f"BASE_IMAGE={default_base()} " in said and f"COMMIT={built.commit} " in said
    assert said.endswith(f" --pull {building.ROOT}")


@pytest.mark.parametrize("missing", ["Dockerfile", "base.txt"])
def test_outside_a_checkout_nothing_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str) -> None:
    monkeypatch.setattr(building, "ROOT" if missing == "Dockerfile" else "BASE", tmp_path / missing)
    with pytest.raises(TextgateError, match=f"{missing}.*in a checkout of textgate"):
        build("serving", ENGINE)


@pytest.mark.parametrize("content", ["", "\n"])
def test_base_that_a_failed_request_left_empty_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    (tmp_path / "base.txt").write_text(content)
    monkeypatch.setattr(building, "BASE", tmp_path / "base.txt")
    with pytest.raises(TextgateError, match=r"base\.txt names no base; .*`textgate image digest "):
        build("serving", ENGINE)


def test_image_that_is_not_here_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_engine(tmp_path / "bin", monkeypatch, "[ $1 = info ]")
    refused = CliRunner().invoke(cli, ["image", "push", "nothing:1", "registry.example/nothing:1"])
    assert "podman has no image nothing:1" in str(refused.exception)


@pytest.mark.parametrize("place", ["", "file/below.json"])
def test_bill_that_could_not_be_written_is_refused_before_the_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    write_engine(tmp_path / "bin", monkeypatch, f'[ "$1" = info ] || echo "$*" >> {tmp_path}/said')
    (tmp_path / "file").write_text("")
    refused = CliRunner().invoke(cli, ["image", "build", "serving", "--sbom", str(tmp_path / place)])
    assert isinstance(refused.exception, TextgateError) and "name a" in str(refused.exception)
    assert not (tmp_path / "said").exists()


def test_image_whose_bill_fails_is_said_to_be_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = 'case "$*" in run*) exit 3;; *.Id*) echo sha256:1d;; *.Size*) echo 5;; esac'
    write_engine(tmp_path / "bin", monkeypatch, script)
    sbom = tmp_path / "bill.json"
    failed = CliRunner().invoke(cli, ["image", "build", "serving", "--tag", "mine:1", "--sbom", str(sbom)])
    assert "podman run failed with exit status 3" in str(failed.exception)
    assert failed.output.startswith("built mine:1 in ") and not sbom.exists()
