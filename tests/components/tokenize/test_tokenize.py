from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from components.base.errors import TextgateError
from components.base.files import sha256_file
from components.base.settings import Columns, DataSchema, TokenizationSettings, TokenizeStep
from components.record.reports import encoded
from components.tokenize.component import tokenize as component
from components.tokenize.tokenize import tokenize

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "very", "##ly", "!"]
PAD, UNK, CLS, SEP, GOOD, BAD, VERY, LY, MARK = range(len(WORDS))
SETTINGS = TokenizeStep(
    data=DataSchema(columns=Columns(text="tweet"), labels=["negative", "positive"]),
    options=TokenizationSettings(max_length=8, max_unknown_share=1.0),
)
ROWS = {
    "train": [
        ("a", "Very good!", "positive"),
        ("b", "bad " * 6 + "good " * 13 + "zzz", "negative"),
        ("c", "badly zzz", "negative"),
    ],
    "validation": [("d", "good", "positive")],
    "test": [("e", "zzz zzz zzz good", "positive"), ("f", "", "negative")],
}
BOUNDARIES = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)])


def word_piece() -> Tokenizer:
    vocabulary = {word: index for index, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = BOUNDARIES
    return tokenizer


def unigram() -> Tokenizer:
    pieces = [("[PAD]", 0.0), ("[UNK]", 0.0), ("[CLS]", 0.0), ("[SEP]", 0.0), ("▁good", -1.0), ("▁bad", -1.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=UNK))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = BOUNDARIES
    return tokenizer


def byte_level() -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: index for index, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    write_tables(tmp_path / "tables", ROWS)
    return tmp_path / "tables"


@pytest.fixture
def base_model(tmp_path: Path) -> Path:
    """As published tokenizers often are: with padding and truncation of their own, which must not count."""
    tokenizer = word_piece()
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(128, stride=2)
    return save(tokenizer, tmp_path / "model")


def save(tokenizer: Tokenizer, folder: Path) -> Path:
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def write_tables(folder: Path, rows: dict[str, list[tuple[str, str, str]]]) -> None:
    folder.mkdir(exist_ok=True)
    for split, triples in rows.items():
        columns = [[triple[place] for triple in triples] for place in range(3)]
        arrays = [pa.array(column, pa.string()) for column in columns]
        pq.write_table(pa.table(arrays, names=["id", "tweet", "label"]), folder / f"{split}.parquet")


def read(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def health(folder: Path, split: str) -> dict[str, float]:
    return json.loads((folder / "health.json").read_text())[split]


def test_rows_are_encoded_in_order_and_cut_from_the_right(tables: Path, base_model: Path, tmp_path: Path) -> None:
    tokenize(tables, base_model, SETTINGS, tmp_path / "encoded")
    train = read(tmp_path / "encoded" / "train.arrow")
    ids = ("input_ids", pa.list_(pa.uint16()))
    assert train.schema == pa.schema([("id", pa.string()), ids, ("length", pa.int32()), ("label", pa.int32())])
    assert train.to_pylist() == [
        {"id": "a", "input_ids": [CLS, VERY, GOOD, MARK, SEP], "length": 5, "label": 1},
        {"id": "b", "input_ids": [CLS, *[BAD] * 6, SEP], "length": 22, "label": 0},
        {"id": "c", "input_ids": [CLS, BAD, LY, UNK, SEP], "length": 5, "label": 0},
    ]
    assert read(tmp_path / "encoded" / "validation.arrow")["input_ids"].to_pylist() == [[CLS, GOOD, SEP]]
    assert json.loads((tmp_path / "encoded" / "labels.json").read_text()) == ["negative", "positive"]
    names = sorted(path.name for path in (tmp_path / "encoded").iterdir())
    assert names == ["health.json", "labels.json", "train.arrow", "validation.arrow"]


def test_health_counts_tokens_before_truncation(tables: Path, base_model: Path, tmp_path: Path) -> None:
    tokenize(tables, base_model, SETTINGS, tmp_path / "encoded")
    one = {"p50_tokens": 5, "p95_tokens": 5, "p99_tokens": 5, "truncated_share": 0}
    two = {"p50_tokens": 13.5, "p95_tokens": pytest.approx(21.15), "p99_tokens": pytest.approx(21.83)}
    assert health(tmp_path / "encoded", "train") == {
        "rows": 3,
        "mean_tokens": pytest.approx((5 + 22 + 5) / 3),
        "p50_tokens": 5,
        "p95_tokens": pytest.approx(20.3),
        "p99_tokens": pytest.approx(21.66),
        "max_tokens": 22,
        "truncated_share": pytest.approx(1 / 3),
        "unknown_share": pytest.approx(2 / 26),
        "labels": {"positive": {"rows": 1, **one}, "negative": {"rows": 2, **two, "truncated_share": 0.5}},
    }
    assert health(tmp_path / "encoded", "test")["unknown_share"] == pytest.approx(3 / 4)
    assert health(tmp_path / "encoded", "test")["mean_tokens"] == 4
    assert health(tmp_path / "encoded", "validation")["truncated_share"] == 0
    assert health(tmp_path / "encoded", "validation")["labels"]["negative"] == {"rows": 0}
    digest = sha256_file(base_model / "tokenizer.json")
    assert json.loads((tmp_path / "encoded/health.json").read_text())["tokenizer"] == {"sha256": digest}


def test_mlflow_gets_the_numbers_of_each_split(tables: Path, base_model: Path, tmp_path: Path) -> None:
    tokenize(tables, base_model, SETTINGS, tmp_path / "encoded")
    names = {point.key for point in encoded(tmp_path / "encoded").metrics}
    assert {f"tokens/{split}/{key}" for split in ROWS for key in ("rows", "p99_tokens", "truncated_share")} <= names
    assert not any("label" in name or "sha256" in name for name in names)


def test_a_text_of_just_the_limit_is_not_truncated(base_model: Path, tmp_path: Path) -> None:
    rows = ROWS | {"train": [("a", "bad " * 6, "negative"), ("b", "bad " * 7, "negative")]}
    write_tables(tmp_path / "tables", rows)
    tokenize(tmp_path / "tables", base_model, SETTINGS, tmp_path / "encoded")
    assert health(tmp_path / "encoded", "train")["truncated_share"] == 0.5


@pytest.mark.parametrize(("tokenizer", "unknown"), [(unigram(), 3 / 4), (byte_level(), 0)])
def test_unknown_tokens_of_other_kinds_of_tokenizer(
    tables: Path, tmp_path: Path, tokenizer: Tokenizer, unknown: float
) -> None:
    tokenize(tables, save(tokenizer, tmp_path / "model"), SETTINGS, tmp_path / "encoded")
    assert health(tmp_path / "encoded", "test")["unknown_share"] == pytest.approx(unknown)


def test_equal_input_gives_equal_bytes_in_batches_of_any_size(
    tables: Path, base_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenize(tables, base_model, SETTINGS, tmp_path / "first")
    tokenize(tables, base_model, SETTINGS, tmp_path / "second")
    for path in sorted((tmp_path / "first").iterdir()):
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name
    monkeypatch.setattr("components.tokenize.tokenize.CELL_ROWS", 2)
    tokenize(tables, base_model, SETTINGS, tmp_path / "third")
    assert read(tmp_path / "third" / "train.arrow").equals(read(tmp_path / "first" / "train.arrow"))
    assert (tmp_path / "third" / "health.json").read_bytes() == (tmp_path / "first" / "health.json").read_bytes()


def test_a_base_model_without_a_tokenizer_is_refused(tables: Path, base_model: Path, tmp_path: Path) -> None:
    (base_model / "tokenizer.json").rename(base_model / "vocab.txt")
    with pytest.raises(TextgateError, match=r"no tokenizer\.json; its folder holds vocab\.txt\. Save a fast tokenizer"):
        tokenize(tables, base_model, SETTINGS, tmp_path / "encoded")
    assert not (tmp_path / "encoded").exists()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b'{"version": "1.0", "model": {"type": "Bogus"}}'])
def test_a_tokenizer_that_cannot_be_read_is_refused(
    tables: Path, base_model: Path, tmp_path: Path, content: bytes
) -> None:
    (base_model / "tokenizer.json").write_bytes(content)
    with pytest.raises(TextgateError, match=r"tokenizer\.json is not a usable tokenizer"):
        tokenize(tables, base_model, SETTINGS, tmp_path / "encoded")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": [("e", "good", "spam")]}, "test has the label 'spam', which is not among data.labels"),
        ({"validation": []}, r"validation\.parquet has no rows"),
    ],
)
def test_data_that_was_never_validated_is_refused_and_nothing_is_left(
    tables: Path, base_model: Path, tmp_path: Path, change: dict[str, list[tuple[str, str, str]]], message: str
) -> None:
    write_tables(tables, change)
    with pytest.raises(TextgateError, match=message):
        tokenize(tables, base_model, SETTINGS, tmp_path / "out" / "encoded")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_component_encodes_and_reports_a_failure_in_one_line(
    tables: Path, base_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [SimpleNamespace(path=str(path)) for path in (tables, base_model, tmp_path / "encoded")]
    component.python_func(paths[0], paths[1], SETTINGS.model_dump_json(), paths[2])
    assert read(tmp_path / "encoded" / "train.arrow").num_rows == 3
    assert "::progress:: tokenize train 3/3 rows" in capsys.readouterr().out
    (tables / "test.parquet").unlink()
    with pytest.raises(SystemExit):
        component.python_func(paths[0], paths[1], SETTINGS.model_dump_json(), paths[2])
    assert capsys.readouterr().err.startswith("textgate: tokenize: the data has no test.parquet")
