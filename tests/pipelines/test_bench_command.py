"""`textgate bench serve` as one types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from components.base.errors import TextgateError
from components.base.files import read_json
from pipelines.cli import cli
from tests.serving import tiny_tasks

QUICKLY = ("--seconds", "0.3")


@pytest.fixture(scope="module")
def server(running: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of text pairs, each text of at most 150 characters."""
    folder = tmp_path_factory.mktemp("server")
    tiny_tasks.write_bundle(folder / "bundle", "text-pair")
    options = json.dumps({"max_characters": 150})
    arguments = ("--bundle", str(folder / "bundle"), "--version", "7", "--options", options)
    with running.running(folder, *arguments) as server:
        yield server


def bench(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["bench", "serve", *map(str, arguments)])


def test_a_bundle_gets_a_server_of_its_own(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    result = bench("--bundle", tmp_path / "bundle", *QUICKLY, "--output", tmp_path / "bench.json")
    assert result.exit_code == 0, result.exception
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0][:2] == ["tiny,", "version"] and "3 texts" in result.output
    assert lines[1] == ["load", "answers/s", "p50", "ms", "p95", "ms", "p99", "ms", "max", "ms", "refused", "failed"]
    assert [line[:2] for line in lines[2:]] == [["1", "client"], ["16", "clients"]]
    assert all(float(line[2]) > 0 and line[-2:] == ["0", "0"] for line in lines[2:])
    report = read_json(tmp_path / "bench.json")
    assert (report["model"], report["texts"], len(report["loads"])) == ("tiny", 3, 2)
    assert report["loads"][0]["statuses"] == {"200": report["loads"][0]["requests"]}


def test_a_server_is_asked_about_texts_of_both_inputs_at_a_rate(server: Any, tmp_path: Path) -> None:
    texts, output = tmp_path / "texts", tmp_path / "bench.json"
    texts.write_text("good\tbad\n\nso so\tgood\n")
    result = bench("--url", f"{server.http.base_url}/", "--rate", 40, *QUICKLY, "--texts", texts, "--output", output)
    assert result.exit_code == 0, result.exception
    assert "version 7, 2 texts" in result.output
    (load,) = read_json(output)["loads"]
    assert load["load"] == "40/s" and 0 < load["requests"] < 40
    assert bench("--url", server.http.base_url, "--clients", 1, *QUICKLY).exit_code == 0


def test_what_cannot_be_measured_is_said(server: Any, tmp_path: Path) -> None:
    for name, content in {"empty": "\n", "one": "good\n", "long": f"good\t{'a' * 151}\n"}.items():
        (tmp_path / name).write_text(content)
    url = ("--url", server.http.base_url, "--clients", 1, *QUICKLY)
    for arguments, reason in [
        (("--url", "http://127.0.0.1:1"), "no answer from http://127.0.0.1:1"),
        (("--url", "http://127.0.0.1:1", "--output", tmp_path / "one" / "below.json"), "cannot be written"),
        (("--url", "http://x", "--bundle", tmp_path), "exclude each other"),
        (("--bundle", tmp_path / "none"), "no server on"),
        ((*url, "--texts", tmp_path / "empty"), "holds no text"),
        ((*url, "--texts", tmp_path / "none"), "cannot be read"),
        ((*url, "--texts", tmp_path / "one"), "reads text and text_pair"),
        ((*url, "--texts", tmp_path / "long"), "under the load of 1 client: status 413"),
    ]:
        error = bench(*arguments).exception
        assert isinstance(error, TextgateError) and reason in str(error), (arguments, error)
