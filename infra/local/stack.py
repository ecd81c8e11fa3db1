"""The stack of one folder: started, described, stopped. What it keeps stays there between starts."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.base.errors import TextgateError
from components.base.files import write_json
from infra.local import seaweed
from infra.local.ports import choose, free_port
from infra.local.process import Detached, uninterrupted
from infra.local.services import ADMIN, ATTEMPTS, Access, Service, database, objects, tracking

STATE, ACCESS, ENVIRONMENT, LOCK = "state.json", "access.json", "environment", "lock"
POSTGRES, S3, MLFLOW = "postgres", "seaweedfs", "mlflow"
# PostgreSQL would wait for those who are connected.
ENDS_BY = {POSTGRES: signal.SIGINT}


@dataclass(frozen=True)
class Ports:
    """Those that are asked for; 0 leaves the choice to the stack, which stays with it as long as the port is free."""

    mlflow: int = 0
    s3: int = 0
    postgres: int = 0


class Stack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def start(self, ports: Ports | None = None) -> list[str]:
        """Starts what does not run, and gives the names of that. What this start began is ended again where it fails
        or is interrupted. Raises TextgateError."""
        with _usable(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        with self._locked():
            began: list[str] = []
            try:
                self._choose_ports(ports or Ports())
                for service in self._services():
                    if not self._runs(service):
                        began.append(service.name)
                        self._begin(service)
            except BaseException:
                self._end(began)
                raise
            self._write_environment()
        return began

    def stop(self) -> list[str]:
        """Ends what runs, and gives the names of that."""
        with _usable(self.folder):
            if not (self.folder / STATE).exists():
                return []
        with self._locked():
            running = self.running()
            self._end(list(self._processes()))
        return running

    def running(self) -> list[str]:
        return [name for name, process in self._processes().items() if process.alive()]

    def addresses(self) -> dict[str, str]:
        return {service.name: service.address for service in self._services()}

    def environment(self) -> dict[str, str]:
        """What a shell needs to work with it."""
        ports, access = self._state()["ports"], self._access()
        return {
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{ports[MLFLOW]}",
            "MLFLOW_TRACKING_USERNAME": ADMIN,
            "MLFLOW_TRACKING_PASSWORD": access.admin,
            **access.identity.environment(f"http://127.0.0.1:{ports[S3][-1]}"),
        }

    def database_uri(self) -> str:
        return self._services()[-1].variables["MLFLOW_BACKEND_STORE_URI"]

    def _runs(self, service: Service) -> bool:
        process = self._processes().get(service.name)
        if process is None or not process.alive():
            return False
        try:
            service.wait(process)
        except TextgateError:  # what is being killed still runs for a moment
            if process.alive():
                raise
            return False
        return True

    def _begin(self, service: Service) -> None:
        """Once more where it ends at once: somebody may have taken its port, or what was killed has just ended."""
        for attempt in range(ATTEMPTS):
            if before := self._processes().get(service.name):
                before.stop()  # what a process that was killed has left behind
            service.folder.mkdir(parents=True, exist_ok=True)
            service.prepare()
            with uninterrupted():
                process = service.spawn()
                self._record(service.name, process)
            try:
                return service.wait(process)
            except TextgateError:
                if process.alive() or attempt == ATTEMPTS - 1:
                    raise

    def _end(self, names: list[str]) -> None:
        """In the opposite order of starting."""
        processes = self._processes()
        for name in (MLFLOW, S3, POSTGRES):
            if name in names and name in processes:
                processes[name].stop(ENDS_BY.get(name, signal.SIGTERM))
                self._record(name, None)
                if name == S3:
                    seaweed.remove_sockets(self._state()["ports"][S3])

    def _services(self) -> list[Service]:
        ports, access = self._state()["ports"], self._access()
        return [
            database(self.folder / POSTGRES, ports[POSTGRES], access),
            objects(self.folder / S3, ports[S3], access),
            tracking(self.folder / MLFLOW, ports[MLFLOW], ports[POSTGRES], ports[S3][-1], access),
        ]

    def _choose_ports(self, asked: Ports) -> None:
        """Those of services that run stay."""
        state, running = self._state(), self.running()
        ports = state["ports"]
        for name, wanted in ((POSTGRES, asked.postgres), (MLFLOW, asked.mlflow)):
            if name in running:
                _refuse_move(name, wanted, ports[name])
            else:
                ports[name] = choose(name, wanted, ports.get(name, 0), free_port)
        if S3 in running:
            _refuse_move(S3, asked.s3, ports[S3][-1])
        else:
            seaweed.remove_sockets(before := ports.get(S3, []))
            ports[S3] = _s3_ports(asked.s3, before)
        self._write_state(state)

    def _processes(self) -> dict[str, Detached]:
        return {name: Detached(**found) for name, found in self._state()["processes"].items()}

    def _record(self, name: str, process: Detached | None) -> None:
        state = self._state()
        state["processes"].pop(name, None)
        if process:
            state["processes"][name] = asdict(process)
        self._write_state(state)

    def _state(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / STATE).read_bytes())
        except FileNotFoundError:
            return {"ports": {}, "processes": {}}
        return found

    def _write_state(self, state: dict[str, Any]) -> None:
        write_json(self.folder / STATE, state)

    def _access(self) -> Access:
        path = self.folder / ACCESS
        if not path.exists():
            made = Access(*(secrets.token_urlsafe(24) for _ in range(5)))
            _write_private(path, json.dumps(asdict(made)))
        return Access(**json.loads(path.read_bytes()))

    def _write_environment(self) -> None:
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in self.environment().items()]
        _write_private(self.folder / ENVIRONMENT, "".join(lines))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with _usable(self.folder):
            file = (self.folder / LOCK).open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TextgateError(
                    f"the stack in {self.folder} is being started or stopped by another command; wait for that"
                ) from None
            yield


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = "it is a file" if folder.is_file() else error.strerror
        raise TextgateError(
            f"the stack cannot be kept in {folder}: {why}; name a folder that you may write, by STACK= or --folder"
        ) from None


def _refuse_move(name: str, wanted: int, port: int) -> None:
    if wanted not in (0, port):
        raise TextgateError(f"{name} runs on port {port}; stop the stack before you give it port {wanted}")


def _s3_ports(asked: int, before: list[int]) -> list[int]:
    if before and asked in (0, before[-1]) and seaweed.all_free(before):
        return before
    guard, ports = seaweed.claim()
    guard.close()
    return [*ports[:-1], choose(S3, asked, 0, lambda: ports[-1])]


def _write_private(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.rename(path)
