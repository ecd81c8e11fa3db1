"""Fetching from a real S3 server that lacks, spoils, refuses and breaks off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from components.base import base_models, s3
from components.base.dvc_remotes import fetch_tree
from components.base.dvc_tree import object_key
from components.base.errors import TextgateError
from components.base.objects import open_store
from components.base.s3 import S3Store
from components.base.settings import FetchStep, S3Settings
from infra.local.seaweed import Identity
from tests.components.fetch.objects import contents, md5, push, write_model
from tests.proxy import Proxy
from tests.weed import ADMIN, NOBODY, READER, Weed

ActAs = Callable[[Identity], None]

MIB = 1 << 20
ROOT = Path(__file__).resolve().parents[3]
FILES = {
    "train.parquet": os.urandom(5 * MIB)[:-1] + b"!",
    "validation.parquet": b"validation" * 1000,
    "test.parquet": b"test",
    "more/notes.txt": b"",
}
LARGE = {"train.parquet": os.urandom(12 * MIB)}
FETCH = """
import sys
from pathlib import Path
from components.base.settings import FetchStep, from_json
from components.fetch.fetch import fetch
data_md5, reference, digest, settings, folder = sys.argv[1:]
fetch(data_md5, reference, digest, from_json(FetchStep, settings), Path(folder, "tables"), Path(folder, "model"))
"""


def get(data_md5: str, urls: list[str], target: Path, settings: S3Settings | None = None) -> dict[str, bytes]:
    fetch_tree(data_md5, [open_store(url, settings) for url in urls], target)
    return contents(target)


def refusal(data_md5: str, urls: list[str], target: Path, settings: S3Settings | None = None) -> str:
    with pytest.raises(TextgateError) as caught:
        get(data_md5, urls, target, settings)
    assert not target.exists() and leftovers(target.parent) == []
    return str(caught.value)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.glob(".*")]


def spoil(url: str, content: bytes | None) -> str:
    """Puts something else under the key of train.parquet, or nothing; gives the key."""
    store, key = S3Store(url), object_key(md5(FILES["train.parquet"]))
    place = {"Bucket": store.bucket, "Key": f"{store.prefix}/{key}"}
    store.client.delete_object(**place)
    if content is not None:
        store.client.put_object(**place, Body=content)
    return key


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such object"),
        (FILES["train.parquet"][:-1] + b"?", "the object is corrupt, its md5 is"),
        (FILES["train.parquet"][:-1], "the object is corrupt, its md5 is"),
    ],
    ids=["missing", "altered", "truncated"],
)
def test_a_spoilt_object_names_itself_and_another_remote_gives_it(
    seaweed: str, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    data_md5 = push(seaweed, FILES)
    key = spoil(seaweed, content)
    said = refusal(data_md5, [seaweed], tmp_path / "out" / "tables")
    assert said.startswith(f"no remote holds train.parquet (object {key}):\n  {seaweed}: {reason}")
    assert "`textgate data push --config FILE`" in said
    push(str(tmp_path / "second"), FILES)
    assert get(data_md5, [seaweed, str(tmp_path / "second")], tmp_path / "out" / "tables") == FILES


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (ADMIN._replace(secret="wrong"), "does not accept the credentials"),
        (ADMIN._replace(key="unknown"), "does not know the access key"),
        (NOBODY, "the credentials lack the permission s3:GetObject"),
    ],
    ids=["secret", "key", "permission"],
)
def test_who_may_not_read_is_told_why(seaweed: str, act_as: ActAs, tmp_path: Path, who: Identity, reason: str) -> None:
    data_md5 = push(seaweed, FILES)
    act_as(READER)
    assert get(data_md5, [seaweed], tmp_path / "out" / "tables") == FILES
    act_as(who)
    said = refusal(data_md5, [seaweed], tmp_path / "other" / "tables")
    assert said.startswith("no remote holds the data's file list") and reason in said


def test_a_missing_bucket_is_told(seaweed: str, tmp_path: Path) -> None:
    data_md5 = push(seaweed, FILES)
    said = refusal(data_md5, ["s3://textgate-absent/dvc"], tmp_path / "out" / "tables")
    assert "\n  s3://textgate-absent/dvc: there is no bucket textgate-absent at " in said
    assert get(data_md5, ["s3://textgate-absent/dvc", seaweed], tmp_path / "out" / "tables") == FILES


def test_dropped_connections_are_taken_up(
    seaweed: str, seaweed_server: Weed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "RESUME_PAUSES", (0.01, 0.01))
    data_md5 = push(seaweed, FILES)
    with Proxy(seaweed_server.address, after=3 * MIB // 2, cuts=3) as proxy:
        settings = S3Settings(endpoint=proxy.endpoint)
        assert get(data_md5, [seaweed], tmp_path / "out" / "tables", settings) == FILES
    assert proxy.sent.count(b"range: bytes=") + proxy.sent.count(b"Range: bytes=") == 3


def test_a_server_that_is_killed_in_mid_transfer_is_named_and_nothing_is_left(
    private_seaweed: Weed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    monkeypatch.setattr(s3, "RESUME_PAUSES", (0.01, 0.01))
    url = f"s3://{private_seaweed.bucket}/dvc"
    data_md5 = push(url, LARGE)
    with killed_in_mid_transfer(private_seaweed) as settings:
        said = refusal(data_md5, [url], tmp_path / "out" / "tables", settings)
    assert said.startswith("no remote holds train.parquet")
    assert f"\n  {url}: {settings.endpoint} does not answer (" in said


def test_a_server_that_comes_back_goes_on(
    private_seaweed: Weed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    monkeypatch.setattr(s3, "RESUME_PAUSES", (0.2,) * 300)
    url = f"s3://{private_seaweed.bucket}/dvc"
    data_md5 = push(url, LARGE)
    with killed_in_mid_transfer(private_seaweed, then=private_seaweed.start) as settings:
        assert get(data_md5, [url], tmp_path / "out" / "tables", settings) == LARGE


def test_another_remote_steps_in_for_a_server_that_is_killed(
    private_seaweed: Weed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    monkeypatch.setattr(s3, "RESUME_PAUSES", (0.01, 0.01))
    url, second = f"s3://{private_seaweed.bucket}/dvc", str(tmp_path / "second")
    data_md5 = push(url, LARGE)
    push(second, LARGE)
    with killed_in_mid_transfer(private_seaweed) as settings:
        assert get(data_md5, [url, second], tmp_path / "out" / "tables", settings) == LARGE


def test_two_fetches_at_once_into_one_place_both_end_well(
    seaweed: str, seaweed_server: Weed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base model lies on S3 too, and the settings alone say where that is."""
    data_md5, model = push(seaweed, FILES), write_model(tmp_path / "model")
    for path in model.iterdir():
        open_store(f"{seaweed}/model").create(path.name, path.read_bytes())
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    reached = S3Settings(endpoint=seaweed_server.endpoint)
    settings = FetchStep(remotes=[seaweed], s3=reached).model_dump_json()
    model_reference = [f"{seaweed}/model", base_models.digest(str(model))]
    arguments = [data_md5, *model_reference, settings, str(tmp_path / "out")]
    command = [sys.executable, "-c", FETCH, *arguments]
    fetches = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [fetch.communicate(timeout=120)[1] for fetch in fetches] == ["", ""]
    assert contents(tmp_path / "out" / "tables") == FILES
    assert contents(tmp_path / "out" / "model") == contents(model)
    assert leftovers(tmp_path / "out") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(
    seaweed: str, seaweed_server: Weed, tmp_path: Path, number: signal.Signals
) -> None:
    data_md5, model = push(seaweed, FILES), write_model(tmp_path / "model")
    with Proxy(seaweed_server.address, after=2 * MIB, cuts=1, hold=True) as proxy:
        settings = FetchStep(remotes=[seaweed], s3=S3Settings(endpoint=proxy.endpoint)).model_dump_json()
        arguments = [data_md5, str(model), base_models.digest(str(model)), settings, str(tmp_path / "out")]
        process = subprocess.Popen([sys.executable, "-c", FETCH, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL)
        assert proxy.held.wait(60)
        wait_until(lambda: leftovers(tmp_path / "out") != [])
        process.send_signal(number)
        time.sleep(0.2)
        proxy.break_off()
        assert process.wait(60) != 0
    assert list((tmp_path / "out").iterdir()) == []


@contextmanager
def killed_in_mid_transfer(server: Weed, then: Callable[[], None] = lambda: None) -> Iterator[S3Settings]:
    """How to reach the server, which is killed when 2 MiB of an object have come, and `then` follows."""
    with Proxy(server.address, after=2 * MIB, cuts=1, hold=True) as proxy:

        def kill() -> None:
            assert proxy.held.wait(60)
            server.kill()
            proxy.go_on.set()
            then()

        killer = Thread(target=kill)
        killer.start()
        try:
            yield S3Settings(endpoint=proxy.endpoint)
        finally:
            killer.join(120)
        assert proxy.held.is_set()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
