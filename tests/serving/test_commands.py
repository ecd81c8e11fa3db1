"""`textgate serve` and `textgate predict`, as click commands; errors for people are TextgateError with one message."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from components.base.errors import TextgateError
from pipelines.cli import predict, serve
from serving.bundle import digest
from serving.pins import Pin, pin_path, write_pin


@pytest.fixture(scope="module")
def home(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace where version 3 of tiny is deployed."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "serving" / "tiny" / "3"
    tiny.write_bundle(folder)
    write_pin(pin_path(home, "tiny"), Pin("tiny", "3", digest(folder), str(folder)))
    return home


@pytest.fixture(scope="module")
def server(running: ModuleType, home: Path) -> Iterator[Any]:
    with running.running(home, "--pin", str(pin_path(home, "tiny"))) as server:
        yield server


def ask(server: Any, *arguments: str, given: str | bytes | None = None) -> Result:
    arguments = ("--url", str(server.http.base_url), *arguments)
    return CliRunner().invoke(predict.command, arguments, input=given, catch_exceptions=True)


def test_predict_shows_label_and_probability(server: Any) -> None:
    result = ask(server, "good", "[red]bad")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["label", "probability", "text"]
    assert lines[1].split()[::2] == ["positive", "good"]
    assert lines[2].split()[::2] == ["negative", "[red]bad"]


def test_predict_reads_lines(server: Any) -> None:
    result = ask(server, "--json", given="good\n\n" + "bad so\n" * 100)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(answers) == 101
    known = {"text": "good", "label": "positive", "probability": 0, "abstain": False, "version": "3"}
    assert answers[0] | {"probability": 0} == known
    assert [answer["text"] for answer in answers[1:]] == ["bad so"] * 100


def test_predict_ranks_labels(server: Any) -> None:
    (line,) = ask(server, "--json", "--name", "tiny", "--top-k", "3", "good good so").stdout.splitlines()
    assert [entry["label"] for entry in json.loads(line)["ranking"]] == ["positive", "neutral", "negative"]


@pytest.mark.parametrize(
    ("arguments", "given", "reason"),
    [
        (["--top-k", "9", "good"], None, "top_k must be a whole number from 1 to 3, got 9"),
        (["--name", "other", "good"], None, "there is no model other; this server serves tiny"),
        (["a" * 30_000], None, "text 0 has 30000 characters"),
        (["\udcff"], None, "is not UTF-8"),
        ([], b"good\n\xff\n", "line 2 of standard input is not UTF-8"),
    ],
)
def test_predict_says_what_is_wrong(server: Any, arguments: list[str], given: bytes | None, reason: str) -> None:
    error = ask(server, *arguments, given=given).exception
    assert isinstance(error, TextgateError)
    assert reason in str(error)


def test_predict_says_that_no_server_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        error = CliRunner().invoke(predict.command, ["--url", url, "good"]).exception
    assert isinstance(error, TextgateError)
    assert "start the server with `textgate serve`" in str(error)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://[", "http://127.0.0.1:99999"])
def test_predict_says_that_a_url_is_none(url: str) -> None:
    error = CliRunner().invoke(predict.command, ["--url", url, "good"]).exception
    assert isinstance(error, TextgateError)
    assert url in str(error)


def test_serve_says_what_to_run_when_nothing_is_deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEXTGATE_HOME", str(tmp_path))
    error = CliRunner().invoke(serve.command, ["--name", "tiny"]).exception
    assert isinstance(error, TextgateError)
    assert "no version of tiny is deployed" in str(error)
    assert "textgate run" in str(error)


def test_serve_says_that_the_port_is_taken(monkeypatch: pytest.MonkeyPatch, server: Any, home: Path) -> None:
    monkeypatch.setenv("TEXTGATE_HOME", str(home))
    port = str(server.http.base_url.port)
    error = CliRunner().invoke(serve.command, ["--name", "tiny", "--port", port]).exception
    assert isinstance(error, TextgateError)
    assert f"port {port}: Address already in use" in str(error)


def test_serve_takes_the_name_from_a_config(monkeypatch: pytest.MonkeyPatch, running: ModuleType, home: Path) -> None:
    monkeypatch.setenv("TEXTGATE_HOME", str(home))
    config = str(running.ROOT / "configs" / "brand-sentiment.yaml")
    error = CliRunner().invoke(serve.command, ["--config", config]).exception
    assert "no version of brand-sentiment is deployed" in str(error)


HEAVY = ("tensorflow", "kfp", "mlflow", "pandas", "pydantic", "boto3", "onnx")


@pytest.mark.parametrize("module", ["serving.server", "serving.client", "pipelines.cli.predict"])
def test_imports_stay_light(running: ModuleType, module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, cwd=running.ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & set(HEAVY)
