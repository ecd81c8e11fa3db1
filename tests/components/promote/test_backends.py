"""Promotions against MLflow servers as they are run: databases, artifact stores, users, tokens, client certificates."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from mlflow.store.artifact import s3_artifact_repo

from components.base import mlflow_client, registry, versions
from components.base.errors import TextgateError
from components.base.promotion_log import open_log
from components.base.settings import RunStep
from components.promote.promote import promote
from components.promote.rollback import roll_back
from components.promote.verification import verify
from tests.certificates import Authority
from tests.mlflow_store import MlflowServer
from tests.seaweed import set_environment
from tests.weed import NOBODY, Weed

pytestmark = pytest.mark.slow
RUN = RunStep(name="tiny")
Register = Callable[..., Any]
ADMIN, READER = ("admin", "an admin's password"), ("reader", "a reader's password")
TOKEN = "a-token-of-the-platform"
# A module for the server, which knows whom a token stands for: mlflow's own users have passwords alone.
BEARER = f"""
from flask import request
from mlflow.server.auth import make_basic_auth_response
from werkzeug.datastructures import Authorization


def authenticate():
    found = request.authorization
    if found is None or found.type != "bearer" or found.token != "{TOKEN}":
        return make_basic_auth_response()
    return Authorization("basic", {{"username": "admin", "password": None}})
"""


@contextmanager
def serving(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowServer]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def users(folder: Path, function: str = "mlflow.server.auth:authenticate_request_basic_auth") -> dict[str, Any]:
    """What makes an MlflowServer in `folder` ask who is there."""
    pytest.importorskip("flask_wtf", reason="flask-wtf is not installed: mlflow's server with users needs it")
    lines = ["[mlflow]", "default_permission = READ", f"database_uri = sqlite:///{folder}/users.db"]
    lines += [f"admin_username = {ADMIN[0]}", f"admin_password = {ADMIN[1]}", f"authorization_function = {function}"]
    (folder / "auth.ini").write_text("\n".join(lines))
    variables = {"MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"), "MLFLOW_FLASK_SERVER_SECRET_KEY": "secret"}
    return {"options": ["--app-name", "basic-auth"], "variables": variables}


def act_as(monkeypatch: pytest.MonkeyPatch, who: tuple[str, str] | None) -> None:
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    for place, name in enumerate(names):
        if who:
            monkeypatch.setenv(name, who[place])
        else:
            monkeypatch.delenv(name, raising=False)
    connect_again()


def connect_again() -> None:
    """A process connects once, and MLflow to the object store; here one is to try each of several ways in."""
    mlflow_client._connected.cache_clear()
    s3_artifact_repo._cached_get_s3_client.cache_clear()


def goes_through(register: Register, kept: Callable[[], list[str]]) -> None:
    """Registered, promoted, rolled back and deleted; `kept` gives the names of all files of the artifact store."""
    first = register("job-1").version
    second = register("job-2", temperature=3.0, champion=first).version
    promote(RUN, first, "", why="first")
    promote(RUN, second, first, why="better")
    assert registry.aliases("tiny") == {"champion": second}
    assert roll_back(RUN, why="it is rude").version == first
    assert registry.download_bundle("tiny", first)
    assert [finding.what for finding in verify(RUN) if finding.wrong] == []
    before = bundles(kept())
    third = register("job-3", temperature=5.0).version
    assert len(bundles(kept())) > len(before)
    versions.remove("tiny", third)
    assert [version.number for version in versions.all_versions("tiny")] == [second, first]
    assert registry.aliases("tiny") == {"champion": first}
    assert bundles(kept()) == before


def bundles(names: list[str]) -> list[str]:
    """The files of bundles and checkpoints: all else that a run has stays."""
    return sorted(name for name in names if "/models/" in name or "/checkpoint/" in name)


def told(call: Callable[[], Any]) -> str:
    with pytest.raises(TextgateError) as refused:
        call()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_users_on_sqlite_with_artifacts_in_s3_through_the_server(
    workspace: Path,
    tmp_path: Path,
    seaweed: str,
    seaweed_server: Weed,
    register_version: Register,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server alone has the keys of the object store."""
    server = MlflowServer(tmp_path, artifacts=["--artifacts-destination", seaweed], **users(tmp_path))
    with serving(server, monkeypatch):
        set_environment(monkeypatch, seaweed_server.environment_of(NOBODY))
        act_as(monkeypatch, ADMIN)
        goes_through(register_version, lambda: listed(seaweed, seaweed_server))
        newest = register_version("job-4", temperature=7.0, champion="1").version
        entries = open_log(RUN).entries()
        for who in (None, (ADMIN[0], "wrong")):
            act_as(monkeypatch, who)
            said = told(lambda: promote(RUN, newest, "1", why="better"))
            assert said.startswith(f"MLflow at {server.uri} refused access (HTTP 401: ")
            assert "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN" in said
        add_user(server, READER)
        act_as(monkeypatch, READER)
        said = told(lambda: promote(RUN, newest, "1", why="better"))
        assert f"failed to tag version {newest} of tiny" in said and "ermission" in said
        assert "failed to remove version 2 of tiny" in told(lambda: versions.remove("tiny", "2"))
        assert registry.download_bundle("tiny", "2")
        assert open_log(RUN).entries() == entries


def test_a_token_on_postgresql_with_artifacts_in_s3(
    workspace: Path,
    tmp_path: Path,
    postgres: str,
    seaweed: str,
    seaweed_server: Weed,
    register_version: Register,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever promotes reads and writes the object store by themselves."""
    (tmp_path / "bearer.py").write_text(BEARER)
    direct = ["--default-artifact-root", seaweed, "--no-serve-artifacts"]
    server = MlflowServer(tmp_path, store=postgres, artifacts=direct, **users(tmp_path, "bearer:authenticate"))
    with serving(server, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
        goes_through(register_version, lambda: listed(seaweed, seaweed_server))
        set_environment(monkeypatch, seaweed_server.environment_of(NOBODY))
        newest = register_of_another(register_version, seaweed_server, monkeypatch)
        connect_again()
        assert "failed to list verdict of the run" in told(lambda: promote(RUN, newest, "1", why="better"))
        connect_again()
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "another")
        assert "refused access (HTTP 401: " in told(lambda: promote(RUN, newest, "1", why="better"))


def register_of_another(register: Register, server: Weed, monkeypatch: pytest.MonkeyPatch) -> str:
    """A version that somebody with keys made."""
    with monkeypatch.context() as patch:
        set_environment(patch, server.environment)
        return str(register("job-4", temperature=7.0, champion="1").version)


def test_client_certificates(
    workspace: Path,
    tmp_path: Path,
    authority: Authority,
    register_version: Register,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate, key = authority.issue("127.0.0.1")
    own = tmp_path / "own.pem"
    own.write_bytes(b"".join(path.read_bytes() for path in authority.issue("127.0.0.9")))
    tls = ssl.create_default_context(cafile=str(authority.bundle))
    tls.load_cert_chain(own)
    asked = f"--ssl-certfile {certificate} --ssl-keyfile {key} --ssl-ca-certs {authority.bundle} --ssl-cert-reqs 2"
    server = MlflowServer(tmp_path, options=["--uvicorn-opts", asked], tls=tls)
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority.bundle))
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(own))
    with serving(server, monkeypatch):
        goes_through(register_version, lambda: stored(tmp_path / "artifacts"))
        connect_again()
        for name in ("MLFLOW_TRACKING_CLIENT_CERT_PATH", "MLFLOW_TRACKING_SERVER_CERT_PATH"):
            with monkeypatch.context() as patch:
                patch.delenv(name)
                said = told(lambda: promote(RUN, "2", "1", why="better"))
                assert said.startswith(f"MLflow at {server.uri} failed to answer: ") and name in said
            connect_again()
        with monkeypatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(tmp_path / "no.pem"))
            assert "no.pem" in told(lambda: promote(RUN, "2", "1", why="better"))


def add_user(server: MlflowServer, who: tuple[str, str]) -> None:
    made = {"username": who[0], "password": who[1]}
    answer = httpx.post(f"{server.uri}/api/2.0/mlflow/users/create", json=made, auth=ADMIN, trust_env=False)
    assert answer.status_code == 200, answer.text


def listed(place: str, server: Weed) -> list[str]:
    """What the object store holds below s3://bucket/prefix."""
    keys = {"aws_access_key_id": "textgate-tests", "aws_secret_access_key": "textgate-tests-secret"}
    client = boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1", **keys)
    prefix = place.removeprefix(f"s3://{server.bucket}/")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=server.bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def stored(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file()]
