"""Where a cluster fetches a version from, against a real S3 server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components.base import registry
from components.base.errors import TextgateError
from components.base.objects import ObjectStore, open_store
from components.base.settings import KServeSettings, S3Settings
from components.deploy import storage
from components.deploy.storage import find_fault, locate, publish
from serving.bundle import digest

S3 = S3Settings()


@pytest.fixture
def bundle(tiny: ModuleType, tmp_path: Path) -> Path:
    tiny.write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def version(workspace: Path, register_version: Callable[..., Any]) -> str:
    found: str = register_version("job-1").version
    return found


def put(store: ObjectStore, bundle: Path, flat: bool = False) -> None:
    """As MLflow uploads a folder; `flat` puts everything into one level under other names."""
    for path in sorted(bundle.rglob("*")):
        if path.is_file():
            name = path.relative_to(bundle).as_posix()
            store.replace(f"bundle_{name}" if flat else name, path)


def digest_of(version: str) -> str:
    return registry.version_tags("tiny", version)["textgate.bundle_digest"]


def test_the_registry_s_own_folder_is_taken_where_it_is_whole_on_s3(
    version: str, bundle: Path, seaweed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / "MLmodel").write_text("what MLflow lays beside it")
    put(open_store(f"{seaweed}/1/models/m-1/artifacts"), bundle)
    monkeypatch.setattr(registry, "version_source", lambda *_: f"{seaweed}/1/models/m-1/artifacts/")
    found = locate("tiny", version, digest(bundle), KServeSettings(storage=f"{seaweed}/copies"), S3)
    assert found == f"{seaweed}/1/models/m-1/artifacts"
    assert not open_store(f"{seaweed}/copies").keys()


def test_elsewhere_a_copy_is_put_by_digest_and_taken_again(
    version: str, seaweed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kserve = KServeSettings(storage=f"{seaweed}/copies/")
    expected = digest_of(version)
    found = locate("tiny", version, expected, kserve, S3, write=False)
    assert found == f"{seaweed}/copies/tiny/{expected}" and not open_store(found).keys()
    assert locate("tiny", version, expected, kserve, S3) == found
    assert find_fault(open_store(found), expected) == ""
    with monkeypatch.context() as patch:
        patch.setattr("components.base.s3.S3Store.replace", None)
        assert locate("tiny", version, expected, kserve, S3) == found


def test_without_a_place_for_a_copy_it_is_refused(version: str) -> None:
    with pytest.raises(TextgateError, match=r"not on S3 but at .*deploy\.kserve\.storage=s3://"):
        locate("tiny", version, digest_of(version), KServeSettings(), S3)


def test_a_flattened_folder_is_copied(
    version: str, seaweed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = f"{seaweed}/1/models/m-1/artifacts"
    put(open_store(source), registry.download_bundle("tiny", version), flat=True)
    monkeypatch.setattr(registry, "version_source", lambda *_: source)
    monkeypatch.setattr(registry, "_download", None)
    found = locate("tiny", version, digest_of(version), KServeSettings(storage=f"{seaweed}/copies"), S3)
    assert found.startswith(f"{seaweed}/copies/tiny/")
    assert find_fault(open_store(found), digest_of(version)) == ""
    with pytest.raises(TextgateError, match=r"has no bundle\.json at its top"):
        locate("tiny", version, digest_of(version), KServeSettings(), S3)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "bundle.json"])
def test_every_byte_there_is_checked(file: str, bundle: Path, seaweed: str) -> None:
    expected, store = digest(bundle), open_store(seaweed)
    put(store, bundle)
    assert find_fault(store, expected) == ""
    (bundle / file).write_bytes((bundle / file).read_bytes() + b" ")
    store.replace(file, bundle / file)
    assert (
        find_fault(store, expected)
        == f"{seaweed}{' holds another bundle' if 'dle' in file else f'/{file} was changed'}"
    )
    store.remove(file)
    assert file in find_fault(store, expected)


def test_files_that_the_server_would_refuse_are_told(bundle: Path, seaweed: str) -> None:
    store = open_store(seaweed)
    put(store, bundle)
    store.create("notes/secret.txt", b"?")
    assert find_fault(store, digest(bundle)) == f"{seaweed} holds notes/secret.txt, which its bundle.json does not list"


def test_a_copy_that_was_cut_off_has_no_manifest_and_is_finished(
    bundle: Path, seaweed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, done = open_store(seaweed), []
    replace = type(store).replace

    def dies(self: ObjectStore, key: str, path: Path) -> None:
        if len(done) == 2:
            raise TextgateError("the network is gone")
        done.append(key)
        replace(self, key, path)

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "replace", dies)
        with pytest.raises(TextgateError, match="the network is gone"):
            publish(bundle, digest(bundle), store)
    assert len(store.keys()) == 2 and "bundle.json" not in store.keys()
    publish(bundle, digest(bundle), store)
    assert find_fault(store, digest(bundle)) == ""


def test_a_place_that_holds_something_else_is_not_served_from(bundle: Path, seaweed: str) -> None:
    store = open_store(seaweed)
    store.create("stranger.txt", b"?")
    with pytest.raises(TextgateError, match=r"cannot be served from: .*stranger\.txt.*remove what is there"):
        publish(bundle, digest(bundle), store)


def test_a_file_is_hashed_as_a_whole(tmp_path: Path, seaweed: str) -> None:
    content = b"0123456789" * 400_000
    (tmp_path / "large").write_bytes(content)
    open_store(seaweed).replace("large", tmp_path / "large")
    assert storage._sha256(open_store(seaweed), "large") == hashlib.sha256(content).hexdigest()
