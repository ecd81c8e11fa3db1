from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from pipelines.data.init.reading import find_reading
from tests.pipelines.data.init.conftest import Table

Texts = Callable[[int], list[str]]


@pytest.mark.parametrize(
    ("name", "delimiter", "setting"),
    [
        ("a.csv", ",", ""),
        ("a.csv", ";", ";"),
        ("a.csv", "\t", "\t"),
        ("a.csv", "|", "|"),
        ("a.tsv", "\t", ""),
        ("a.tsv", ",", ","),
        ("a.csv.gz", ";", ";"),
    ],
)
def test_what_parts_the_columns_is_found(name: str, delimiter: str, setting: str, table: Table, texts: Texts) -> None:
    """Also where the texts hold all the others."""
    rows = [[f"{text}; {text}, {text} | {text}", "x"] for text in texts(50)]
    reading = find_reading([table(name, ["text", "label"], rows, delimiter)], None)
    assert (reading.settings.delimiter, reading.delimiter) == (setting, delimiter)
    assert (reading.settings.quote, reading.settings.encoding, reading.guesses) == ('"', "", [])


def test_a_delimiter_that_the_user_names_is_not_doubted(table: Table, texts: Texts) -> None:
    path = table("a.csv", ["text;label", "other"], [[f"{text};x", "y"] for text in texts(20)])
    assert find_reading([path], None).settings.delimiter == ""
    assert find_reading([path], None, delimiter=";").settings.delimiter == ";"


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_files_of_several_kinds_get_one_delimiter(delimiter: str, table: Table, texts: Texts) -> None:
    rows = [[text, "x"] for text in texts(20)]
    paths = [table(name, ["text", "label"], rows, delimiter) for name in ("a.csv", "b.tsv")]
    assert find_reading(paths, None).settings.delimiter == delimiter


def test_some_rows_that_do_not_fit_do_not_decide(tmp_path: Path, texts: Texts) -> None:
    lines = [f"{text};x" + ";y" * (number % 5 == 0) for number, text in enumerate(texts(60))]
    (tmp_path / "a.csv").write_text("\n".join(["text;label", *lines]))
    assert find_reading([tmp_path / "a.csv"], None).settings.delimiter == ";"


def test_quotes_within_texts_are_no_quotes(tmp_path: Path, texts: Texts) -> None:
    lines = [f'"{text}\tx' if number % 3 else f"{text}\ty" for number, text in enumerate(texts(60))]
    (tmp_path / "a.tsv").write_text("\n".join(["text\tlabel", *lines]))
    assert find_reading([tmp_path / "a.tsv"], None).settings.quote == ""


@pytest.mark.parametrize("more", ["", ", too"])
def test_an_odd_quote_does_not_decide(more: str, tmp_path: Path, texts: Texts) -> None:
    lines = [f'"{text}{more}",x' for text in texts(60)]
    lines[7] = '"left open,x'
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *lines]))
    assert find_reading([tmp_path / "a.csv"], None).settings.quote == '"'


def test_a_legacy_encoding_is_a_guess(table: Table, texts: Texts) -> None:
    rows = [[f"{text} – Größe der Bestellung geändert, schöne Grüße", "x"] for text in texts(30)]
    reading = find_reading([table("a.csv", ["text", "label"], rows, encoding="cp1252")], None)
    assert reading.settings.encoding == "cp1252" and len(reading.guesses) == 1 and "cp1252" in reading.guesses[0]
    known = find_reading([table("a.csv", ["text", "label"], rows, encoding="cp1252")], None, encoding="cp1252")
    assert (known.settings.encoding, known.guesses) == ("cp1252", [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_no_guess(encoding: str, table: Table, texts: Texts) -> None:
    rows = [[f"{text} – Größe", "x"] for text in texts(30)]
    reading = find_reading([table("a.csv", ["text", "label"], rows, encoding=encoding)], None)
    assert (reading.settings.encoding, reading.guesses) == ("", [])


def test_utf8_with_a_damaged_line_stays_utf8(table: Table, texts: Texts) -> None:
    path = table("a.csv", ["text", "label"], [[f"{text} – Größe", "x"] for text in texts(30)])
    with path.open("ab") as file:
        file.write("Größe,x\n".encode("latin-1"))
    reading = find_reading([path], None)
    assert reading.settings.encoding == "" and "but for line 32" in reading.guesses[0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.jsonl", b"", "a.jsonl is empty"),
        ("a.csv", bytes(range(128, 256)) * 20, "--encoding"),
        ("a.csv", b"text,text\na,b\n", "names the column 'text' twice"),
        ("a.csv", b"PK\x03\x04", "Excel"),
        ("a.docx", b"x", "with --task token-tags"),
    ],
)
def test_what_cannot_be_read_is_said(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TextgateError, match=message):
        find_reading([tmp_path / name], None)


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TextgateError, match=r"no\.csv does not exist"):
        find_reading([tmp_path / "no.csv"], None)


def test_conll_does_not_go_with_others(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("a O\n")
    (tmp_path / "b.csv").write_text("text,label\na,b\n")
    with pytest.raises(TextgateError, match=r"a\.conll is CoNLL and .*b\.csv is not"):
        find_reading([tmp_path], None)
