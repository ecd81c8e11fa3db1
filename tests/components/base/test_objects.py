from __future__ import annotations

from pathlib import Path

import pytest
from botocore.stub import Stubber

from components.base import objects
from components.base.errors import TextgateError
from components.base.objects import FolderStore, S3Store, open_store


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
    with pytest.raises(FileNotFoundError):
        list(open_store(url).chunks("a"))


def test_a_bucket_that_does_not_exist_is_named(seaweed: str) -> None:
    with pytest.raises(TextgateError, match="s3://nowhere/x did not answer as expected .*AWS_ENDPOINT_URL_S3"):
        list(open_store("s3://nowhere/x").chunks("a"))


def test_a_server_that_is_down_is_named(seaweed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setattr(objects, "ATTEMPTS", 1)
    with pytest.raises(TextgateError, match="s3://textgate/x did not answer as expected"):
        open_store("s3://textgate/x").create("a", b"one")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TextgateError, match=r"file/store/a cannot be written: Not a directory"):
        FolderStore(str(tmp_path / "file" / "store")).create("a", b"one")


def test_another_scheme_is_refused() -> None:
    with pytest.raises(TextgateError, match="ftp://x: not an object store"):
        open_store("ftp://x")


@pytest.mark.parametrize(("conflicts", "then", "won"), [(2, "", True), (1, "PreconditionFailed", False)])
def test_a_stubbed_conflict_is_tried_again(
    seaweed: str, monkeypatch: pytest.MonkeyPatch, conflicts: int, then: str, won: bool
) -> None:
    """S3 answers 409 while another write of the key is under way; SeaweedFS never does."""
    monkeypatch.setattr(objects, "CONFLICT_PAUSES", (0.0, 0.0))
    store = S3Store("s3://textgate/x")
    with Stubber(store.client) as stub:
        for _ in range(conflicts):
            stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        if then:
            stub.add_client_error("put_object", then, http_status_code=412)
        else:
            stub.add_response("put_object", {})
        assert store.create("a", b"one") is won
        stub.assert_no_pending_responses()


def test_stubbed_conflicts_without_end_are_an_error(seaweed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "CONFLICT_PAUSES", (0.0,))
    store = S3Store("s3://textgate/x")
    with Stubber(store.client) as stub:
        for _ in range(2):
            stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        with pytest.raises(TextgateError, match="ConditionalRequestConflict"):
            store.create("a", b"one")
