from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from components.base.dvc_remotes import CONCURRENT_OBJECTS, NotHeld, fetch_tree
from components.base.dvc_tree import object_key
from components.base.errors import TextgateError
from components.base.objects import FolderStore
from tests.components.fetch.objects import contents, md5, push

FILES = {"train.parquet": b"train" * 500_000, "validation.parquet": b"validation", "test.parquet": b"test"}


class Together(FolderStore):
    """Gives the last bytes of an object only when all who read at once have come so far."""

    def __init__(self, url: str, readers: int) -> None:
        super().__init__(url)
        self.barrier = Barrier(readers)

    def chunks(self, key: str) -> Iterator[bytes]:
        yield from super().chunks(key)
        self.barrier.wait(30)


def test_fetches_into_one_place_that_end_at_the_same_moment_end_well(tmp_path: Path) -> None:
    data_md5 = push(str(tmp_path / "remote"), {"train.parquet": b"train"})
    remote, target = Together(str(tmp_path / "remote"), 6), tmp_path / "out" / "tables"
    with ThreadPoolExecutor(6) as pool:
        for _ in range(20):
            fetches = [pool.submit(fetch_tree, data_md5, [remote], target) for _ in range(6)]
            assert [fetch.exception() for fetch in fetches] == [None] * 6
            assert contents(tmp_path / "out") == {"tables/train.parquet": b"train"}
            assert [path.name for path in (tmp_path / "out").iterdir()] == ["tables"]


class Endless(FolderStore):
    """One object's bytes do not end."""

    def chunks(self, key: str) -> Iterator[bytes]:
        yield from super().chunks(key)
        while key == object_key(md5(FILES["train.parquet"])):
            yield b"more"


@pytest.mark.timeout(60)
def test_a_missing_object_ends_what_is_being_read(tmp_path: Path) -> None:
    data_md5 = push(str(tmp_path / "remote"), FILES)
    (tmp_path / "remote" / object_key(md5(FILES["test.parquet"]))).unlink()
    with pytest.raises(TextgateError, match=r"no remote holds test\.parquet"):
        fetch_tree(data_md5, [Endless(str(tmp_path / "remote"))], tmp_path / "out" / "tables")
    assert contents(tmp_path / "out") == {}


class Failing(FolderStore):
    """Gives the first `good` objects it is asked for, then no more."""

    def __init__(self, url: str, good: int) -> None:
        super().__init__(url)
        self.left, self.asked = good, 0

    def chunks(self, key: str) -> Iterator[bytes]:
        self.asked += 1
        if self.asked > self.left:
            raise TextgateError("the server does not answer")
        yield from super().chunks(key)


def test_a_remote_that_fails_is_asked_last_from_then_on(tmp_path: Path) -> None:
    files = {f"{number}.txt": str(number).encode() for number in range(100)}
    data_md5 = push(str(tmp_path / "first"), files)
    push(str(tmp_path / "second"), files)
    only_first = object_key(md5(b"7"))
    (tmp_path / "second" / only_first).unlink()
    failing = Failing(str(tmp_path / "first"), good=1)
    with pytest.raises(TextgateError) as caught:
        fetch_tree(data_md5, [failing, FolderStore(str(tmp_path / "second"))], tmp_path / "out")
    first, second = str(caught.value).splitlines()[1:3]
    assert first == f"  {tmp_path / 'first'}: the server does not answer"
    assert second == f"  {tmp_path / 'second'}: no such object"
    assert failing.asked <= 1 + CONCURRENT_OBJECTS + 1


def test_only_the_named_files_are_fetched(tmp_path: Path) -> None:
    data_md5 = push(str(tmp_path / "remote"), FILES)
    (tmp_path / "remote" / object_key(md5(FILES["test.parquet"]))).unlink()
    fetch_tree(data_md5, [FolderStore(str(tmp_path / "remote"))], tmp_path / "out", only={"train.parquet"})
    assert contents(tmp_path / "out") == {"train.parquet": FILES["train.parquet"]}


@pytest.mark.parametrize(("answers", "kind"), [(True, NotHeld), (False, TextgateError)], ids=["lacks it", "is down"])
def test_what_no_remote_holds_is_told_from_a_remote_that_does_not_answer(
    tmp_path: Path, answers: bool, kind: type[TextgateError]
) -> None:
    other = Failing(str(tmp_path / "other"), good=1 if answers else 0)
    with pytest.raises(TextgateError, match="no remote holds the data's file list") as caught:
        fetch_tree("0" * 32 + ".dir", [other, FolderStore(str(tmp_path / "remote"))], tmp_path / "out")
    assert type(caught.value) is kind
