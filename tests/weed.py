"""SeaweedFS, a real S3 server, as a child process that may be killed and started again; usable without pytest."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.seaweed import Identity, claim, command, remove_sockets, trouble

BUCKET = "textgate"
PATIENCE_S = 90
ATTEMPTS = 3

ADMIN = Identity("tests", "textgate-tests", "textgate-tests-secret", ("Admin", "Read", "Write", "List"))
READER = Identity("reader", "textgate-reader", "textgate-reader-secret", ("Read", "List"))
NOBODY = Identity("nobody", "textgate-nobody", "textgate-nobody-secret", ())


class Ended(Exception):
    """The server ended while it was being started; the message is its log."""


class Weed:
    """A server whose objects lie in `folder`. With `certificate` (a PEM file and its key's) it speaks TLS alone, and
    `ca` is the PEM file that vouches for it."""

    def __init__(self, folder: Path, certificate: tuple[Path, Path] | None = None, ca: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.certificate, self.ca, self.bucket = folder, certificate, ca, BUCKET
        self._process: subprocess.Popen[bytes] | None = None
        self._guard, self._ports = claim()

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self._ports[-1]}"

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self._ports[-1])

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 needs to reach it with all rights."""
        return self.environment_of(ADMIN)

    def environment_of(self, identity: Identity) -> dict[str, str]:
        return identity.environment(self.endpoint)

    def start(self) -> None:
        """Returns when the bucket takes objects. Raises Ended or TimeoutError with the log.

        Another program may take a port in the meantime: the first start then goes on with others.
        """
        if self._process:
            return
        for attempt in range(ATTEMPTS):
            self._spawn()
            try:
                return self._wait()
            except Ended:
                self.kill()
                if attempt == ATTEMPTS - 1:
                    raise
                self._guard.close()
                self._guard, self._ports = claim()

    def kill(self) -> None:
        """On the spot, as a crash would; `start` brings it back with its objects."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        remove_sockets(self._ports)

    def close(self) -> None:
        self.kill()
        self._guard.close()

    def _spawn(self) -> None:
        options = ["-volume.max=8"]
        if self.certificate:
            options += [f"-s3.cert.file={self.certificate[0]}", f"-s3.key.file={self.certificate[1]}"]
        start = command(self.folder, self._ports, [ADMIN, READER, NOBODY], *options)
        with (self.folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(start, cwd=self.folder, stdout=log, stderr=log)

    def _wait(self) -> None:
        """Until the bucket takes an object."""
        assert self._process
        deadline = time.monotonic() + PATIENCE_S
        while error := trouble(self.endpoint, ADMIN, self.bucket, str(self.ca) if self.ca else None):
            if self._process.poll() is not None:
                raise Ended(f"weed ended:\n{self._log()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"weed is not ready ({error}):\n{self._log()}")
            time.sleep(0.1)

    def _log(self) -> str:
        return (self.folder / "weed.log").read_text(errors="replace")[-5000:]


@contextmanager
def running(folder: Path, certificate: tuple[Path, Path] | None = None, ca: Path | None = None) -> Iterator[Weed]:
    server = Weed(folder, certificate, ca)
    try:
        server.start()
        yield server
    finally:
        server.close()
