"""What Docker keeps of a push, under names of its own; pushes to a real registry stand in test_registry.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from components.base.errors import TextgateError
from pipelines.cli import cli

OTHER, PUSHED = f"sha256:{'0f' * 32}", f"sha256:{'1e' * 32}"


@pytest.mark.parametrize(
    ("reference", "kept"),
    [
        ("docker.io/org/name:1", "org/name"),
        ("org/name:1", "org/name"),
        ("docker.io/library/name:1", "name"),
        ("name:1", "name"),
        ("registry.example/org/name:1", "registry.example/org/name"),
        ("localhost:5000/name:1", "localhost:5000/name"),
    ],
)
def test_digest_of_a_push_is_found_by_the_name_that_docker_keeps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reference: str, kept: str
) -> None:
    write_docker(tmp_path, monkeypatch, [f"other.example/org/name@{OTHER}", f"my_org/name@{OTHER}", f"{kept}@{PUSHED}"])
    pushed = CliRunner().invoke(cli, ["image", "push", "small:1", reference, "--engine", "docker"])
    assert (pushed.output, pushed.exit_code) == (f"{reference.removesuffix(':1')}@{PUSHED}\n", 0)


@pytest.mark.parametrize("digests", [None, [], [f"other.example/org/name@{OTHER}"]])
def test_digest_of_another_registry_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digests: list[str] | None
) -> None:
    write_docker(tmp_path, monkeypatch, digests)
    pushed = CliRunner().invoke(cli, ["image", "push", "small:1", "docker.io/org/name:1", "--engine", "docker"])
    assert isinstance(pushed.exception, TextgateError) and "textgate image digest" in str(pushed.exception)


def write_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, digests: list[str] | None) -> None:
    (folder / "docker").write_text(f"#!/bin/sh\ncase \"$*\" in *RepoDigests*) echo '{json.dumps(digests)}';; esac\n")
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
