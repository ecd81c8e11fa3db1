"""A data folder gives way to a new version of itself: folder, DVC file, git's ignores and DVC's cache alike."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.base.errors import TextgateError
from components.base.files import write_bytes
from pipelines.data.version import (
    Tracked,
    Version,
    commit_version,
    folder_version,
    is_cached,
    read_version,
    write_version,
)


def recorded_version(data: Tracked) -> str | None:
    """The md5 that the DVC file names; None where there is no such file."""
    return read_version(data.version_file).md5 if data.version_file.exists() else None


def standing_version(data: Tracked, recorded: str | None, force: bool) -> str | None:
    """The md5 of the folder as it stands, None where there is none.

    Raises TextgateError where replacing it would lose it: it is neither the `recorded` version nor in DVC's cache, and
    there is no `force`.
    """
    folder = data.folder
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise TextgateError(f"{folder} is not a plain folder; move it away")
    if not folder.exists() or not any(folder.iterdir()):
        return None
    found = folder_version(folder).md5
    if found != recorded and not force and not is_cached(data.cache, found):
        raise TextgateError(
            f"{folder} would be lost: its version is {found}, which is neither the one in {data.version_file.name} nor"
            " in DVC's cache; move it away, or replace it with --force"
        )
    return found


@contextmanager
def built_folder(data: Tracked) -> Iterator[Path]:
    """An empty folder beside data.folder to build in, which vanishes unless replace_folder gave it its place."""
    data.folder.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{data.folder.name}.", dir=data.folder.parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(data: Tracked, built: Path) -> None:
    """Puts the folder `built` in the place of data.folder and commits it to DVC's cache, by which the DVC file names
    it and git ignores it; where any of that fails or is interrupted, everything is as it was.

    Raises TextgateError with what DVC said.
    """
    version = folder_version(built)
    files = [data.version_file, data.folder.parent / ".gitignore"]
    before = {file: file.read_bytes() if file.exists() else None for file in files}
    with tempfile.TemporaryDirectory(prefix=f".{data.folder.name}.old.", dir=data.folder.parent) as away:
        old = Path(away, data.folder.name)
        try:
            if data.folder.exists():
                data.folder.rename(old)
            built.rename(data.folder)
            _commit(data, version)
        except BaseException:
            if not built.exists():
                shutil.rmtree(data.folder, ignore_errors=True)
            if old.exists():
                old.rename(data.folder)
            for file, content in before.items():
                if content is None:
                    file.unlink(missing_ok=True)
                elif file.read_bytes() != content:
                    write_bytes(file, content)
            raise


def _commit(data: Tracked, version: Version) -> None:
    if not data.version_file.exists():
        write_version(data.version_file, version)
    commit_version(data)
    if (written := read_version(data.version_file)) != version:
        raise TextgateError(f"{data.folder} is version {version.md5}, but DVC wrote {written.md5}; nothing was changed")
