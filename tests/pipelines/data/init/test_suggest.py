from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from components.base.errors import TextgateError
from components.base.settings import Settings, load
from components.base.tables import read_table
from pipelines.cli import cli
from pipelines.data.importing import import_files
from pipelines.data.init.suggest import order_labels
from tests.pipelines.data.init.conftest import Table

ROOT = Path(__file__).resolve().parents[4]
Texts = Callable[[int], list[str]]
LABELS = ("no", "yes", "maybe")


@pytest.fixture(autouse=True)
def workplace(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return project


def init(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["init", "--from", *map(str, arguments)])


def made(*arguments: str | Path, name: str = "made") -> Settings:
    result = init(*arguments, "--name", name, "--force")
    assert result.exit_code == 0, result.exception or result.output
    return load(Path(f"configs/{name}.yaml"))


def message(*arguments: str | Path) -> str:
    result = init(*arguments)
    assert isinstance(result.exception, TextgateError), result.output
    assert not Path("configs").exists()
    return str(result.exception)


def labelled(texts: list[str]) -> list[list[str]]:
    return [[text, LABELS[number % 3]] for number, text in enumerate(texts)]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz"])
def test_delimited_files(name: str, table: Table, texts: Texts) -> None:
    path = table(name, ["text", "label"], labelled(texts(90)), "\t" if ".tsv" in name else ",")
    settings = made(path)
    assert settings.data.task == "single-label" and settings.data.labels == ["maybe", "no", "yes"]
    assert settings.data.columns.text == "text" and settings.data.source.bad_rows == "refuse"
    rules = settings.gate.rules
    assert (rules["accuracy"].at_least, rules["macro_f1"].at_least, rules["each_label"].label) == (0.5, 0.4, "*")
    text = Path("configs/made.yaml").read_text()
    assert "    each_label: {metric: recall, label: '*', at_least: 0.05}  # one that is never predicted" in text
    assert settings.data.version.endswith("clone/made.dvc") and settings.data.remotes[0].endswith("clone/.dvc/cache")


def test_json_lines_of_several_labels(tmp_path: Path, texts: Texts) -> None:
    rows = [
        {"uid": f"u{n}", "body": text, "topics": [["a"], ["a", "b"], []][n % 3]} for n, text in enumerate(texts(90))
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = made(tmp_path / "a.jsonl")
    data = settings.data
    assert (data.task, data.labels, data.columns.id, data.columns.label) == ("multi-label", ["a", "b"], "uid", "topics")
    assert settings.training.keep_best == "micro_f1"
    rules = settings.gate.rules
    assert (rules["micro_f1"].at_least, rules["all_labels_right"].metric) == (0.4, "accuracy")


def test_a_sheet_of_several_labels(table: Table, texts: Texts) -> None:
    rows = [[text, ["a", "a; b", "b;c", ""][number % 4]] for number, text in enumerate(texts(90))]
    data = made(table("a.csv", ["text", "topics"], rows)).data
    assert (data.task, data.labels, data.source.label_separator) == ("multi-label", ["a", "b", "c"], ";")


def test_parquet_of_tokens_and_tags(tmp_path: Path, texts: Texts) -> None:
    tokens = [text.split() for text in texts(90)]
    tags = [["B-X", "I-X", *["O"] * (len(row) - 2)] for row in tokens]
    pq.write_table(pa.table({"tokens": tokens, "tags": tags}), tmp_path / "a.parquet")
    settings = made(tmp_path / "a.parquet")
    assert (settings.data.task, settings.data.labels) == ("token-tags", ["O", "B-X", "I-X"])
    rules = settings.gate.rules
    assert (rules["micro_f1"].at_least, rules["macro_f1"].at_least, "accuracy" in rules) == (0.3, 0.1, False)


def test_conll(tmp_path: Path, texts: Texts) -> None:
    sentences = [
        "\n".join(f"{token} {['O', 'B-X', 'I-X'][min(n, 2)]}" for n, token in enumerate(text.split()))
        for text in texts(120)
    ]
    files = [tmp_path / "ner.train.conll", tmp_path / "ner.dev.conll"]
    for file, rows in zip(files, (sentences[:60], sentences[60:]), strict=True):
        file.write_text("\n\n".join(rows))
    result = init(*files)
    settings = load(Path("configs/ner.yaml"))
    assert (settings.data.task, settings.data.labels) == ("token-tags", ["O", "B-X", "I-X"])
    assert settings.data.source.split.by == "files" and settings.validation.max_label_share == 1.0
    assert "textgate run" not in result.output and "BIO" not in result.output


def test_tags_that_are_not_bio_are_counted(tmp_path: Path, texts: Texts) -> None:
    tags = [["I-X", "O"], ["B-X", "I-X"], ["B-X", "o"], ["O", "B-X"]]
    rows = [
        "\n".join(f"{token} {tag}" for token, tag in zip(text.split(), tags[number % 4], strict=False))
        for number, text in enumerate(texts(60))
    ]
    rows = [f"{row}\n{number} O" for number, row in enumerate(rows)]
    (tmp_path / "a.conll").write_text("\n\n".join(rows))
    output = init(tmp_path / "a.conll").output
    assert "30 rows with tags that are not valid BIO" in output and "(O, B-type, I-type), which validation" in output
    assert "'o' and 'O'" in output
    assert "# 30 rows with tags" in Path("configs/a.yaml").read_text()


def test_pairs(table: Table, texts: Texts) -> None:
    rows = [[one, other, LABELS[n % 3]] for n, (one, other) in enumerate(zip(texts(90), texts(90)[::-1], strict=True))]
    settings = made(table("a.csv", ["premise", "hypothesis", "label"], rows))
    assert settings.data.task == "text-pair" and settings.data.columns.text_pair == "hypothesis"
    longest = max(len(f"{one}\n{other}") for one, other, _ in rows)
    assert settings.validation.max_text_length >= longest, "validation measures both texts together"


def test_every_label_is_written_wherever_it_stands(table: Table, texts: Texts) -> None:
    """Those of a sorted file, more than a sample shows, come in an order that their rows do not change."""
    rows = [[text, f"label {number // 5}"] for number, text in enumerate(texts(1500))]
    path = table("a.csv", ["text", "label"], rows)
    labels = made(path).data.labels
    assert len(labels) == 300 and labels == sorted(labels)
    assert made(table("b.csv", ["text", "label"], rows[::-1]), name="other").data.labels == labels


@pytest.mark.parametrize(
    ("task", "labels", "ordered"),
    [
        ("single-label", ["b", "B", "a", "C"], ["a", "B", "b", "C"]),
        ("single-label", ["10", "9", "1"], ["1", "9", "10"]),
        ("token-tags", ["I-B", "B-B", "B-A", "O", "I-A"], ["O", "B-A", "I-A", "B-B", "I-B"]),
    ],
)
def test_labels_have_one_order(task: str, labels: list[str], ordered: list[str]) -> None:
    assert order_labels(labels, task) == ordered == order_labels(labels[::-1], task)  # type: ignore[arg-type]


def test_a_guessed_encoding_is_written_with_a_warning_and_no_text(table: Table, texts: Texts) -> None:
    rows = [[f"{text} schöne Grüße", label] for text, label in labelled(texts(90))]
    path = table("a.csv", ["Beschreibung", "Größe"], rows, ";", "cp1252")
    result = init(path)
    text = Path("configs/a.yaml").read_text(encoding="utf-8")
    assert "encoding: cp1252  # a guess" in text and 'delimiter: ";"  # semicolon' in text
    assert "Grüße" not in text and str(path.parent) not in text
    assert "cp1252" in result.output and str(path) in result.output
    assert load(Path("configs/a.yaml")).data.columns.label == "Größe"


def test_what_the_settings_would_do_is_counted(table: Table, texts: Texts) -> None:
    train, test = labelled(texts(300))[:200], labelled(texts(300))[200:]
    train += [train[0], train[0], [train[1][0].upper(), "other"], test[3], test[4]]
    train += [["", "no"], ["a text", " "], ["one more text", "NO"], ["and more text", "NO"]]
    paths = [table(f"{split}.csv", ["text", "label"], rows) for split, rows in (("train", train), ("test", test))]
    result = init(*paths, "--name", "made")
    text = Path("configs/made.yaml").read_text()
    assert "duplicates: keep  # 2 rows with" in text
    assert "# 2 rows with a text whose copies have different labels" in text
    assert "2 rows with a text that stands in a later split, too" in text
    assert "2 rows of 309 cannot be taken (empty text: 1, no label: 1)" in text
    assert "# rename_labels: {'NO': 'no'}" in text
    for key in ("duplicates", "contradictions", "leaks"):
        assert f"(data.source.{key})" in result.output
    assert "'NO' and 'no'" in result.output
    assert "too rare for three splits: 'NO', 'other'" in result.output
    settings = load(Path("configs/made.yaml"))
    dropped = {"bad_rows": "drop", "duplicates": "drop", "contradictions": "drop", "leaks": "drop"}
    source = settings.data.source.model_copy(update=dropped)
    imported = import_files(paths, settings.data.model_copy(update={"source": source}))
    assert sorted(imported.built.dropped.values()) == [1, 1, 2, 2, 2]


def test_clean_data_has_nothing_to_look_at(table: Table, texts: Texts) -> None:
    result = init(table("a.csv", ["text", "label"], labelled(texts(90))))
    assert "to look at" not in result.output
    text = Path("configs/a.yaml").read_text()
    assert "duplicates: keep  # none" in text and "rename_labels" not in text and "cannot be taken" not in text


def test_what_could_guide_a_split_is_a_comment(table: Table, texts: Texts) -> None:
    rows = [
        [*row, f"c{number % 20}", f"2024-01-{number % 28 + 1:02}"] for number, row in enumerate(labelled(texts(90)))
    ]
    settings = made(table("a.csv", ["text", "label", "customer", "day"], rows))
    text = Path("configs/made.yaml").read_text()
    assert "# entity: customer" in text and "# time: day" in text
    assert (settings.data.source.split.entity, settings.data.source.split.time) == ("", "")
    assert "keep: [customer, day]" in text and settings.data.columns.keep == []
    Path("configs/made.yaml").write_text(text.replace("# entity:", "entity:").replace("# time:", "time:"))
    assert load(Path("configs/made.yaml")).data.source.split.entity == "customer"


def test_what_the_user_says_decides(table: Table, texts: Texts) -> None:
    rows = [[f"n{n}", text, text + " !", LABELS[n % 3], "ab"[n % 2]] for n, text in enumerate(texts(90))]
    path = table("a.csv", ["nr", "body", "title", "label", "topic"], rows)
    decided = ["--text", "body", "--text-pair", "title", "--label", "topic", "--id", "nr"]
    data = made(path, *decided).data
    assert data.task == "text-pair"
    assert data.roles == {"id": "nr", "text": "body", "text_pair": "title", "label": "topic"}
    assert made(path, "--task", "single-label", "--label", "topic").data.labels == ["a", "b"]


def test_the_commands_are_those_that_come_next(table: Table, texts: Texts) -> None:
    path = table("my files/a b.csv", ["text", "label"], labelled(texts(90)))
    result = init(path.parent)
    commands = [shlex.split(line) for line in result.output.splitlines() if line.startswith("    textgate")]
    config = "configs/my-files.yaml"
    assert commands == [
        ["textgate", "data", "import", "--from", str(path.parent), "--config", config],
        ["textgate", "data", "validate", "--config", config],
        ["textgate", "run", "--config", config],
    ]
    imported = CliRunner().invoke(cli, commands[0][1:])
    assert imported.exit_code == 0, imported.exception
    data = load(Path(config)).data
    rows = sum(
        read_table(Path(data.version).with_suffix(""), split, data).num_rows
        for split in ("train", "validation", "test")
    )
    assert rows == 90


def test_a_config_is_not_overwritten(table: Table, texts: Texts) -> None:
    path = table("a.csv", ["text", "label"], labelled(texts(90)))
    assert init(path).exit_code == 0
    Path("configs/a.yaml").write_text("mine")
    assert "exists already" in str(init(path).exception)
    assert Path("configs/a.yaml").read_text() == "mine"
    assert init(path, "--force").exit_code == 0
    assert init(path, "--output", "configs/b.yaml").exit_code == 0 and Path("configs/b.yaml").exists()


def test_what_cannot_become_a_config_is_refused(tmp_path: Path, table: Table, texts: Texts) -> None:
    assert "no.csv does not exist" in message(tmp_path / "no.csv")
    assert "there are no rows" in message(table("header.csv", ["text", "label"], []))
    assert "looks like data" in message(table("headless.csv", ["some text", "no"], labelled(texts(30))))
    assert "no column holds text" in message(table("numbers.csv", ["a", "b"], [[n, n / 3] for n in range(30)]))
    assert "has the one value 'x'" in message(table("one.csv", ["text", "label"], [[text, "x"] for text in texts(30)]))
    many = table("many.csv", ["text", "label"], [[text, text] for text in texts(10_100)])
    assert "more than 10,000 different values" in message(many, "--label", "label")


def test_all_rows_that_are_bad_are_refused_with_an_example(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "cut\n' * 5)
    assert "none of the rows can be read" in message(tmp_path / "a.jsonl")


def test_banking77(public_data: Callable[[str], Path]) -> None:
    """The config in the repository is still what init finds, but for what a person changed."""
    folder = public_data("banking77")
    paths = [folder / "train.csv", folder / "test.csv"]
    drafted, kept = made(*paths), load(ROOT / "configs/banking-intents.yaml")
    assert drafted.data.labels == kept.data.labels and drafted.data.columns == kept.data.columns
    assert drafted.data.source.split == kept.data.source.split
    assert drafted.tokenization == kept.tokenization
    assert drafted.training.bucket_lengths == kept.training.bucket_lengths
    text = Path("configs/made.yaml").read_text()
    assert "5 rows with a further copy" in text and "7 rows with a text that stands in a later split" in text
    version = str(Path("banking-intents.dvc").absolute())
    imported = import_files(paths, kept.data.model_copy(update={"version": version}))
    assert imported.built.splits == {"train": 8890, "validation": 1106, "test": 3080}
    for split, rows in imported.built.splits.items():
        assert 0 < kept.validation.min_rows[split] <= rows  # type: ignore[index]
