"""Every task and policy, from tables of random texts, held against the library and against what serves the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from components.base.encoding import Encoder
from components.base.errors import TextgateError
from components.base.settings import DataSchema, TokenizationSettings, TokenizeStep
from components.base.settings.data import Task
from components.base.truncation import Truncation
from components.tokenize.tokenize import merge, tokenize, tokenize_shard
from tests.tokenizers_of_all_kinds import albert, bert, random_texts, roberta, save

LABELS = ["a", "b", "c"]
TEXTS = [text.replace("\x00", "") for text in random_texts(90)]
POLICIES = ["head", "tail", "head_tail", "chunk"]


def make_rows(task: Task) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = [{"id": f"{number:03}", "text": text} for number, text in enumerate(TEXTS)]
    for row in rows:
        row["label"] = str(rng.choice(LABELS))
        if task == "text-pair":
            row["text_pair"] = TEXTS[rng.integers(len(TEXTS))]
        if task == "multi-label":
            row["label"] = [label for label in LABELS if rng.random() < 0.4]
        if task == "token-tags":
            row["tokens"] = row.pop("text").split(" ")
            row["tags"] = [str(rng.choice(LABELS)) for _ in row["tokens"]]
            del row["label"]
    return rows


def write_tables(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True)
    for split, part in {"train": rows, "validation": rows[:9], "test": rows[:5]}.items():
        pq.write_table(pa.Table.from_pylist(part), folder / f"{split}.parquet", row_group_size=20)
    return folder


def settings(task: Task, **options: Any) -> TokenizeStep:
    options = {"max_length": 16, "max_unknown_share": 1.0, **options}
    return TokenizeStep(data=DataSchema(task=task, labels=LABELS), options=TokenizationSettings(**options))


def run(tmp_path: Path, step: TokenizeStep, tokenizer: Tokenizer | None = None) -> tuple[pa.Table, dict[str, Any]]:
    tables = write_tables(tmp_path / "tables", make_rows(step.data.task))
    save(tokenizer or bert(), tmp_path / "model")
    tokenize(tables, tmp_path / "model", step, tmp_path / "encoded")
    with pa.OSFile(str(tmp_path / "encoded/train.arrow")) as file:
        train = pa.ipc.open_file(file).read_all()
    return train, json.loads((tmp_path / "encoded/health.json").read_text())["train"]


def tokenize_in_shards(tables: Path, model: Path, step: TokenizeStep, encoded: Path) -> None:
    """As the pipeline's graph does; the parts come to the merge in no particular order."""
    numbers = range(step.options.shards)
    if len(numbers) == 1:
        return tokenize(tables, model, step, encoded)
    parts = [encoded.with_name(f"part{number}") for number in numbers]
    for number in numbers:
        tokenize_shard(tables, model, step, number, parts[number])
    merge(parts[1:] + parts[:1], step, encoded)


@pytest.fixture(autouse=True)
def _small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.tokenize.tokenize.CELL_ROWS", 16)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_step_encodes_as_serving_does(tmp_path: Path, policy: str) -> None:
    options = {"truncation": policy, "head_share": 0.4, "overlap": 3}
    train, _ = run(tmp_path, settings("single-label", **options))
    served = Encoder(tmp_path / "model/tokenizer.json", Truncation(policy, 16, 0.4, 3)).texts(TEXTS)
    assert train["input_ids"].to_pylist() == [row.tolist() for row in served.ids]
    assert train["length"].to_pylist() == [served.lengths[text] for text in served.texts]
    assert train["id"].to_pylist() == [f"{text:03}" for text in served.texts]
    expected = [LABELS.index(row["label"]) for row in make_rows("single-label")]
    assert train["label"].to_pylist() == [expected[text] for text in served.texts]
    assert ("document" in train.column_names) == (policy == "chunk")
    if policy == "chunk":
        assert train["document"].to_pylist() == served.texts


def test_several_labels(tmp_path: Path) -> None:
    rows = make_rows("multi-label")
    train, health = run(tmp_path, settings("multi-label"))
    assert train.schema.field("label").type == pa.list_(pa.int32())
    assert [[LABELS[number] for number in row] for row in train["label"].to_pylist()] == [row["label"] for row in rows]
    for label in LABELS:
        assert health["labels"][label]["rows"] == sum(label in row["label"] for row in rows)


def test_several_labels_of_windows(tmp_path: Path) -> None:
    rows = make_rows("multi-label")
    train, health = run(tmp_path, settings("multi-label", truncation="chunk"))
    documents = train["document"].to_pylist()
    assert [[LABELS[n] for n in row] for row in train["label"].to_pylist()] == [rows[d]["label"] for d in documents]
    assert len(documents) == health["windows"] > health["rows"] == len(rows)
    assert health["truncated_share"] == 0


@pytest.mark.parametrize(("tokenizer", "typed"), [(bert(), True), (albert(), True), (roberta(), False)])
def test_pairs_have_type_ids_where_the_template_has(tmp_path: Path, tokenizer: Tokenizer, typed: bool) -> None:
    rows = make_rows("text-pair")
    train, health = run(tmp_path, settings("text-pair", max_length=24), tokenizer)
    library = Tokenizer.from_file(str(tmp_path / "model/tokenizer.json"))
    library.no_padding()
    library.enable_truncation(24)
    expected = library.encode_batch([(row["text"], row["text_pair"]) for row in rows])
    assert train["input_ids"].to_pylist() == [encoding.ids for encoding in expected]
    assert ("type_ids" in train.column_names) == typed
    if typed:
        assert train["type_ids"].to_pylist() == [encoding.type_ids for encoding in expected]
    assert health["rows"] == len(rows) and health["max_tokens"] > 24


def test_tags_stand_on_first_pieces_and_lost_words_are_counted(tmp_path: Path) -> None:
    rows = make_rows("token-tags")
    train, health = run(tmp_path, settings("token-tags"))
    assert train.schema.field("tags").type == pa.list_(pa.int16())
    tags = [LABELS.index(tag) for row in rows for tag in row["tags"]]
    encoder = Encoder(tmp_path / "model/tokenizer.json", Truncation("head", 16))
    expected = encoder.words([row["tokens"] for row in rows], tags)
    assert expected.tags is not None and expected.lost is not None and expected.empty is not None
    assert train["tags"].to_pylist() == [row.tolist() for row in expected.tags]
    assert [len(row) for row in train["tags"].to_pylist()] == [len(row) for row in train["input_ids"].to_pylist()]
    assert health["words"] == len(tags)
    assert health["lost_words"] == sum(expected.lost) > 0
    assert health["empty_words"] == sum(expected.empty) > 0
    assert health["labels"]["a"]["rows"] == sum("a" in row["tags"] for row in rows)


def test_a_row_whose_tags_do_not_fit_is_named(tmp_path: Path) -> None:
    rows = make_rows("token-tags")
    rows[20]["tags"].append("a")
    tables = write_tables(tmp_path / "tables", rows)
    save(bert(), tmp_path / "model")
    with pytest.raises(TextgateError, match="train has 19 tokens and 20 tags in the row '020'"):
        tokenize(tables, tmp_path / "model", settings("token-tags"), tmp_path / "encoded")


@pytest.mark.parametrize(("words", "kind"), [(1 << 16, pa.uint16()), ((1 << 16) + 1, pa.uint32())])
def test_ids_take_16_bits_where_the_vocabulary_fits(tmp_path: Path, words: int, kind: pa.DataType) -> None:
    tokenizer = Tokenizer(models.WordLevel({f"w{number}": number for number in range(words)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    rows = [{"id": str(number), "text": f"w{words - 1}", "label": "a"} for number in range(9)]
    tables = write_tables(tmp_path / "tables", rows)
    save(tokenizer, tmp_path / "model")
    tokenize(tables, tmp_path / "model", settings("single-label"), tmp_path / "encoded")
    with pa.OSFile(str(tmp_path / "encoded/train.arrow")) as file:
        train = pa.ipc.open_file(file).read_all()
    assert train.schema.field("input_ids").type == pa.list_(kind)
    assert train["input_ids"][0].as_py() == [words - 1]


@pytest.mark.parametrize("task", ["single-label", "multi-label", "text-pair", "token-tags"])
@pytest.mark.parametrize("shards", [2, 3, 9])
def test_any_number_of_shards_gives_the_same_bytes(tmp_path: Path, task: Task, shards: int) -> None:
    truncation = "chunk" if task in ("single-label", "multi-label") else "tail"
    run(tmp_path, settings(task, truncation=truncation))
    step = settings(task, truncation=truncation, shards=shards)
    tokenize_in_shards(tmp_path / "tables", tmp_path / "model", step, tmp_path / "merged")
    names = sorted(path.name for path in (tmp_path / "encoded").iterdir())
    assert sorted(path.name for path in (tmp_path / "merged").iterdir()) == names
    for name in names:
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "encoded" / name).read_bytes(), name


def test_shards_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "tables", make_rows("single-label"))
    save(bert(), tmp_path / "model")
    step = settings("single-label", shards=3)
    for number in (0, 2):
        tokenize_shard(tables, tmp_path / "model", step, number, tmp_path / f"part{number}")
    parts = [tmp_path / "part0", tmp_path / "part2"]
    for chosen in (parts, [parts[0], parts[0], parts[1]], []):
        with pytest.raises(TextgateError, match="parts of the 3 shards do not fit together"):
            merge(chosen, step, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize("shards", [1, 3])
def test_a_tokenizer_that_knows_too_little_names_the_commonest_culprits(tmp_path: Path, shards: int) -> None:
    vocabulary = {"[UNK]": 0, "good": 1}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    texts = [f"good good good {'Ж ' * (1 + number % 2)}w{number % 25}" for number in range(50)]
    rows = [{"id": f"{number:03}", "text": text, "label": "b"} for number, text in enumerate(texts)]
    tables = write_tables(tmp_path / "tables", rows)
    save(tokenizer, tmp_path / "model")
    step = settings("single-label", max_unknown_share=0.4, shards=shards)
    with pytest.raises(TextgateError, match=r"45\.5% of the tokens in train, more than .*40\.0%") as refused:
        tokenize_in_shards(tables, tmp_path / "model", step, tmp_path / "encoded")
    assert "it does not know: 'Ж' (75), 'w0' (2), 'w1' (2), 'w10' (2)" in str(refused.value)
    assert str(refused.value).count("(2)") == 19
    assert not (tmp_path / "encoded").exists()
    allowed = settings("single-label", max_unknown_share=0.5)
    tokenize(tables, tmp_path / "model", allowed, tmp_path / "encoded")
    assert "Ж" not in (tmp_path / "encoded/health.json").read_text()


def test_an_unknown_label_is_refused_among_many(tmp_path: Path) -> None:
    rows = make_rows("multi-label")
    rows[70]["label"] = ["a", "spam"]
    tables = write_tables(tmp_path / "tables", rows)
    save(bert(), tmp_path / "model")
    labels = [*LABELS, *(f"other {number}" for number in range(100))]
    step = settings("multi-label").model_copy(update={"data": DataSchema(task="multi-label", labels=labels)})
    with pytest.raises(TextgateError, match="train has the label 'spam', which is not .* and 63 more"):
        tokenize(tables, tmp_path / "model", step, tmp_path / "encoded")
