from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components.base.settings import CanarySettings
from components.canary.canary import canary
from components.canary.process import server
from serving.bundle import CANARY, load_manifest, write_manifest

ROOT = Path(__file__).resolve().parents[3]


def questioned(bundle: Path, report: Path, **settings: Any) -> tuple[bool, dict[str, dict[str, Any]]]:
    passed = canary(bundle, CanarySettings(**settings), report)
    written = json.loads((report / "canary.json").read_text())
    assert written["passed"] is passed
    return passed, {check["check"]: check for check in written["checks"]}


@pytest.fixture
def bundle(tiny: ModuleType, tmp_path: Path) -> Path:
    tiny.write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_sound_bundle_passes_every_check(bundle: Path, tmp_path: Path) -> None:
    passed, checks = questioned(bundle, tmp_path / "report")
    assert passed, checks
    examples = ["example 1", "example 2", "example 3"]
    assert list(checks) == ["start", *examples, "malformed request", "long text", "latency"]
    assert checks["example 2"]["expected"] == "negative"
    assert checks["example 2"]["observed"].startswith("negative (0.")
    assert "status 400" in checks["malformed request"]["observed"]


def test_a_wrong_label_and_a_latency_over_the_limit_fail(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "bundle", examples=[("good", "positive"), ("bad", "positive")])
    passed, checks = questioned(tmp_path / "bundle", tmp_path / "report", max_latency_ms=0.001)
    assert not passed
    assert [name for name, check in checks.items() if not check["passed"]] == ["example 2", "latency"]
    assert checks["example 2"]["observed"].startswith("negative")


def test_missing_examples_fail(bundle: Path, tmp_path: Path) -> None:
    (bundle / CANARY).unlink()
    sealed = load_manifest(bundle)
    write_manifest(
        bundle,
        name=sealed.name,
        task=sealed.task,
        labels=sealed.labels,
        truncation=sealed.cut,
        temperature=sealed.temperature,
        precision=sealed.precision,
        versions=sealed.versions,
    )
    passed, checks = questioned(bundle, tmp_path / "report")
    assert not passed
    assert "canary.json does not exist" in checks["examples"]["observed"]


def test_a_corrupt_model_is_a_server_that_does_not_start(bundle: Path, tmp_path: Path) -> None:
    (bundle / "model.onnx").write_bytes((bundle / "model.onnx").read_bytes()[:-1])
    passed, checks = questioned(bundle, tmp_path / "report")
    assert not passed
    assert list(checks) == ["start"]
    assert "ended with status 1" in checks["start"]["observed"]
    assert "model.onnx was changed" in checks["start"]["observed"]


def test_a_server_that_cannot_start_fails_the_canary(tmp_path: Path) -> None:
    passed, checks = questioned(tmp_path / "nowhere", tmp_path / "report")
    assert not passed
    assert "is not a folder" in checks["start"]["observed"]


def test_a_server_that_is_late_fails_the_canary(bundle: Path, tmp_path: Path) -> None:
    passed, checks = questioned(bundle, tmp_path / "report", start_timeout_s=0.001)
    assert not passed
    assert "not ready within 0.001 s" in checks["start"]["observed"]


PROGRAM = """
import sys
from pathlib import Path
from components.base.settings import CanarySettings
from components.canary.canary import canary
from components.canary.process import server

sys.exit(0 if canary(Path(sys.argv[1]), CanarySettings(), Path(sys.argv[2])) else 3)
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    """A canary in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, str(folder / "bundle"), str(folder / "report")]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)


def servers_on(bundle: Path) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"serving.server" in words and str(bundle).encode() in words:
            found.append(int(folder.name))
    return found


def wait_for(bundle: Path, running: bool) -> list[int]:
    deadline = time.monotonic() + 60
    while bool(found := servers_on(bundle)) is not running:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes in /proc")


@needs_proc
def test_a_server_that_dies_on_the_way_fails_the_canary(tiny: ModuleType, tmp_path: Path) -> None:
    """Killed while there are thousands of examples yet to ask."""
    tiny.write_bundle(tmp_path / "bundle", examples=[("good", "positive")] * 20_000)
    process = start(tmp_path)
    (server,) = wait_for(tmp_path / "bundle", True)
    time.sleep(1.5)
    os.kill(server, signal.SIGKILL)
    assert process.wait(60) == 3
    last = json.loads((tmp_path / "report" / "canary.json").read_text())["checks"][-1]
    assert last["passed"] is False
    assert "ended with status -9" in last["observed"]


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_canary_stops_its_server(tiny: ModuleType, tmp_path: Path, number: signal.Signals) -> None:
    tiny.write_bundle(tmp_path / "bundle", examples=[("good", "positive")] * 20_000)
    process = start(tmp_path)
    wait_for(tmp_path / "bundle", True)
    process.send_signal(number)
    assert process.wait(60) != 0
    wait_for(tmp_path / "bundle", False)
    assert not (tmp_path / "report" / "canary.json").exists()


@needs_proc
@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit), (signal.SIGINT, KeyboardInterrupt)],
)
def test_a_server_that_was_just_started_is_stopped_too(
    tiny: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    raised: type[BaseException],
) -> None:
    started = subprocess.Popen

    def interrupted(*given: Any, **more: Any) -> Any:
        process = started(*given, **more)
        signal.raise_signal(number)
        return process

    tiny.write_bundle(tmp_path / "bundle")
    monkeypatch.setattr("components.canary.process.subprocess.Popen", interrupted)
    with pytest.raises(raised), server(tmp_path / "bundle", 30):
        pass
    assert not servers_on(tmp_path / "bundle")
