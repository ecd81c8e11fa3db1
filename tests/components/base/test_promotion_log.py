from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.objects import FolderStore, open_store
from components.base.promotion_log import Entry, LostRace, Promotion, PromotionLog, open_log
from components.base.s3 import S3Store
from components.base.settings import RunStep, S3Settings
from tests.weed import Weed

ROOT = Path(__file__).resolve().parents[3]
RACERS = 8
RACER = """
import sys, time
from pathlib import Path
from components.base.objects import open_store
from components.base.promotion_log import LostRace, Promotion, PromotionLog
url, number, barrier = sys.argv[1:]
log = PromotionLog(open_store(url), "tiny")
head = log.head()
(Path(barrier) / number).touch()
while not (Path(barrier) / "go").exists():
    time.sleep(0.001)
try:
    log.append(head, Promotion(
        version=number, previous_version=head.version, bundle_digest="b", verdict_digest="v", who="w", why="y"))
    print("won")
except LostRace as lost:
    print("lost to", lost.winner.version)
"""


@pytest.fixture
def log(tmp_path: Path) -> PromotionLog:
    return open_log(RunStep(name="tiny", log=str(tmp_path / "log")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log" / "tiny"


def promotion(version: str, previous: str = "", **fields: str) -> Promotion:
    known = {"bundle_digest": "b" * 64, "verdict_digest": "v" * 64, "who": "ann@desk", "why": "better", **fields}
    return Promotion(version=version, previous_version=previous, **known)


def filled(log: PromotionLog, count: int = 3) -> list[Entry]:
    for number in range(1, count + 1):
        log.append(log.head(), promotion(str(number), str(number - 1) if number > 1 else ""))
    return log.entries()


def test_entries_follow_one_another(log: PromotionLog, folder: Path) -> None:
    assert log.head() is None
    entries = filled(log)
    assert [(entry.number, entry.version, entry.previous_version) for entry in entries] == [
        (1, "1", ""),
        (2, "2", "1"),
        (3, "3", "2"),
    ]
    assert log.head() == entries[-1]
    first = (folder / "000001.json").read_bytes()
    assert [entry.previous_hash for entry in entries][:2] == ["", hashlib.sha256(first).hexdigest()]
    assert json.loads(first)["who"] == "ann@desk"


def test_the_log_lies_in_the_workspace_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGATE_HOME", str(tmp_path))
    filled(open_log(RunStep(name="tiny")), 1)
    assert (tmp_path / "promotions" / "tiny" / "000001.json").is_file()


def test_models_share_a_place_without_meeting(tmp_path: Path) -> None:
    filled(open_log(RunStep(name="tiny", log=str(tmp_path))), 2)
    assert open_log(RunStep(name="other", log=str(tmp_path))).head() is None


def test_a_removed_entry_is_named(log: PromotionLog, folder: Path) -> None:
    filled(log)
    (folder / "000002.json").unlink()
    for read in (log.entries, log.head):
        with pytest.raises(TextgateError, match=r"lacks 000002\.json: it was removed"):
            read()


def test_an_edited_entry_is_named(log: PromotionLog, folder: Path) -> None:
    filled(log)
    edit(folder / "000001.json", why="because")
    with pytest.raises(TextgateError, match=r"000001\.json was edited"):
        log.entries()
    edit(folder / "000002.json", why="because")
    with pytest.raises(TextgateError, match=r"000002\.json was edited"):
        log.head()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"number": 7}, "is entry 7 of tiny"),
        ({"name": "other"}, "is entry 3 of other"),
        ({"version": 3}, "has 3 as its version"),
        ({"mood": "good"}, "does not have the keys"),
    ],
)
def test_an_entry_that_does_not_fit_is_named(
    log: PromotionLog, folder: Path, change: dict[str, Any], complaint: str
) -> None:
    filled(log)
    edit(folder / "000003.json", **change)
    with pytest.raises(TextgateError, match=rf"000003\.json {complaint}"):
        log.head()


def test_bytes_that_are_no_json_are_named(log: PromotionLog, folder: Path) -> None:
    filled(log, 1)
    (folder / "000001.json").write_bytes(b"{")
    with pytest.raises(TextgateError, match=r"000001\.json is not JSON"):
        log.head()


def test_an_append_after_an_old_head_loses(log: PromotionLog) -> None:
    filled(log, 1)
    head = log.head()
    log.append(head, promotion("2", "1", who="bob@desk"))
    with pytest.raises(LostRace, match="bob@desk promoted version 2 first") as lost:
        log.append(head, promotion("3", "1"))
    assert lost.value.winner.version == "2"
    assert [entry.version for entry in log.entries()] == ["1", "2"]


class AnswerLost(FolderStore):
    """Writes, and then answers as a store does when the client, having heard nothing, has written again."""

    def create(self, key: str, content: bytes) -> bool:
        super().create(key, content)
        return super().create(key, content)


def test_a_writer_whose_answer_got_lost_has_won(tmp_path: Path) -> None:
    log = PromotionLog(AnswerLost(str(tmp_path)), "tiny")
    assert log.append(None, promotion("1")) == log.head()


def test_one_of_many_processes_wins_in_a_folder(log: PromotionLog, tmp_path: Path) -> None:
    race(log, tmp_path)


def test_one_of_many_processes_wins_on_s3(seaweed: str, tmp_path: Path) -> None:
    race(PromotionLog(open_store(seaweed), "tiny"), tmp_path)


def test_s3_reads_as_a_folder_does(seaweed: str) -> None:
    log = open_log(RunStep(name="tiny", log=seaweed))
    assert log.head() is None
    assert [entry.version for entry in filled(log)] == ["1", "2", "3"]
    store = log.store
    assert isinstance(store, S3Store)
    store.client.delete_object(Bucket=store.bucket, Key=f"{store.prefix}/000002.json")
    with pytest.raises(TextgateError, match=r"lacks 000002\.json"):
        log.head()


def test_s3_is_reached_as_the_settings_say(seaweed: str, seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    log = open_log(RunStep(name="tiny", log=seaweed, s3=S3Settings(endpoint=seaweed_server.endpoint)))
    assert [entry.version for entry in filled(log, 1)] == ["1"]


def race(log: PromotionLog, barrier: Path) -> None:
    """All read the same head, wait for one another, and append."""
    log.append(None, promotion("0"))
    numbers = [str(number) for number in range(1, RACERS + 1)]
    command = [sys.executable, "-c", RACER, log.store.url]
    racers = [
        subprocess.Popen([*command, number, str(barrier)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for number in numbers
    ]
    deadline = time.monotonic() + 60
    while not all((barrier / number).exists() for number in numbers):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (barrier / "go").touch()
    answers = [racer.communicate(timeout=60)[0].strip() for racer in racers]
    entries = log.entries()
    assert [entry.number for entry in entries] == [1, 2]
    winner = entries[-1].version
    assert answers == ["won" if number == winner else f"lost to {winner}" for number in numbers]


def edit(path: Path, **change: Any) -> None:
    write_json(path, {**json.loads(path.read_bytes()), **change})
