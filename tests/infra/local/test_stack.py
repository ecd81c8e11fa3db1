"""make stack: started, started again, interrupted, killed, stopped; what it keeps outlives all of that."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import boto3
import httpx
import psutil
import pytest
from mlflow import MlflowClient

from components.base.errors import TextgateError
from infra.local.process import Detached
from infra.local.seaweed import GRPC_OFFSET, SOCKETS
from infra.local.stack import Ports, Stack
from tests.infra.local.conftest import NewStack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[3]
NAMES = ["postgres", "seaweedfs", "mlflow"]
OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")


def command(stack: Stack, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "infra.local", *arguments, "--folder", str(stack.folder)]


def run(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(stack, *arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=400
    )


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As it is typed, also where the tests themselves run below make; the environment is ready."""
    words = ["make", "-s", "-o", "setup", *arguments, f"BIN={Path(sys.executable).parent}"]
    typed = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    return subprocess.run(words, cwd=ROOT, env=typed, capture_output=True, text=True, check=False, timeout=400)


def processes(stack: Stack) -> dict[str, Detached]:
    state = json.loads((stack.folder / "state.json").read_text())
    return {name: Detached(**found) for name, found in state["processes"].items()}


def left_over(stack: Stack) -> list[str]:
    """Every process that stands in the stack's folder, whoever its parent is."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(stack.folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except (psutil.Error, OSError):
            continue
    return found


def sockets(stack: Stack) -> list[str]:
    """Those of its SeaweedFS."""
    path = stack.folder / "state.json"
    ports = json.loads(path.read_text())["ports"]["seaweedfs"] if path.exists() else []
    both = [base for port in ports for base in (port, port + GRPC_OFFSET)]
    return [found.name for port in both for found in SOCKETS.glob(f"seaweedfs-*-{port}.sock")]


def keep(stack: Stack, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    use(stack, monkeypatch)
    MlflowClient().create_experiment(word)
    boto3.client("s3").put_object(Bucket="textgate", Key=word, Body=word.encode())


def kept(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The words that are in both."""
    use(stack, monkeypatch)
    experiments = {found.name for found in MlflowClient().search_experiments()}
    listed = boto3.client("s3").list_objects_v2(Bucket="textgate")["Contents"]
    objects = boto3.client("s3").get_object
    return {one["Key"] for one in listed if objects(Bucket="textgate", Key=one["Key"])["Body"].read()} & experiments


def use(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def stack(new_stack: NewStack) -> Stack:
    return new_stack()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("STACK={file}",), "{file}: it is a file; name a folder"),
        (("STACK={file}/stack",), "{file}/stack: Not a directory; name a folder"),
        (("STACK=/proc",), "cannot be kept in /proc: No such file or directory; name a folder"),
        (("STACK={new}", "MLFLOW_PORT=80000"), "--mlflow-port takes a port from 1 to 65535, or 0 for a free one"),
        (("STACK={new}", "MLFLOW_PORT=abc"), "got 'abc'"),
        (("STACK={new}", "S3_PORT=60000"), "--s3-port takes a port from 1 to 55535"),
        (("STACK={new}", "POSTGRES_PORT=-1"), "got '-1'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, typed: tuple[str, ...], said: str) -> None:
    places = {"file": tmp_path / "file", "new": tmp_path / "new"}
    places["file"].touch()
    done = make("stack", *(word.format(**places) for word in typed))
    first, *others = done.stderr.splitlines()
    assert done.returncode == 2 and said.format(**places) in first, done.stderr
    assert [line.startswith("make: ***") for line in others] == [True] and not done.stdout
    assert not places["new"].exists()


def test_the_first_start_tells_where_everything_is(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    started = make("stack", f"STACK={stack.folder}")
    assert started.returncode == 0, started.stderr
    assert started.stdout.count(" started ") == 3
    environment = stack.folder / "environment"
    sourced = started.stdout.splitlines()[-1]
    assert sourced.strip() == f". '{environment}'"
    for path in (environment, stack.folder / "access.json", stack.folder / "mlflow" / "basic_auth.ini"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    values = stack.environment()
    for name in ("MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY"):
        assert values[name] not in started.stdout
    shell = subprocess.run(
        ["sh", "-c", f"{sourced}; echo $MLFLOW_TRACKING_URI $AWS_SECRET_ACCESS_KEY"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout.split() == [values["MLFLOW_TRACKING_URI"], values["AWS_SECRET_ACCESS_KEY"]]
    commands = [" ".join(psutil.Process(found.pid).cmdline()) for found in processes(stack).values()]
    assert not [
        secret for secret in json.loads((stack.folder / "access.json").read_text()).values() if secret in str(commands)
    ]
    keep(stack, monkeypatch, "first")


def test_it_refuses_strangers_and_is_quiet(stack: Stack) -> None:
    uri = stack.environment()["MLFLOW_TRACKING_URI"]
    search = f"{uri}/api/2.0/mlflow/experiments/search?max_results=1"
    assert httpx.get(search).status_code == 401
    assert httpx.get(f"{uri}/health", headers={"Host": "elsewhere.example"}).status_code == 200
    assert httpx.get(search, headers={"Host": "elsewhere.example"}).status_code == 403
    weed = psutil.Process(processes(stack)["seaweedfs"].pid)
    assert "-master.telemetry=false" in weed.cmdline()
    if os.geteuid() == 0:
        mlflow = psutil.Process(processes(stack)["mlflow"].pid).environ()
        assert mlflow["MLFLOW_DISABLE_TELEMETRY"] == "true"
        assert psutil.Process(processes(stack)["postgres"].pid).username() != "root"


def test_a_second_start_changes_nothing(stack: Stack) -> None:
    before = processes(stack)
    again = run(stack, "start")
    assert again.returncode == 0 and again.stdout.count(" is running ") == 3
    assert processes(stack) == before
    moved = run(stack, "start", "--mlflow-port", "1")
    assert moved.returncode == 1 and "stop the stack before you give it port 1" in moved.stderr


@pytest.mark.parametrize("name", NAMES)
def test_one_that_was_killed_is_started_again(stack: Stack, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = processes(stack)
    os.kill(before[name].pid, signal.SIGKILL)
    assert stack.start() == [name]
    after = processes(stack)
    assert after[name] != before[name]
    assert {other: after[other] for other in NAMES if other != name} == {
        other: before[other] for other in NAMES if other != name
    }
    keep(stack, monkeypatch, f"after {name}")
    assert kept(stack, monkeypatch) >= {"first", f"after {name}"}


def test_a_stop_leaves_no_process_and_loses_nothing(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert left_over(stack) and sockets(stack)
    weed = processes(stack)["seaweedfs"].pid
    stopped = make("stack-stop", f"STACK={stack.folder}")
    assert stopped.returncode == 0 and stopped.stdout.startswith("stopped ")
    assert left_over(stack) == sockets(stack) == list(SOCKETS.glob(f"weed.*.log.*.{weed}")) == []
    assert "Start Seaweed" in (stack.folder / "seaweedfs.log").read_text()
    assert "database system is shut down" in (stack.folder / "postgres.log").read_text()
    assert not (stack.folder / "postgres" / "data" / "postmaster.pid").exists()
    assert run(stack, "stop").stdout == "nothing was running\n"
    before = stack.environment()
    assert stack.start() == NAMES
    assert stack.environment() == before
    log = (stack.folder / "postgres.log").read_text()
    assert "automatic recovery" not in log[log.rindex("starting PostgreSQL") :]
    assert kept(stack, monkeypatch) == {"first", *(f"after {name}" for name in NAMES)}


def test_a_number_that_somebody_else_has_now_is_left_alone(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after the machine was started anew: nothing runs, and the numbers are those of others. The ports, too."""
    stack.start()
    keep(stack, monkeypatch, "before")
    stack.stop()
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    ports = json.loads((stack.folder / "state.json").read_text())["ports"]
    was = {"pid": other.pid, "started": 1.0, "program": psutil.Process(other.pid).exe()}
    stale = {name: {**was, "folder": str(stack.folder / name)} for name in NAMES}
    (stack.folder / "state.json").write_text(json.dumps({"ports": ports, "processes": stale}))
    taken = []
    try:
        for port in (ports["mlflow"], ports["postgres"], ports["seaweedfs"][-1]):
            taken.append(socket.create_server(("127.0.0.1", port)))
        with pytest.raises(TextgateError, match=f"port {ports['mlflow']}, asked for mlflow, is taken"):
            stack.start(Ports(mlflow=ports["mlflow"]))
        assert stack.start() == NAMES
        assert other.poll() is None
        assert kept(stack, monkeypatch) >= {"before"}
    finally:
        other.kill()
        other.wait()
        for one in taken:
            one.close()


def test_what_ends_in_the_middle_is_ended_whole(new_stack: NewStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C, SIGTERM and SIGKILL of the start, at several moments."""
    stack = new_stack()
    for after, by in ((0.6, signal.SIGINT), (2.5, signal.SIGINT), (8, signal.SIGTERM)):
        process = subprocess.Popen(
            command(stack, "start"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        time.sleep(after)
        process.send_signal(by)
        _, err = process.communicate(timeout=120)
        assert process.returncode in (130, -by), err
        assert "Traceback" not in err or process.returncode == -by
        assert left_over(stack) == sockets(stack) == []
    process = subprocess.Popen(command(stack, "start"), cwd=ROOT, stdout=subprocess.DEVNULL)
    time.sleep(4)
    process.kill()
    process.wait()
    assert stack.start()
    keep(stack, monkeypatch, "whole")
    assert kept(stack, monkeypatch) == {"whole"}
    stack.stop()
    assert left_over(stack) == sockets(stack) == []


def test_two_starts_at_once_are_one(new_stack: NewStack) -> None:
    stack = new_stack()
    both = [subprocess.Popen(command(stack, "start"), cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 1], [0, 0])
    assert codes == [0, 0] or "is being started or stopped by another command" in "".join(said)
    assert sorted(stack.running()) == sorted(NAMES)
