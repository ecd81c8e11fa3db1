"""The three services of the stack: how each is started, and how it says that it is ready."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from components.base.errors import TextgateError
from infra.local import mlflow, postgres, seaweed
from infra.local.process import Detached, start

BUCKET, DATABASE, ADMIN = "textgate", "mlflow", "admin"
SEAWEED = ("-volume.max=0", "-master.volumeSizeLimitMB=1024", "-volume.preStopSeconds=0")
SCHEMA = Path(__file__).parents[1] / "image" / "mlflow_schema.py"
ATTEMPTS, PATIENCE_S, PAUSE_S = 3, 180, 0.2


@dataclass(frozen=True)
class Access:
    """Made at the first start; without it nothing that is kept can be read."""

    database: str
    s3_key: str
    s3_secret: str
    admin: str
    flask: str

    @property
    def identity(self) -> seaweed.Identity:
        return seaweed.Identity("stack", self.s3_key, self.s3_secret, ("Admin", "Read", "Write", "List"))


@dataclass(frozen=True)
class Service:
    """`trouble` says why it is not ready yet (empty: it is); `prepare` comes before the start, `complete` once it
    is ready."""

    name: str
    folder: Path
    address: str
    command: Callable[[], list[str]]
    trouble: Callable[[], str]
    prepare: Callable[[], None] = lambda: None
    complete: Callable[[], None] = lambda: None
    variables: Mapping[str, str] = field(default_factory=dict)
    who: Mapping[str, Any] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.folder.with_suffix(".log")

    def spawn(self) -> Detached:
        """To be called once `prepare` is done, in a folder that is there."""
        return start(self.command(), self.folder, self.log, self.variables, self.who)

    def wait(self, process: Detached) -> None:
        """Raises TextgateError with the end of its log where it ends, or takes too long."""
        deadline = time.monotonic() + PATIENCE_S
        while trouble := self.trouble():
            if not process.alive() or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace")[-2000:]
                what = "is not ready" if process.alive() else "ended"
                raise TextgateError(f"{self.name} {what} ({trouble}); the end of {self.log}:\n{said}")
            time.sleep(PAUSE_S)
        self.complete()


def database(folder: Path, port: int, access: Access) -> Service:
    """Raises TextgateError where PostgreSQL is not installed."""
    found = postgres.programs()
    if found is None:
        raise TextgateError("there is no PostgreSQL here: apt-get install postgresql")

    def prepare() -> None:
        if not (folder / postgres.DATA).exists():
            postgres.make(found, folder, access.database)
        postgres.remove_mark_of_zombie(folder)

    return Service(
        "postgres",
        folder,
        f"127.0.0.1:{port}",
        lambda: postgres.command(found, folder, port),
        lambda: "" if postgres.is_ready(port, access.database) else "it takes no connections",
        prepare,
        lambda: postgres.ensure_database(port, access.database, DATABASE),
        who=postgres.who(),
    )


def objects(folder: Path, ports: list[int], access: Access) -> Service:
    endpoint = f"http://127.0.0.1:{ports[-1]}"
    return Service(
        "seaweedfs",
        folder,
        endpoint,
        lambda: seaweed.command(
            folder,
            ports,
            [access.identity],
            "-volume.preStopSeconds=0",
            "-volume.max=0",
            "-master.volumeSizeLimitMB=1024",
        ),
        lambda: seaweed.trouble(endpoint, access.identity, BUCKET),
        lambda: seaweed.remove_sockets(ports),
    )


def tracking(folder: Path, port: int, database_port: int, s3_port: int, access: Access) -> Service:
    address, auth = f"http://127.0.0.1:{port}", folder / "basic_auth.ini"
    variables = {
        **mlflow.QUIET,
        **access.identity.environment(f"http://127.0.0.1:{s3_port}"),
        "MLFLOW_BACKEND_STORE_URI": postgres.uri(database_port, access.database, DATABASE),
        "MLFLOW_AUTH_CONFIG_PATH": str(auth),
        "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
        "MLFLOW_AUTH_ADMIN_PASSWORD": access.admin,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": access.flask,
    }
    options = ["--app-name", "basic-auth", "--no-serve-artifacts"]
    options += ["--default-artifact-root", f"s3://{BUCKET}/mlflow"]

    def prepare() -> None:
        plain = {key: value for key, value in variables.items() if key != "MLFLOW_AUTH_CONFIG_PATH"}
        _run([sys.executable, str(SCHEMA), "upgrade"], plain, folder)
        _run([sys.executable, str(SCHEMA), "wait"], variables, folder)

    return Service(
        "mlflow",
        folder,
        address,
        lambda: mlflow.command(port, *options),
        lambda: _answers(f"{address}/health"),
        prepare,
        variables=variables,
    )


def _run(command: list[str], variables: Mapping[str, str], folder: Path) -> None:
    environment = {**os.environ, **variables}
    done = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise TextgateError(f"MLflow's tables could not be made: {done.stderr.strip()[-1000:]}")


def _answers(url: str) -> str:
    try:
        status = httpx.get(url, timeout=5, trust_env=False).status_code
    except httpx.HTTPError as error:
        return f"{url}: {error}"
    return "" if status == 200 else f"{url} answers {status}"
