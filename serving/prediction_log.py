"""What was asked and answered, as Parquet files: the input of monitoring. Logging never blocks or fails a request.

A file is <folder>/<model>/<date>/<time>-<host>-<pid>-<number>.parquet, in UTC; until it is whole its name begins with a
dot and ends in .part, so that neither who reads the folder nor who reads *.parquet finds it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import threading
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from serving.options import LogOptions
from serving.prediction_table import Answered, Kind, schema, to_table

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger("textgate.serving")

# Answers, and characters of their texts, in memory at most, while the disk is slow or away.
MOST = 100_000
MOST_CHARACTERS = 16_000_000
# What is worth being written as a part of a file.
PART_ROWS = 1_000
PART_CHARACTERS = 1_000_000
COMPLAINT_S = 60.0
# How long a server that stops waits for the disk.
CLOSE_S = 10.0
PART = ".part"
LEFT_S = 24 * 3600.0


class PredictionLog:
    """Takes answers from any thread; one of its own writes them. `dropped` are the texts whose answers were lost.

    Of every request `sample` decides by the hash of its id, so that the same ids are logged everywhere.
    """

    def __init__(self, options: LogOptions) -> None:
        import pyarrow.parquet  # noqa: F401  40 MB, which a server that logs nothing does without

        self._options = options
        self._folder = Path(options.folder)
        self._bound = int(options.sample * (1 << 32))
        self._waiting: deque[Answered] = deque()
        self._rows = self._characters = 0
        self.dropped = 0
        self._complained = -COMPLAINT_S
        self._number = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="prediction log", daemon=True)
        self._thread.start()

    def put(self, answered: Answered) -> None:
        if self._bound <= _hash(answered.request_id):
            return
        rows, characters = len(answered.columns[0]), sum(len(text) for column in answered.columns for text in column)
        with self._changed:
            room = self._rows + rows <= MOST and self._characters + characters <= MOST_CHARACTERS
            if room and not self._closed:
                self._waiting.append(answered)
                self._rows += rows
                self._characters += characters
                if self._is_part():
                    self._changed.notify()
                return
        self._lose(rows, "it is closed" if room else "the disk is too slow")

    def close(self) -> None:
        """Writes what there is, unless the disk takes too long."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            log.warning("predictions are lost: the disk of %s did not take the last within %g s", self._folder, CLOSE_S)

    def _is_part(self) -> bool:
        return self._rows >= min(PART_ROWS, self._options.rows) or self._characters >= PART_CHARACTERS

    def _work(self) -> None:
        try:
            self._clean()
        except OSError as error:
            self._complain("old files cannot be deleted", error)
        file: _File | None = None
        closed = False
        while not closed:
            closed, part = self._take(file)
            for kind, answers in _by_kind(part):
                if file is not None and file.kind != kind:
                    self._finish(file)
                    file = None
                rows = sum(len(one.columns[0]) for one in answers)
                try:
                    table = to_table(answers, schema(kind, self._options.texts))
                except Exception as error:  # whatever it is: what was written before stays
                    self._lose(rows, error)
                    continue
                try:
                    file = file or self._open(answers[0], kind, table.schema)
                    file.write(table)
                except Exception as error:  # whatever it is: a request must not see it
                    self._lose(rows + (file.rows if file else 0), error)
                    _discard(file)
                    file = None
            if file is not None and (closed or file.is_full(self._options)):
                self._finish(file)
                file = None

    def _take(self, file: _File | None) -> tuple[bool, list[Answered]]:
        """Whether this was the last, and what came since: after a while, or when it is worth a part of a file."""
        with self._changed:
            pause = (
                self._options.seconds
                if file is None
                else max(0.0, file.opened + self._options.seconds - time.monotonic())
            )
            if not self._closed and not self._is_part():
                self._changed.wait(min(pause, 1.0) if file is None else pause)
            part = list(self._waiting)
            self._waiting.clear()
            self._rows = self._characters = 0
            return self._closed, part

    def _open(self, first: Answered, kind: Kind, known: pa.Schema) -> _File:
        now = datetime.now(UTC)
        folder = self._folder / _in_path(first.model) / f"{now:%Y-%m-%d}"
        folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        name = f"{now:%H%M%S.%f}-{_in_path(socket.gethostname())}-{os.getpid()}-{self._number}.parquet"
        return _File(folder / name, kind, known)

    def _finish(self, file: _File) -> None:
        try:
            file.close()
        except Exception as error:
            self._lose(file.rows, error)
            _discard(file)
        try:
            self._drop_oldest(file)
        except OSError as error:
            self._complain("old files cannot be deleted", error)

    def _drop_oldest(self, file: _File) -> None:
        if self._options.keep:
            model = file.path.parent.parent
            for path in sorted(model.glob("*/*.parquet"))[: -self._options.keep]:
                path.unlink(missing_ok=True)

    def _clean(self) -> None:
        """What processes left half-written: of this host those that are gone, of others after a day."""
        host = re.escape(_in_path(socket.gethostname()))
        for path in self._folder.glob(f"*/*/.*{PART}"):
            found = re.search(rf"-{host}-(\d+)-\d+\.parquet{PART}$", path.name)
            if found:
                gone = int(found[1]) == os.getpid() or not _is_running(int(found[1]))
            else:
                gone = time.time() - path.stat().st_mtime > self._options.seconds + LEFT_S
            if gone:
                path.unlink(missing_ok=True)

    def _lose(self, rows: int, why: Exception | str) -> None:
        with self._changed:
            self.dropped += rows
        self._complain("predictions cannot be logged", why)

    def _complain(self, what: str, why: Exception | str) -> None:
        with self._changed:
            if time.monotonic() - self._complained < COMPLAINT_S:
                return
            self._complained = time.monotonic()
        why = getattr(why, "strerror", None) or why
        log.warning("%s in %s: %s; %d are lost so far", what, self._folder, why, self.dropped)


class _File:
    def __init__(self, path: Path, kind: Kind, known: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self.kind, self.rows, self.opened = kind, 0, time.monotonic()
        self.path, self._beside = path, path.with_name(f".{path.name}{PART}")
        self._writer = pq.ParquetWriter(self._beside, known, compression="zstd")

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table)
        self.rows += table.num_rows

    def is_full(self, options: LogOptions) -> bool:
        return self.rows >= options.rows or time.monotonic() >= self.opened + options.seconds

    def close(self) -> None:
        self._writer.close()
        self._beside.rename(self.path)

    def discard(self) -> None:
        try:
            self._writer.close()
        finally:
            self._beside.unlink(missing_ok=True)


def _by_kind(part: list[Answered]) -> list[tuple[Kind, list[Answered]]]:
    found: dict[Kind, list[Answered]] = {}
    for one in part:
        found.setdefault(Kind(one.model, one.version, one.digest, one.task, one.inputs), []).append(one)
    return list(found.items())


def _discard(file: _File | None) -> None:
    if file is not None:
        try:
            file.discard()
        except Exception as error:
            log.debug("a file of the prediction log stays half-written: %s", error)


def _hash(request_id: str) -> int:
    return int.from_bytes(hashlib.sha256(request_id.encode(errors="surrogatepass")).digest()[:4], "big")


def _in_path(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name).lstrip(".") or "_"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
