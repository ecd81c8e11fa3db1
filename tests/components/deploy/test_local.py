from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from components.base.errors import TextgateError
from components.deploy.local import deploy_local
from serving.bundle import digest, verify
from serving.pins import pin_path, read_pin


@pytest.fixture
def bundles(tiny: ModuleType, tmp_path: Path) -> tuple[Path, Path]:
    """In the second good means negative."""
    first, second = tmp_path / "registered" / "1", tmp_path / "registered" / "2"
    tiny.write_bundle(first)
    tiny.write_bundle(second, reversed_votes=True)
    return first, second


def test_the_version_is_copied_and_pinned(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    first, _ = bundles
    (first / "MLmodel").write_text("run_id: 7")
    expected = digest(first)
    pin = deploy_local(first, "tiny", "1", expected, tmp_path / "home")
    assert read_pin(pin_path(tmp_path / "home", "tiny")) == pin
    assert (pin.name, pin.version, pin.digest) == ("tiny", "1", expected)
    assert Path(pin.bundle) == (tmp_path / "home" / "serving" / "tiny" / "1").resolve()
    shutil.rmtree(first)
    verify(Path(pin.bundle))
    assert digest(Path(pin.bundle)) == expected
    assert not (Path(pin.bundle) / "MLmodel").exists()


def test_another_bundle_than_promoted_is_refused_and_the_pin_stays(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = bundles
    before = deploy_local(first, "tiny", "1", digest(first), tmp_path)
    with pytest.raises(TextgateError, match="version 2 of tiny should have the bundle digest"):
        deploy_local(second, "tiny", "2", digest(first), tmp_path)
    (second / "tokenizer.json").write_bytes(b"{}")
    with pytest.raises(TextgateError, match=r"tokenizer\.json was changed"):
        deploy_local(second, "tiny", "2", digest(second), tmp_path)
    assert read_pin(pin_path(tmp_path, "tiny")) == before
    assert sorted(path.name for path in (tmp_path / "serving" / "tiny").iterdir()) == ["1", "pinned.json"]


def test_deploying_twice_copies_nothing_and_a_damaged_copy_is_mended(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    first, _ = bundles
    pin = deploy_local(first, "tiny", "1", digest(first), tmp_path)
    model = Path(pin.bundle) / "model.onnx"
    inode = model.stat().st_ino
    assert deploy_local(first, "tiny", "1", digest(first), tmp_path) == pin
    assert model.stat().st_ino == inode
    model.write_bytes(b"damaged")
    deploy_local(first, "tiny", "1", digest(first), tmp_path)
    verify(Path(pin.bundle))


def test_a_running_server_follows_there_and_back(
    running: ModuleType, bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    first, second = bundles
    deploy_local(first, "tiny", "1", digest(first), tmp_path)

    def answer() -> tuple[str, str]:
        value = server.infer("good").json()
        return value["model_version"], value["outputs"][0]["data"][0]

    with running.running(tmp_path, "--pin", str(pin_path(tmp_path, "tiny"))) as server:
        assert answer() == ("1", "positive")
        deploy_local(second, "tiny", "2", digest(second), tmp_path)
        server.until(lambda: answer() == ("2", "negative"))
        deploy_local(first, "tiny", "1", digest(first), tmp_path)
        server.until(lambda: answer() == ("1", "positive"))
