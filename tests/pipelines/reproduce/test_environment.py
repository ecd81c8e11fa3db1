from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from pipelines.lineage.recorded import RecordedRun
from pipelines.reproduce import environment


def run(**versions: str) -> RecordedRun:
    params = {f"versions.{name}": value for name, value in versions.items()}
    return RecordedRun("id", "tiny", "job", "run", {}, params, {})


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Those of the commit; the checkout has them, too."""
    found = {name: f"{name} pins".encode() for name in environment.LOCKS}
    for name, content in found.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "show", lambda commit, name: found.get(name))
    return found


def test_the_present_environment_is_taken_for_the_same_locks_python_and_versions(locks: dict[str, bytes]) -> None:
    assert environment.present(run(python=platform.python_version(), keras=version("keras")), "c0ffee") == ""


def test_another_lock_or_version_needs_another_environment(locks: dict[str, bytes]) -> None:
    assert environment.present(run(keras="1.0"), "c0ffee").startswith("the run had keras 1.0, and installed is ")
    assert "the run had Python 3.99.0" in environment.present(run(python="3.99.0"), "c0ffee")
    assert environment.present(run(python="3.99.0"), "c0ffee", here=False) == ""
    locks["nodeps.lock"] = b"other"
    assert environment.present(run(), "c0ffee") == "the run's commit has another lock than this checkout"
    del locks["nodeps.lock"]
    assert environment.present(run(), "c0ffee")


def makefile(folder: Path, recipe: str) -> Path:
    """A checkout whose setup is this."""
    folder.mkdir(exist_ok=True)
    (folder / "Makefile").write_text(f"VENV := .venv\nsetup:\n\t@{recipe}\n")
    for name in environment.LOCKS:
        (folder / name).write_text("pins")
    return folder


def test_an_environment_is_made_once_for_a_lock(workspace: Path, tmp_path: Path) -> None:
    recipe = "mkdir -p $(VENV) && test -x $(PYTHON) && echo made >> $(VENV)/log && touch $(VENV)/ready"
    code = makefile(tmp_path / "code", recipe)
    first = environment.prepare(run(), code)
    assert environment.prepare(run(), code) == first
    assert (first.parents[1] / "log").read_text() == "made\n"
    (code / "nodeps.lock").write_text("others")
    assert environment.prepare(run(), code) != first


def test_what_make_said_stands_in_the_message(workspace: Path, tmp_path: Path) -> None:
    code = makefile(tmp_path / "code", "echo no network >&2; exit 1")
    with pytest.raises(TextgateError, match=r"could not be made in .*environments[\s\S]*no network"):
        environment.prepare(run(), code)
