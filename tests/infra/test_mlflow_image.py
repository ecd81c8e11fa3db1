"""What goes into MLflow's image: the lock in an environment of its own, with the script that makes the tables."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine

from infra.local.mlflow import QUIET
from infra.local.ports import free_port
from tests.infra.kustomize.objects import ROOT, containers, pod_templates

IMAGE = ROOT / "infra" / "image"
SCHEMA = IMAGE / "mlflow_schema.py"


def environment(uri: str, folder: Path) -> dict[str, str]:
    secrets = {"MLFLOW_AUTH_ADMIN_USERNAME": "admin", "MLFLOW_AUTH_ADMIN_PASSWORD": "a long password"}
    secrets |= {"MLFLOW_FLASK_SERVER_SECRET_KEY": "x" * 32, "MLFLOW_BACKEND_STORE_URI": uri}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON"))}
    return {**kept, **QUIET, **secrets, "HOME": str(folder), "ARTIFACT_ROOT": "s3://b/mlflow"}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with the lock's packages alone, installed as the Dockerfile does."""
    folder = tmp_path_factory.mktemp("image") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q"]
    install += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(IMAGE / "mlflow.lock")]
    subprocess.run(install, check=True)
    return folder / "bin" / "python"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_server_runs_from_its_lock_as_the_manifest_says(python: Path, postgres: str, tmp_path: Path) -> None:
    """Waits for the tables, which another process makes; then answers whoever has the password."""
    auth, variables = tmp_path / "basic_auth.ini", environment(postgres, tmp_path)
    waiting = subprocess.Popen(
        [python, SCHEMA, "wait"],
        env={**variables, "MLFLOW_AUTH_CONFIG_PATH": str(auth)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout
    assert "the schema of MLflow's tables is not there" in waiting.stdout.readline()
    for _ in range(2):  # the second time, nothing is left to do
        subprocess.run([python, SCHEMA, "upgrade"], env=variables, check=True, capture_output=True)
    out, err = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, out + err
    assert stat.S_IMODE(auth.stat().st_mode) == 0o600
    with serving(python, {**variables, "MLFLOW_AUTH_CONFIG_PATH": str(auth)}, tmp_path) as uri:
        search = f"{uri}/api/2.0/mlflow/experiments/search?max_results=1"
        assert httpx.get(search).status_code == 401
        assert httpx.get(search, auth=("admin", "a long password")).status_code == 200
        assert httpx.get(search, auth=("admin", "a long password"), headers={"Host": "evil.example"}).status_code == 403
        assert httpx.get(f"{uri}/health", headers={"Host": "10.1.2.3:5000"}).status_code == 200


@pytest.mark.slow
def test_upgrades_at_once_come_one_after_the_other(postgres: str, tmp_path: Path) -> None:
    """As where a job is started again, and the process of its first try still runs."""
    from infra.image.mlflow_schema import alone

    command, variables = [sys.executable, SCHEMA, "upgrade"], environment(postgres, tmp_path)
    engine = create_engine(postgres)
    with alone(engine):
        both = [
            subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for process in both:
            assert process.stdout
            assert process.stdout.readline() == "waiting: another upgrade of this database is at work\n"
    engine.dispose()
    said = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], said


class serving:
    """The server with the arguments of the manifest, but for host and port."""

    def __init__(self, python: Path, variables: dict[str, str], folder: Path) -> None:
        workloads = {name: template for name, _, template in pod_templates("staging")}
        template = workloads["Deployment textgate-mlflow/mlflow"]
        (container,) = [one for one in containers(template) if one["name"] == "mlflow"]
        port = free_port()
        variables = {
            **variables,
            "ALLOWED_HOSTS": f"127.0.0.1:{port}",
            "CORS_ALLOWED_ORIGINS": "https://mlflow.example.com",
        }
        arguments = [re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], one) for one in container["args"]]
        arguments = [one for one in arguments if not one.startswith(("--host", "--port"))]
        program, *command = container["command"]
        self.command = [str(python.with_name(program)), *command, *arguments, "--host=127.0.0.1", f"--port={port}"]
        self.uri, self.variables, self.folder = f"http://127.0.0.1:{port}", variables, folder

    def __enter__(self) -> str:
        with (self.folder / "server.log").open("wb") as log:
            path = f"{Path(self.command[0]).parent}:{os.environ['PATH']}"
            where = {"cwd": self.folder, "env": {**self.variables, "PATH": path}, "start_new_session": True}
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, **where)  # type: ignore[call-overload]
        for _ in range(600):
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            try:
                if httpx.get(f"{self.uri}/health").status_code == 200:
                    return self.uri
            except httpx.HTTPError:
                time.sleep(0.2)
        raise AssertionError((self.folder / "server.log").read_text())

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, 9)
        self.process.wait()


def test_the_lock_is_of_the_server_alone() -> None:
    lock = (IMAGE / "mlflow.lock").read_text()
    for name in ("mlflow", "psycopg2-binary", "boto3", "flask-wtf"):
        assert f"\n{name}==" in lock
    for name in ("tensorflow", "torch", "kfp", "transformers"):
        assert f"\n{name}==" not in lock
    assert lock.count("--hash=sha256:") > lock.count("==") and "://" not in lock
    whole = (ROOT / "requirements.lock").read_text()
    for pin in re.findall(r"^([a-z0-9-]+==[^ ;]+)", lock, re.MULTILINE):
        assert pin in whole, f"{pin} is not what the tests run with"


def test_the_image_is_slim_and_names_no_secret() -> None:
    dockerfile = (IMAGE / "mlflow.Dockerfile").read_text()
    assert (
        "USER 10001" in dockerfile
        and "--require-hashes" in dockerfile
        and "MLFLOW_DISABLE_TELEMETRY=true" in dockerfile
    )
    copied = re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.MULTILINE)
    assert copied and all((IMAGE / name).exists() for name in copied)
