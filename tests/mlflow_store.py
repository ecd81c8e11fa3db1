"""A pytest plugin: MLflow on SQLite in a workspace of the test's own, a real MLflow server, and versions to promote."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.base_models import REQUIRED
from components.base.files import read_json, write_json
from components.base.settings import Override, RunStep
from components.gate.override import overridden
from infra.local.mlflow import QUIET, command
from infra.local.ports import free_port
from tests.evaluations import make_champion, make_evaluation

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 120
RUN = RunStep(name="tiny")
DATA_MD5 = "0123456789abcdef0123456789abcdef.dir"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: it takes seconds."""
    from components.base import mlflow_client

    home = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        _clean(patch, home)
        mlflow_client.connect()
    return home / "mlflow.db"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> Path:
    """TEXTGATE_HOME, with an empty MLflow store in it; the space in its name is meant."""
    home = tmp_path / "the home"
    home.mkdir()
    shutil.copyfile(empty_database, home / "mlflow.db")
    _clean(monkeypatch, home)
    return home


class MlflowServer:
    """`mlflow server` in `folder`; it can be killed and started again. `store` is its database (SQLite where none is
    named), `artifacts` its options about them (through it, in the folder), `options` are others; `variables` go into
    its environment. With `tls`, what httpx needs to reach it, it speaks TLS."""

    def __init__(
        self,
        folder: Path,
        *,
        store: str = "",
        artifacts: Sequence[str] = (),
        options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.folder, self._port, self._tls = folder, free_port(), tls
        self._store = store or f"sqlite:///{folder}/mlflow.db"
        self._options = [*(artifacts or ("--artifacts-destination", str(folder / "artifacts"))), *options]
        self._variables = variables or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns when it answers."""
        environment = {**os.environ, **QUIET, "MLFLOW_BACKEND_STORE_URI": self._store, **self._variables}
        log = self.folder / "server.log"
        with log.open("ab") as file:
            start = command(self._port, *self._options)
            self._process = subprocess.Popen(
                start, cwd=self.folder, stdout=file, stderr=file, env=environment, start_new_session=True
            )
        _wait(f"{self.uri}/health", self._process, log, self._tls)

    def kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a server that stays, and answers by any name."""
    server = MlflowServer(tmp_path_factory.mktemp("server"), options=("--allowed-hosts", "*"))
    try:
        server.start()
        yield server.uri
    finally:
        server.kill()


@pytest.fixture
def mortal_mlflow(
    workspace: Path, tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MlflowServer]:
    """A server that the test may kill and start again, with the environment set for it."""
    server = MlflowServer(tmp_path / "mortal mlflow")
    server.folder.mkdir()
    shutil.copyfile(empty_database, server.folder / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def report_writers() -> SimpleNamespace:
    return SimpleNamespace(evaluation=write_evaluation, verdict=write_verdict)


Register = Callable[..., Any]


@pytest.fixture
def register_version(tmp_path: Path) -> Register:
    return partial(make_version, tmp_path)


def make_version(
    beside: Path,
    job_id: str,
    temperature: float = 1.0,
    passed: bool = True,
    champion: str = "",
    run: RunStep = RUN,
    override: str = "",
    change: Callable[[Path], None] | None = None,
) -> Any:
    """Makes a version by the step `register`: another `temperature` makes another bundle, and so does what `change`
    does to its folder; `override` is the reason for which a refusal is set aside. Its files go to the folder `beside`.
    """
    from components.base import tracking
    from components.register.register import register
    from serving.bundle import digest
    from tests.serving import tiny

    folder = beside / job_id
    tiny.write_bundle(folder / "bundle", temperature=temperature)
    if change:
        change(folder / "bundle")
    write_evaluation(folder / "evaluation", digest(folder / "bundle"), champion)
    write_verdict(folder / "verdict", passed)
    if override:
        override_verdict(folder / "verdict", override)
    write_checkpoint(folder / "checkpoint", job_id)
    tracking.open_run(run.name, job_id, {"textgate.data_md5": DATA_MD5})
    paths = (folder / name for name in ("bundle", "checkpoint", "evaluation", "verdict"))
    return register(run, job_id, *paths, {"git_commit": "c0ffee"})


def write_checkpoint(folder: Path, words: str) -> Path:
    """As finetune leaves it, but for what is in the files: `words`."""
    (folder / "hf").mkdir(parents=True)
    for name in REQUIRED:
        (folder / "hf" / name).write_text(f"{name} {words}")
    (folder / "model.weights.h5").write_bytes(b"Keras")
    parameters = {"threads": 2, "precision": "float32"}
    write_json(folder / "training.json", {"parameters": parameters, "processor": "a processor"})
    return folder


def write_evaluation(folder: Path, digest: str, champion: str = "") -> Path:
    report = make_evaluation(digest=digest, champion=make_champion(champion) if champion else None)
    write_json(folder / "evaluation.json", report)
    for name in ("confusion.png", "report.html"):
        (folder / name).write_bytes(b"as evaluate writes it")
    answers = {"id": ["a", "b"], "label": ["negative", "positive"], "predicted": ["negative", "neutral"]}
    shares = pa.array([[0.75, 0.25, 0.0], [0.0, 0.5, 0.25]], pa.list_(pa.float32()))
    pq.write_table(pa.table({**answers, "probabilities": shares}), folder / "predictions.parquet")
    return folder


def write_verdict(folder: Path, passed: bool = True) -> Path:
    accuracy = {
        "rule": "accuracy",
        "severity": "error",
        "metric": "accuracy",
        "part": "",
        "against": "",
        "observed": 0.7,
        "low": 0.6,
        "high": 0.8,
        "limit": ">= 0.6" if passed else ">= 0.8",
        "passed": passed,
        "why": "",
        "rows_needed": None,
    }
    warned = {**accuracy, "rule": "linear", "severity": "warn", "passed": False}
    outcome, summary = ("passed", "all rules hold") if passed else ("refused", "accuracy 0.7 is below 0.8")
    report = {"passed": passed, "outcome": outcome, "summary": summary, "rules": [accuracy, warned], "next": []}
    write_json(folder / "verdict.json", report)
    return folder


def override_verdict(folder: Path, reason: str) -> None:
    """As the gate does, for ann@desk."""
    decided = overridden(read_json(folder / "verdict.json"), Override(reason=reason, who="ann@desk"))
    write_json(folder / "verdict.json", decided)


def _clean(patch: pytest.MonkeyPatch, home: Path) -> None:
    patch.setenv("TEXTGATE_HOME", str(home))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "TEXTGATE_FAILURES"):
        patch.delenv(name, raising=False)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, tls: ssl.SSLContext | None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if httpx.get(url, timeout=5, trust_env=False, verify=tls or True).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, f"mlflow server ended:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"mlflow server is not ready:\n{log.read_text()}"
        time.sleep(0.3)
