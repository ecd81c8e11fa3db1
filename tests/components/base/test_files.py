"""Folders take their place whole, whoever else fills it and whatever breaks on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.base.files import check_writable, new_folder, write_text

WRITER = """
import sys, time
from pathlib import Path
from components.base.files import new_folder
target, name = Path(sys.argv[1]), sys.argv[2]
for _ in range(60):
    with new_folder(target) as folder:
        (folder / "name").write_text(name)
"""


def test_processes_that_fill_one_place_all_end_well(tmp_path: Path) -> None:
    target = tmp_path / "target"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(target), name]) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert (target / "name").read_text() in {"a", "b", "c"}
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_what_stood_there_stays_when_the_block_or_the_last_rename_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    with new_folder(target) as folder:
        (folder / "name").write_text("old")
    with pytest.raises(ValueError), new_folder(target) as folder:
        raise ValueError
    replace = os.replace

    def failing(source: Path, destination: Path) -> None:
        if destination == target and ".old." not in str(source):
            raise OSError(28, "No space left on device")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError), new_folder(target) as folder:
        (folder / "name").write_text("new")
    assert (target / "name").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_link_stays_and_leads_to_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_what_is_no_plain_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    for name, said in (("pipe", "no plain file"), ("folder", "a folder"), ("link", "no plain file")):
        with pytest.raises(TextgateError, match=f"{name} is {said}; name a file"):
            write_text(tmp_path / name, "new")
    assert (tmp_path / "pipe").is_fifo() and len(list(tmp_path.iterdir())) == 3


def test_what_could_not_be_written_is_said_before(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    check_writable(tmp_path / "file")
    check_writable(tmp_path / "made" / "other")
    assert (tmp_path / "file").read_text() == "kept" and list((tmp_path / "made").iterdir()) == []
    for path, said in ((tmp_path / "file" / "below", "cannot be written: .*; name another"), (tmp_path, "is a folder")):
        with pytest.raises(TextgateError, match=f"^{path} {said}"):
            check_writable(path)
