from __future__ import annotations

from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.base.objects import FolderStore, open_store


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "store") if request.param == "folder" else request.getfixturevalue("seaweed")


def test_the_first_to_create_stays(url: str) -> None:
    store = open_store(url)
    assert store.keys() == []
    assert store.create("a/b", b"one")
    assert not store.create("a/b", b"two")
    assert b"".join(store.chunks("a/b")) == b"one"
    assert store.create("c", b"")
    assert (store.keys(), store.keys("a/")) == (["a/b", "c"], ["a/b"])


def test_what_is_not_there_is_not_found(url: str) -> None:
    store = open_store(url)
    store.create("a/b", b"one")
    store.create("empty", b"")
    assert (store.size("a/b"), store.size("empty"), store.size("c"), store.size("a")) == (3, 0, None, None)
    assert [store.exists(key) for key in ("a/b", "empty", "c", "a")] == [True, True, False, False]
    assert list(store.chunks("empty")) == []
    with pytest.raises(FileNotFoundError):
        list(store.chunks("c"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TextgateError, match=r"file/store/a cannot be written: Not a directory"):
        FolderStore(str(tmp_path / "file" / "store")).create("a", b"one")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [("ftp://x", "ftp://x: not an object store"), ("s3:///prefix", "names no bucket"), ("s3://", "names no bucket")],
)
def test_another_address_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(TextgateError, match=complaint):
        open_store(url)


def test_an_object_is_replaced_whole_and_removed(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    for content in (b"one", b"2" * 20_000_000, b""):
        (tmp_path / "file").write_bytes(content)
        store.replace("a/b", tmp_path / "file")
        assert b"".join(store.chunks("a/b")) == content
    assert store.keys() == ["a/b"]
    store.remove("a/b")
    store.remove("a/b")
    assert store.keys() == []
