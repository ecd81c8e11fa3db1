from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.options import LogOptions
from serving.prediction_log import PredictionLog
from serving.prediction_table import Answered, slim

PATIENCE_S = 20
WHEN = 1_700_000_000.25


def single(*texts: str, request_id: str = "a", **changes: Any) -> Answered:
    answers = {
        "label": np.array(["good"] * len(texts), object),
        "probability": np.full(len(texts), 0.75, np.float32),
        "abstain": np.array([False] * len(texts)),
        "probabilities": np.zeros((len(texts), 2), np.float32),
    }
    known = Answered(WHEN, request_id, "tiny", "3", "d1", "single-label", ("text",), [list(texts)], answers, 1.5)
    return known._replace(**changes)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*/*.parquet"), key=lambda path: path.name)


def written(folder: Path, *answers: Answered, **options: Any) -> pa.Table:
    log = PredictionLog(LogOptions(folder=str(folder), **options))
    for answered in answers:
        log.put(answered)
    log.close()
    assert log.dropped == 0
    return pa.concat_tables([pq.read_table(path) for path in files(folder)])


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_each_text_has_a_row_and_no_text_stands_there(tmp_path: Path) -> None:
    table = written(tmp_path, single("one", "three"), single("x", request_id="b"))
    assert table.num_rows == 3
    assert table.slice(1, 1).to_pylist() == [
        {
            "when": table["when"][0].as_py(),
            "request_id": "a",
            "model": "tiny",
            "version": "3",
            "labels": ["good"],
            "probability": 0.75,
            "abstain": False,
            "milliseconds": 1.5,
            "text_characters": 5,
        }
    ]
    assert table["when"][0].as_py().timestamp() == WHEN
    (path,) = files(tmp_path)
    assert path.parent.parent.name == "tiny"
    assert pq.read_metadata(path).metadata[b"textgate.bundle"] == b"d1"
    assert b"three" not in path.read_bytes()


def test_texts_are_logged_where_it_is_asked_for(tmp_path: Path) -> None:
    pair = single("one", inputs=("text", "text_pair"), columns=[["one"], ["other"]], task="text-pair")
    table = written(tmp_path, pair, texts=True)
    assert table.select(["text", "text_pair", "text_pair_characters"]).to_pylist() == [
        {"text": "one", "text_pair": "other", "text_pair_characters": 5}
    ]


def test_of_ranked_labels_the_likeliest_is_logged(tmp_path: Path) -> None:
    answers = {
        "label": np.array([["good", "bad"]], object),
        "probability": np.array([[0.75, 0.25]], np.float32),
        "abstain": np.array([True]),
    }
    table = written(tmp_path, single("one", answers=answers))
    assert (table["labels"].to_pylist(), table["probability"].to_pylist()) == ([["good"]], [0.75])
    assert table["abstain"].to_pylist() == [True]


def test_several_labels_and_entities_are_logged_without_what_they_say(tmp_path: Path) -> None:
    several = {"labels": [["a", "b"], []], "probabilities": np.array([[0.75, 0.5], [0.25, 0.125]], np.float32)}
    entity = {"label": "person", "text": "Ada", "start": 0, "end": 3, "probability": 0.5}
    tags = {"entities": [[entity, entity], []]}
    table = written(
        tmp_path,
        single("one", "two", answers=slim(several), task="multi-label"),
        single("Ada Ada", "two", answers=tags, task="token-tags"),
    )
    assert sorted(table["labels"].to_pylist()) == [[], [], ["a", "b"], ["person", "person"]]
    assert sorted(table["probability"].to_pylist(), key=lambda one: one or 0) == [None, 0.25, 0.5, 0.75]
    assert table["abstain"].null_count == 4
    assert not any(b"Ada" in path.read_bytes() for path in files(tmp_path))


def test_a_file_ends_after_its_rows_and_another_version_has_its_own(tmp_path: Path) -> None:
    log = PredictionLog(LogOptions(folder=str(tmp_path), rows=2))
    for number in range(3):
        log.put(single("x", "y", request_id=str(number)))
        until(lambda: len(files(tmp_path)) > number)  # noqa: B023
    log.put(single("x", version="4"))
    log.close()
    assert [pq.read_metadata(path).num_rows for path in files(tmp_path)] == [2, 2, 2, 1]


def test_a_file_ends_after_its_time(tmp_path: Path) -> None:
    log = PredictionLog(LogOptions(folder=str(tmp_path), seconds=0.2))
    log.put(single("x"))
    until(lambda: len(files(tmp_path)) == 1)
    log.close()


def test_only_the_newest_files_are_kept(tmp_path: Path) -> None:
    log = PredictionLog(LogOptions(folder=str(tmp_path), rows=1, keep=2))
    for number in range(4):
        log.put(single("x", version=str(number)))
        until(lambda: log._rows == 0)
    log.close()
    assert [pq.read_table(path)["version"][0].as_py() for path in files(tmp_path)] == ["2", "3"]


def test_the_share_of_requests_that_is_asked_for_is_logged_the_same_every_time(tmp_path: Path) -> None:
    asked = [single("x", request_id=f"request {number}") for number in range(2_000)]
    first = written(tmp_path / "1", *asked, sample=0.25)["request_id"].to_pylist()
    assert 400 < len(first) < 600
    assert written(tmp_path / "2", *reversed(asked), sample=0.25)["request_id"].to_pylist() == first[::-1]
    log = PredictionLog(LogOptions(folder=str(tmp_path / "3"), sample=0.0))
    log.put(asked[0])
    log.close()
    assert files(tmp_path) == []


def test_what_cannot_be_written_is_counted_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "log").write_text("a file, where the folder should be")
    log = PredictionLog(LogOptions(folder=str(tmp_path / "log"), rows=1))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            log.put(single("x", "y"))
            until(lambda: log._rows == 0)
        log.close()
    assert log.dropped == 6
    assert [record.message for record in caplog.records] == [
        f"predictions cannot be logged in {tmp_path / 'log'}: Not a directory; 2 are lost so far"
    ]


def test_a_full_disk_loses_the_file_and_later_ones_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = threading.Event()
    full.set()
    real = pq.ParquetWriter.write_table

    def write_table(*arguments: Any) -> None:
        if full.is_set():
            raise OSError(28, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", write_table)
    log = PredictionLog(LogOptions(folder=str(tmp_path), rows=1))
    log.put(single("x"))
    until(lambda: log.dropped == 1)
    full.clear()
    log.put(single("y"))
    log.close()
    assert log.dropped == 1
    assert [pq.read_metadata(path).num_rows for path in files(tmp_path)] == [1]
    assert list(tmp_path.rglob("*.part")) == []


def test_while_the_disk_is_slow_nobody_waits_and_memory_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go, real = threading.Event(), pq.ParquetWriter.write_table
    monkeypatch.setattr("serving.prediction_log.MOST", 10)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", lambda *given: go.wait(PATIENCE_S) and real(*given))
    log = PredictionLog(LogOptions(folder=str(tmp_path), rows=1))
    log.put(single("x"))
    until(lambda: log._rows == 0)
    for _ in range(12):
        log.put(single("x"))
    assert log.dropped == 2
    assert "the disk is too slow; 1 are lost so far" in caplog.text
    go.set()
    log.close()
    assert sum(pq.read_metadata(path).num_rows for path in files(tmp_path)) == 11


def test_long_texts_wait_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go, real = threading.Event(), pq.ParquetWriter.write_table
    monkeypatch.setattr("serving.prediction_log.MOST_CHARACTERS", 100)
    monkeypatch.setattr("serving.prediction_log.PART_CHARACTERS", 30)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", lambda *given: go.wait(PATIENCE_S) and real(*given))
    log = PredictionLog(LogOptions(folder=str(tmp_path), seconds=60))
    log.put(single("x" * 30))
    until(lambda: log._rows == 0)
    log.put(single("x" * 60))
    log.put(single("x" * 41))
    log.put(single("x" * 40))
    assert log.dropped == 1
    go.set()
    until(lambda: log._rows == 0)
    log.put(single("x" * 99))
    log.close()
    assert log.dropped == 1
    (path,) = files(tmp_path)
    assert sorted(pq.read_table(path)["text_characters"].to_pylist()) == [30, 40, 60, 99]


def test_a_disk_that_hangs_does_not_keep_a_server_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go = threading.Event()
    monkeypatch.setattr("serving.prediction_log.CLOSE_S", 0.1)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", lambda *_: go.wait(PATIENCE_S))
    log = PredictionLog(LogOptions(folder=str(tmp_path), rows=1))
    log.put(single("x"))
    until(lambda: log._rows == 0)
    log.close()
    assert log._thread.is_alive()
    assert "did not take the last within 0.1 s" in caplog.text
    go.set()
    log._thread.join(PATIENCE_S)


def test_old_files_that_cannot_be_deleted_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unlink(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    log = PredictionLog(LogOptions(folder=str(tmp_path), rows=1, keep=1))
    monkeypatch.setattr(Path, "unlink", unlink)
    for number in range(3):
        log.put(single("x", version=str(number)))
        until(lambda: len(files(tmp_path)) > number)  # noqa: B023
    log.close()
    assert log.dropped == 0
    assert [record.message for record in caplog.records] == [
        f"old files cannot be deleted in {tmp_path}: Permission denied; 0 are lost so far"
    ]


def test_what_a_dead_process_left_is_cleaned_up(tmp_path: Path) -> None:
    log = PredictionLog(LogOptions(folder=str(tmp_path), seconds=60))
    log.put(single("x"))
    until(lambda: len(list(tmp_path.rglob("*.part"))) == 1)
    (mine,) = tmp_path.rglob("*.part")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
    other = mine.with_name(mine.name.replace(f"-{os.getpid()}-", "-1-"))
    elsewhere = mine.with_name(f".000000.0-elsewhere-{ended.pid}-1.parquet.part")
    ancient = elsewhere.with_name(elsewhere.name.replace("elsewhere", "old"))
    for path in (dead, other, elsewhere, ancient):
        path.write_bytes(b"half")
    os.utime(ancient, (0, 0))
    log.close()
    PredictionLog(LogOptions(folder=str(tmp_path))).close()
    assert [path.exists() for path in (dead, other, elsewhere, ancient)] == [False, True, True, False]
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_logs_what_it_answers(
    tiny: ModuleType, running: ModuleType, tmp_path: Path, end: signal.Signals
) -> None:
    """Stopped, it writes the rest; killed, it leaves nothing half-written under a name that is read."""
    tiny.write_bundle(tmp_path / "bundle")
    options = json.dumps({"log": {"folder": str(tmp_path / "log"), "texts": True}})
    with running.running(tmp_path, "--bundle", str(tmp_path / "bundle"), "--options", options) as server:
        assert server.infer("good", "bad").status_code == 200
        server.until(lambda: len(list((tmp_path / "log").rglob("*.part"))) == 1)
        assert "textgate_log_dropped 0.0" in server.http.get("/metrics").text
        server.process.send_signal(end)
        server.process.wait(PATIENCE_S)
    tables = [pq.read_table(path) for path in files(tmp_path / "log")]
    found = [(row["text"], row["labels"]) for table in tables for row in table.to_pylist()]
    assert found == ([("good", ["positive"]), ("bad", ["negative"])] if end == signal.SIGTERM else [])


def test_a_server_that_cannot_log_answers_all_the_same(tiny: ModuleType, running: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    (tmp_path / "log").write_text("")
    options = json.dumps({"log": {"folder": str(tmp_path / "log"), "rows": 1}})
    with running.running(tmp_path, "--bundle", str(tmp_path / "bundle"), "--options", options) as server:
        assert {server.infer("good").status_code for _ in range(20)} == {200}
        server.until(lambda: "textgate_log_dropped 20.0" in server.http.get("/metrics").text)
        assert server.log.read_text().count("predictions cannot be logged") == 1


def test_an_answer_that_no_table_holds_loses_itself_alone(tmp_path: Path) -> None:
    log = PredictionLog(LogOptions(folder=str(tmp_path)))
    log.put(single("x"))
    until(lambda: log._rows == 0)
    log.put(single("y", answers={"label": np.array([7], object), "probability": np.ones(1, np.float32)}))
    log.close()
    assert log.dropped == 1
    assert [pq.read_metadata(path).num_rows for path in files(tmp_path)] == [1]


def test_who_reads_the_whole_folder_does_not_meet_what_is_half_written(tmp_path: Path) -> None:
    log = PredictionLog(LogOptions(folder=str(tmp_path), rows=1))
    log.put(single("x"))
    until(lambda: len(files(tmp_path)) == 1)
    (file,) = files(tmp_path)
    file.with_name(f".{file.name}.part").write_bytes(b"half")
    assert pq.read_table(tmp_path).num_rows == 1
    log.close()
