"""A pytest plugin: SeaweedFS for the whole session, each test with a prefix of its own, and servers to break."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from infra.local.seaweed import Identity
from tests.certificates import Authority
from tests.weed import Weed, running


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    with running(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture
def seaweed(seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch) -> str:
    """s3://bucket/prefix, empty, with the environment set so that boto3 reaches it with all rights."""
    set_environment(monkeypatch, seaweed_server.environment)
    return f"s3://{seaweed_server.bucket}/{uuid.uuid4().hex}"


@pytest.fixture
def act_as(seaweed: str, seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch) -> Callable[[Identity], None]:
    """Changes whom the stores that are opened from now on act as."""
    return lambda identity: set_environment(monkeypatch, seaweed_server.environment_of(identity))


@pytest.fixture(scope="session")
def mortal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    with running(tmp_path_factory.mktemp("mortal-seaweed")) as server:
        yield server


@pytest.fixture
def private_seaweed(mortal_server: Weed, monkeypatch: pytest.MonkeyPatch) -> Weed:
    """A server that the test may kill and start again, with the environment set for it."""
    mortal_server.start()
    set_environment(monkeypatch, mortal_server.environment)
    return mortal_server


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def tls_seaweed_server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    with running(tmp_path_factory.mktemp("tls-seaweed"), authority.issue("127.0.0.1"), authority.bundle) as server:
        yield server


@pytest.fixture
def tls_seaweed(tls_seaweed_server: Weed, monkeypatch: pytest.MonkeyPatch) -> str:
    """s3://bucket/prefix on a server that speaks TLS, with a certificate by `authority`, whom nobody trusts yet."""
    set_environment(monkeypatch, tls_seaweed_server.environment)
    return f"s3://{tls_seaweed_server.bucket}/{uuid.uuid4().hex}"


def set_environment(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """boto3's own clients, MLflow's among them, take the credentials of a default session, which is made anew."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    for name in ("AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
