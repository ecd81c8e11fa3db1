"""Which files there are to read, what they are by their names, and their bytes, unpacked."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast

import pyarrow as pa

from components.base.errors import TextgateError
from components.base.settings import Task

Format = Literal["csv", "tsv", "jsonl", "parquet", "conll"]
FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".conll": "conll",
}
BUFFER = 1 << 18
Compression = Literal["", "gzip", "zstd"]
COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
# What lies beside data and is none, where any other ending is taken for CoNLL.
PROSE = {".md", ".rst", ".html", ".pdf", ".docx", ".py", ".sh"}
PROSE_NAMES = {"readme", "license", "licence", "source", "changelog", "citation", "notice"}
# What a file is by its first bytes, where its name says that it is text.
MAGIC = {
    b"\x1f\x8b": "packed by gzip; give its name the ending .gz",
    b"\x28\xb5\x2f\xfd": "packed by zstd; give its name the ending .zst",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV",
    b"PAR1": "Parquet; give its name the ending .parquet",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
}

BOOKKEEPING = ("_SUCCESS", "_committed_", "_started_", "_metadata", "_common_metadata")


@dataclass(frozen=True)
class Source:
    """A file to read. `name` is the file's without the endings of format and compression; `folders` are those between
    the path that was asked for and the file."""

    path: Path
    format: Format
    compression: Compression = ""
    name: str = ""
    folders: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return self.path.stat().st_size


def find_sources(paths: Sequence[Path], task: Task) -> list[Source]:
    """The files of `paths`, each once, in the order of their paths; folders with all below them but what is hidden
    or is the bookkeeping of those that wrote them (Spark's _SUCCESS).

    With the task token-tags a file of an unknown ending is CoNLL. Raises TextgateError naming a path that does not
    exist or holds nothing, or files whose ending says nothing.
    """
    found: dict[Path, Source] = {}
    unknown: list[Path] = []
    for path in paths:
        for file in _files(path):
            source = _identify(file, file.relative_to(path).parent.parts if file != path else (), task)
            if source is None:
                unknown.append(file)
            else:
                found.setdefault(file.resolve(), source)
    if unknown:
        names = ", ".join(str(file) for file in unknown[:10]) + (f" and {len(unknown) - 10} more" * (len(unknown) > 10))
        raise TextgateError(
            f"cannot tell what is in {names}: the endings that are read are {', '.join(FORMATS)}, each also with .gz"
            " or .zst after it (but Parquet), and any other for CoNLL where data.task is token-tags; name the files"
            " that are meant, or rename these"
        )
    return sorted(found.values(), key=lambda source: source.path)


class Content(NamedTuple):
    """`file` gives the unpacked bytes, buffered; `position` says how many of the file's own were read."""

    file: BinaryIO
    position: Callable[[], int]


@contextmanager
def open_bytes(source: Source) -> Iterator[Content]:
    """What is damaged shows when it is read, which `naming_damage` explains."""
    with naming_damage(source):
        file = source.path.open("rb", buffering=BUFFER)
    with file:
        yield Content(_unpacked(file, source), file.tell)


@contextmanager
def naming_damage(source: Source) -> Iterator[None]:
    """Around what reads the bytes of a source. Raises TextgateError where they cannot be read or unpacked."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TextgateError(f"{source.path} is damaged or cut off: {error}; get it anew") from None
    except OSError as error:
        if source.compression == "zstd" and error.errno is None:
            raise TextgateError(f"{source.path} is damaged or cut off: {error}; get it anew") from None
        raise TextgateError(f"{source.path} cannot be read: {error.strerror or error}") from None


def check_text(source: Source, head: bytes) -> None:
    """Raises TextgateError where the first bytes of what should be text are those of something else, or none."""
    if not head:
        raise TextgateError(f"{source.path} is empty")
    for magic, what in MAGIC.items():
        if head.startswith(magic):
            raise TextgateError(f"{source.path} is not text but {what}")


def _unpacked(file: BinaryIO, source: Source) -> BinaryIO:
    if source.compression == "gzip":
        return cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=file), BUFFER))
    if source.compression == "zstd":
        stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
        return cast(BinaryIO, io.BufferedReader(stream, BUFFER))
    return file


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.exists():
        raise TextgateError(f"{path} does not exist")
    if not path.is_dir():
        raise TextgateError(f"{path} is neither a file nor a folder")
    count = 0
    seen: set[str] = set()
    for folder, folders, names in os.walk(path, followlinks=True):
        seen.add(os.path.realpath(folder))
        folders[:] = [
            name
            for name in sorted(folders)
            if not name.startswith(".") and os.path.realpath(Path(folder, name)) not in seen
        ]
        for name in sorted(names):
            if not name.startswith((".", *BOOKKEEPING)):
                count += 1
                yield Path(folder, name)
    if not count:
        raise TextgateError(f"{path} holds no files")


def _identify(path: Path, folders: tuple[str, ...], task: Task) -> Source | None:
    name = path.name
    compression: Compression = COMPRESSIONS.get(path.suffix.lower(), "")
    if compression:
        name = name[: -len(path.suffix)]
    stem, ending = Path(name).stem, Path(name).suffix
    kind = FORMATS.get(ending.lower())
    if kind is None and task == "token-tags" and ending.lower() not in PROSE and stem.lower() not in PROSE_NAMES:
        kind = "conll"
    if kind is None:
        return None
    if kind == "parquet" and compression:
        raise TextgateError(f"{path}: Parquet is packed within; unpack the file first")
    if not path.is_file():
        raise TextgateError(f"{path} is not a file that can be read" + (": a broken link" * path.is_symlink()))
    return Source(path, kind, compression, stem, folders)
