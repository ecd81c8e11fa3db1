"""`textgate predict --from FILE --to FILE`, asking a bundle in process and a real server."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from components.base.errors import TextgateError
from pipelines.cli import predict
from pipelines.predicting import predicting
from pipelines.predicting.predicting import Question, predict_file
from serving.client import Client, Description, Prediction, Row
from serving.local import LocalClient
from tests.serving import tiny_tasks

TEXTS = ["good", "bad so so so", 'so, "so"\nso', "good ünheard 🙂", ""]
LABELS = ["positive", "neutral", "neutral", "positive", "negative"]


@pytest.fixture(scope="module")
def bundle(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    tiny.write_bundle(folder, temperature=1.0)
    manifest = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(manifest | {"abstain_below": 0.4}))
    return folder


@pytest.fixture(scope="module")
def server(running: ModuleType, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = json.dumps({"max_texts": 40, "max_queue": 40})
    folder = tmp_path_factory.mktemp("server")
    with running.running(folder, "--bundle", str(bundle), "--version", "3", "--options", options) as server:
        yield server


def run(*arguments: object) -> Result:
    return CliRunner().invoke(predict.command, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    error = run(*arguments).exception
    assert isinstance(error, TextgateError), error
    return str(error)


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """In the format that its name says."""
    if path.name.endswith((".csv", ".tsv", ".csv.gz")):
        with io.StringIO(newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
            content = file.getvalue().encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return pq.read_table(path).to_pylist()


@pytest.mark.parametrize("source", ["in.csv", "in.tsv", "in.csv.gz", "in.jsonl", "in.parquet"])
@pytest.mark.parametrize("target", ["out.csv", "out.jsonl", "out.parquet"])
def test_all_columns_are_kept_and_answers_added(bundle: Path, tmp_path: Path, source: str, target: str) -> None:
    rows = [{"id": f"r{number}", "text": text, "note": "é"} for number, text in enumerate(TEXTS)]
    result = run("--bundle", bundle, "--from", write(tmp_path / source, rows), "--to", tmp_path / target)
    assert result.exit_code == 0, result.exception
    found = read(tmp_path / target)
    assert list(found[0]) == ["id", "text", "note", "label", "probability", "abstain", "version"]
    assert [{name: row[name] for name in rows[0]} for row in found] == rows
    assert [row["label"] for row in found] == LABELS
    assert [str(row["abstain"]).lower() for row in found] == ["false", "false", "false", "false", "true"]
    assert [float(row["probability"]) >= 0.4 for row in found] == [True] * 4 + [False]
    assert len({row["version"] for row in found}) == 1
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / source, tmp_path / target])


def test_types_of_parquet_stay_and_answers_have_theirs(bundle: Path, tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": pa.array([1, None], pa.int16()),
            "deep": pa.array([[{"a": 1.5}], []], pa.list_(pa.struct([("a", pa.float64())]))),
            "raw": pa.array([b"\xff", b""], pa.binary()),
            "text": ["good", "bad"],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    assert run("--bundle", bundle, "--from", tmp_path / "in.parquet", "--to", tmp_path / "out.parquet").exit_code == 0
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.select(table.column_names).equals(table)
    kinds = {name: str(found.schema.field(name).type) for name in ("label", "probability", "abstain", "version")}
    assert kinds == {"label": "string", "probability": "float", "abstain": "bool", "version": "string"}


def test_lines_are_texts(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("good\n\n  bad so so so \n")
    assert run("--bundle", bundle, "--from", tmp_path / "in.txt", "--to", tmp_path / "o.jsonl").exit_code == 0
    assert [(row["text"], row["label"]) for row in read(tmp_path / "o.jsonl")] == [
        ("good", "positive"),
        ("bad so so so", "neutral"),
    ]


@pytest.mark.parametrize("target", ["out.jsonl", "out.csv", "out.parquet"])
def test_each_task_has_its_own_columns(tmp_path: Path, target: str) -> None:
    rows = [{"a": "Anna in new york", "b": "good"}, {"a": "good bad", "b": "good"}]
    source = write(tmp_path / "in.csv", rows)
    found = {}
    for task in tiny_tasks.LABELS:
        tiny_tasks.write_bundle(tmp_path / task, task)
        columns = ["--column", "a", "--column", "b"] if task == "text-pair" else ["--column", "a"]
        result = run("--bundle", tmp_path / task, "--from", source, *columns, "--to", tmp_path / target)
        assert result.exit_code == 0, result.exception
        found[task] = read(tmp_path / target)

    def parsed(value: Any) -> Any:
        return value if target == "out.jsonl" else json.loads(value)

    assert [row["label"] for row in found["text-pair"]] == ["follows", "follows"]
    several = [[one["label"] for one in parsed(row["labels"])] for row in found["multi-label"]]
    assert several == [[], ["negative", "positive"]]
    entities = [[one["text"] for one in parsed(row["entities"])] for row in found["token-tags"]]
    assert entities == [["Anna", "new york"], []]


def test_a_ranking_is_added(bundle: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [{"text": "good good so"}])
    assert run("--bundle", bundle, "--top-k", 2, "--from", source, "--to", tmp_path / "o.jsonl").exit_code == 0
    (row,) = read(tmp_path / "o.jsonl")
    assert [one["label"] for one in row["ranking"]] == ["positive", "neutral"]
    assert (row["label"], row["probability"]) == ("positive", row["ranking"][0]["probability"])


def test_order_is_kept_by_a_server_that_is_busy_and_takes_few_texts(server: Any, tmp_path: Path) -> None:
    """Its queue and its requests hold fewer texts than are sent: it is asked again, and with fewer."""
    texts = [("good", "bad", "so")[number * number % 3] + " so" * (number % 2) for number in range(640)]
    source = write(tmp_path / "in.csv", [{"n": number, "text": text} for number, text in enumerate(texts)])
    result = run("--url", server.http.base_url, "--from", source, "--to", tmp_path / "o.csv")
    assert result.exit_code == 0, result.exception
    assert result.stderr.strip() == (
        f"640 rows of {source} answered (640 by version 3); they are in {tmp_path / 'o.csv'}"
    )
    found = read(tmp_path / "o.csv")
    assert [int(row["n"]) for row in found] == list(range(640))
    with Client(str(server.http.base_url)) as client:
        known = {text: client.infer(client.describe("tiny"), [(text,)])[0].ranking[0][0] for text in set(texts)}
    assert [row["label"] for row in found] == [known[text] for text in texts]
    assert len(set(known.values())) == 3


BAD: list[tuple[str, str, list[str], str]] = [
    ("in.csv", "text\ngood\n" + "a" * 20_001 + "\n", [], "in.csv:3: http://"),
    ("in.csv", "text\ngood\n" + "a" * 20_001 + "\n", [], "has 20001 characters; send at most 20000; change the row"),
    ("in.csv", "text,x\ngood,1\nbad\n", [], "in.csv:3: 1 field where the first line names 2"),
    ("in.csv", "words\ngood\n", [], "in.csv:2 has no column 'text'; name those of the texts with --column: 'words'"),
    ("in.csv", "text,label\ngood,x\n", [], "has a column 'label' already; set --prefix"),
    ("in.jsonl", '{"text": "good"}\n{"text": null}\n', [], "in.jsonl:2: 'text' is null"),
    ("in.jsonl", '{"text": 7}\n', [], "in.jsonl:1: 'text' is '7'; write a text"),
    ("in.jsonl", '{"text": "\\ud800"}\n', [], "in.jsonl:1: 'text' holds half of a character"),
    ("in.txt", "good\nb\0ad\n", [], "in.txt:2: holds a NUL byte"),
    ("in.csv", "text\n", [], "in.csv has no rows"),
    ("in.xlsx", "x", [], "cannot tell what is in"),
    ("in.csv", "text\ngood\n", ["--column", "text", "--column", "x"], "tiny reads text; name a --column for each"),
    ("in.csv", "text\ngood\n", ["--top-k", "9"], "top_k must be a whole number from 1 to 3, got 9"),
]


@pytest.mark.parametrize(("name", "content", "more", "reason"), BAD)
def test_what_is_wrong_is_said_and_nothing_is_written(
    server: Any, tmp_path: Path, name: str, content: str, more: list[str], reason: str
) -> None:
    (tmp_path / name).write_text(content)
    (tmp_path / "out.csv").write_text("as it was")
    said = refused("--url", server.http.base_url, "--from", tmp_path / name, "--to", tmp_path / "out.csv", *more)
    assert reason in said
    assert (tmp_path / "out.csv").read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "out.csv"])


def test_encodings_are_named(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("text\nbad é – ü so\n".encode("cp1252"))
    arguments = ("--bundle", bundle, "--from", tmp_path / "in.csv", "--to", tmp_path / "o.jsonl")
    assert "confirm it by --encoding: cp1252" in refused(*arguments)
    assert run(*arguments, "--encoding", "cp1252").exit_code == 0
    assert read(tmp_path / "o.jsonl")[0]["text"] == "bad é – ü so"


def test_a_prefix_tells_columns_apart(bundle: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in.parquet", [{"text": "good", "label": "x"}])
    arguments = ("--bundle", bundle, "--from", source, "--to", tmp_path / "o.parquet", "--prefix", "our-")
    assert run(*arguments).exit_code == 0
    (row,) = read(tmp_path / "o.parquet")
    assert (row["label"], row["our-label"], row["our-abstain"]) == ("x", "positive", False)
    assert 0.5 < row["our-probability"] < 1


def test_rows_of_json_may_have_their_own_columns(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "ROWS_PER_WRITE", 64)
    rows = [{"text": "good", "a": [1]}] * 64 + [{"text": "bad", "b": {"c": None}}]
    source = write(tmp_path / "in.jsonl", rows)
    assert run("--bundle", bundle, "--from", source, "--to", tmp_path / "o.jsonl").exit_code == 0
    found = read(tmp_path / "o.jsonl")
    assert (found[0]["a"], found[64]["b"], len(found)) == ([1], {"c": None}, 65)
    for target in ("o.csv", "o.parquet"):
        said = refused("--bundle", bundle, "--from", source, "--to", tmp_path / target)
        assert "in.jsonl:65 has the column 'b', which none of the first 64 rows has" in said
        assert not (tmp_path / target).exists()
    write(source, [{"text": "good"}] * 64 + [{"text": "bad", "label": "x"}])
    assert "has a column 'label' already" in refused("--bundle", bundle, "--from", source, "--to", tmp_path / "o.jsonl")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--to", "o.csv", "good"], "--to goes with --from FILE"),
        (["--column", "x", "good"], "--column goes with --from FILE"),
        (["--from", "in.csv"], "--from FILE goes with --to FILE"),
        (["--from", "in.csv", "--to", "o.csv", "good"], "neither with texts nor with --json"),
        (["--from", "in.csv", "--to", "o.xlsx"], "its name must end in .parquet, .csv, .jsonl"),
        (["--from", "no.csv", "--to", "o.csv"], "no.csv does not exist"),
        (["--from", "in.csv", "--to", "no/o.csv"], "no/o.csv cannot be written: No such file or directory"),
        (["--from", "in.csv", "--to", "./in.csv"], "is the file that is read"),
        (["--name", "x", "good"], "leave it out with --bundle"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("in.csv"), [{"text": "good"}])
    assert reason in refused("--bundle", bundle, *arguments)


def test_texts_are_answered_by_a_bundle_and_marked(bundle: Path) -> None:
    lines = run("--bundle", bundle, "good", "unheard").stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["positive", lines[1].split()[1]], ["negative", "?"]]


def test_progress_is_shown_on_a_terminal_alone(bundle: Path, tmp_path: Path) -> None:
    asked = LocalClient(bundle)
    source = write(tmp_path / "in.csv", [{"text": "good"}] * 200)
    shown = {}
    for terminal in (True, False):
        written = io.StringIO()
        console = Console(file=written, force_terminal=terminal, width=100)
        predict_file(Question(source, tmp_path / "o.csv"), asked, asked.describe(), console)
        shown[terminal] = written.getvalue()
    assert ("200 rows, " in shown[True], "100%" in shown[True], shown[False].strip()) == (True, True, "")


class Counting(LocalClient):
    """Knows how many requests it had, and keeps each a moment."""

    at_once = 4
    now = most = 0

    def infer(self, model: Description, rows: Sequence[Row], top_k: int = 1) -> list[Prediction]:
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.02)
        self.now -= 1
        return super().infer(model, rows, top_k)


def test_several_requests_are_in_flight(bundle: Path, tmp_path: Path) -> None:
    asked = Counting(bundle)
    source = write(tmp_path / "in.csv", [{"text": "good"}] * 1_000)
    assert predict_file(Question(source, tmp_path / "o.csv"), asked, asked.describe()).total() == 1_000
    assert asked.most == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_midway_it_leaves_nothing(running: ModuleType, bundle: Path, tmp_path: Path, number: int) -> None:
    program = "from pipelines.cli import main; main()"
    source = write(tmp_path / "in.csv", [{"text": "good so bad " * 20}] * 200_000)
    arguments = ["predict", "--bundle", str(bundle), "--from", str(source), "--to", str(tmp_path / "o.parquet")]
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=running.ROOT, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 4 for path in tmp_path.glob(".o.parquet.*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, number)
    assert process.wait(30) in (130, 143)
    assert list(tmp_path.iterdir()) == [source]
