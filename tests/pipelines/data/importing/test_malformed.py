"""Files as people really send them: each is refused with a message that says where and what to do, or is taken in a
documented way; nothing gets lost without being counted, and nothing shows a stack trace."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pipelines.data.importing.conftest import Result, Said, Write, csv_of, good_rows

DROP = {"source": {"bad_rows": "drop"}}
GOOD = csv_of(good_rows())
ROWS = [{"text": text, "label": label} for text, label in good_rows()]
TAGGED = "\n\n".join(f"token{number}\tO\nOslo{number}\tB-LOC" for number in range(6))


class Case(NamedTuple):
    """A file; `says` stands in the message. `rows` is how many the tables get, None where the import is refused."""

    file: str
    content: str | bytes
    says: tuple[str, ...]
    rows: int | None = None
    settings: Mapping[str, Any] = MappingProxyType({})


def jsonl(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in [*ROWS, *rows])


def parquet(**columns: pa.Array) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def texts(extra: int = 0) -> pa.Array:
    return pa.array([text for text, _ in good_rows(12 + extra)])


def labels(*extra: str | None) -> pa.Array:
    return pa.array([*(label for _, label in good_rows()), *extra])


CASES = {
    "csv with a delimiter in a text": Case(
        "a.csv", GOOD + "one, two,pos\n", ("a.csv:14: 3 fields where the first line names 2", "double quotes")
    ),
    "csv with too few fields": Case("a.csv", GOOD + "one\n", ("a.csv:14: 1 field where", "double quotes")),
    "csv with ragged rows dropped": Case(
        "a.csv", GOOD + "one\na,b,c\n", ("too many or too few fields: 2", "a.csv:15", "bad.jsonl"), 12, DROP
    ),
    "csv with a quote left open to the end": Case(
        "a.csv", GOOD + '"he said,pos\nfine,neg\n', ("a.csv:14: a quote that is opened in the row", 'twice ("")')
    ),
    "csv with a quote left open until the next quote": Case(
        "a.csv",
        GOOD + '"he said,pos\nfine,neg\n"well, then",pos\n',
        ("a.csv:14: a quote that is opened in the row that begins here is closed on line 16", "quotes: 1"),
        14,
        DROP,
    ),
    "csv with text after a closing quote": Case("a.csv", GOOD + '"a" b,pos\n', ("a.csv:14", "closed in the midst")),
    "csv whose quotes mean nothing": Case("a.csv", GOOD + '"a b,pos\n', (), 13, {"source": {"quote": ""}}),
    "csv with a NUL byte": Case("a.csv", GOOD + "a\0b,pos\n", ("a.csv:14: holds a NUL byte", "take it out")),
    "csv with NUL bytes dropped": Case("a.csv", GOOD + "a\0b,pos\n", ("NUL bytes: 1",), 12, DROP),
    "csv with a byte order mark of UTF-8": Case("a.csv", b"\xef\xbb\xbf" + GOOD.encode(), ("UTF-8, by its byte",), 12),
    "csv in UTF-16 with its mark": Case("a.csv", GOOD.encode("utf-16"), ("UTF-16, by its byte order mark",), 12),
    "csv in UTF-16 without": Case("a.csv", GOOD.encode("utf-16-be"), ("a.csv", "data.source.encoding: utf-16-be")),
    "csv in UTF-32 with its mark": Case("a.csv", GOOD.encode("utf-32"), ("UTF-32, by its",), 12),
    "csv in Windows-1252": Case(
        "a.csv",
        (GOOD + "Le café était très bon,pos\nmerci à l’équipe,neg\n").encode("cp1252"),
        ("lines 14, 15 of 15", "looks like cp1252", "'Le café était très", "data.source.encoding: cp1252"),
    ),
    "csv in Windows-1252, confirmed": Case(
        "a.csv", (GOOD + "un café,pos\n").encode("cp1252"), ("read as cp1252",), 13, {"source": {"encoding": "cp1252"}}
    ),
    "csv in UTF-8 said to be Windows-1252": Case(
        "a.csv", GOOD + "un café,pos\n", ("a.csv is UTF-8", "'un cafÃ©"), None, {"source": {"encoding": "cp1252"}}
    ),
    "an encoding that is none": Case(
        "a.csv", GOOD, ("'utf-9' is no encoding",), None, {"source": {"encoding": "utf-9"}}
    ),
    "csv in two encodings": Case(
        "a.csv",
        (GOOD + "öl,pos\nmüde,neg\nweiß,pos\n").encode() + "über,neg\n".encode("cp1252"),
        ("a.csv:17: the byte FC in '\\xFCber", "write the line anew"),
    ),
    "csv in two encodings, the lesser dropped": Case(
        "a.csv",
        (GOOD + "öl,pos\nmüde,neg\nweiß,pos\n").encode() + "über,neg\n".encode("cp1252"),
        ("undecodable bytes: 1", "a.csv:17"),
        15,
        DROP,
    ),
    "csv with semicolons": Case(
        "a.csv", GOOD.replace(",", ";"), ("no column 'text', 'label'", 'data.source.delimiter to ";"')
    ),
    "csv without the column": Case(
        "a.csv", csv_of(good_rows(), "text,category"), ("'label'", "'category'", "data.columns")
    ),
    "csv with a column twice": Case("a.csv", "text,label,text\na,pos,b\n", ("a.csv:1 names the column 'text' twice",)),
    "csv with nothing in it": Case("a.csv", "", ("a.csv is empty",)),
    "csv with a head only": Case("a.csv", "text,label\n", ("a.csv: no rows are in there",)),
    "csv with line ends of an old Mac": Case("a.csv", GOOD.replace("\n", "\r"), (), 12),
    "csv with texts of only white space": Case(
        "a.csv", GOOD + '" \t\u3000",pos\n', ("a.csv:14: 'text' holds nothing that can be seen", "take the row out")
    ),
    "csv with texts of zero width": Case("a.csv", GOOD + "\u200b\u200d\ufeff,pos\n", ("a.csv:14", "'\\u200b\\u200d")),
    "csv with emoji and zero-width characters": Case("a.csv", GOOD + "👩\u200d🚀 zero\u200bwidth,pos\n", (), 13),
    "csv with a text of 2 million characters": Case("a.csv", GOOD + "ab " * 700_000 + ",pos\n", (), 13),
    "csv with labels that differ by case and space": Case(
        "a.csv",
        GOOD + "x,POS\ny,neg \nz,Neg\n",
        ("differ only by case or space", "data.source.rename_labels: {", "POS: pos", "'neg ': neg", "'POS'"),
        15,
    ),
    "csv with 5,000 labels": Case(
        "a.csv",
        csv_of([(f"text {n}", f"label {n % 5000:04}") for n in range(15000)]),
        ("5000 labels: 'label 0000'", "and 4990"),
        15000,
    ),
    "csv with one label": Case(
        "a.csv", csv_of([(f"text {n}", "pos") for n in range(9)]), ("all rows have one label",), 9
    ),
    "csv with an id twice": Case(
        "a.csv",
        csv_of([(str(n), *row) for n, row in enumerate(good_rows())] + [("7", "other", "pos")], "id,text,label"),
        ("the id '7' stands at", "make it unique"),
    ),
    "csv with an id twice, dropped": Case(
        "a.csv",
        csv_of([(str(n), *row) for n, row in enumerate(good_rows())] + [("7", "other", "pos")], "id,text,label"),
        ("an id that another row has: 1", "'7'"),
        12,
        DROP,
    ),
    "csv with an id left out": Case(
        "a.csv",
        csv_of([(str(n), *row) for n, row in enumerate(good_rows())] + [("", "b", "pos")], "id,text,label"),
        ("a.csv:14: the row has no id",),
    ),
    "csv packed by gzip under another name": Case("a.csv", gzip.compress(GOOD.encode()), ("packed by gzip", ".gz")),
    "gzip that is cut off": Case("a.csv.gz", gzip.compress(GOOD.encode())[:-20], ("a.csv.gz is damaged or cut off",)),
    "zstd that is none": Case("a.csv.zst", b"text,label\n", ("a.csv.zst is damaged or cut off",)),
    "a workbook called csv": Case("a.csv", b"PK\x03\x04" + bytes(50), ("Excel workbook",)),
    "a file that is not known": Case("a.xlsx", b"PK\x03\x04", ("a.xlsx", ".parquet")),
    "json with a list where a string stands": Case(
        "a.jsonl",
        jsonl({"text": ["a", "b"], "label": "pos"}),
        ("a.jsonl:13: 'text' is a list, '[\"a\", \"b\"]'", "one string"),
    ),
    "json with null for a label": Case(
        "a.jsonl", jsonl({"text": "a", "label": None}), ("a.jsonl:13: 'label' is null",)
    ),
    "json without a key": Case("a.jsonl", jsonl({"text": "a"}), ("a.jsonl:13: 'label' is absent",)),
    "json with the key nowhere": Case("a.jsonl", '{"body": "a", "label": "b"}\n' * 9, ("no column 'text'", "'body'")),
    "json with numbers for labels": Case(
        "a.jsonl",
        "".join(json.dumps({"text": f"t{n}", "label": n % 2}) + "\n" for n in range(9)),
        (),
        9,
        {"labels": ["0", "1"]},
    ),
    "json that breaks off": Case("a.jsonl", jsonl() + '{"text": "a", "lab', ("a.jsonl:13: ", "one object a line")),
    "json with a key twice": Case(
        "a.jsonl", jsonl() + '{"text": "a", "text": "b", "label": "pos"}', ("key 'text' stands twice",)
    ),
    "json with half a character": Case(
        "a.jsonl", jsonl() + '{"text": "a \\ud83d", "label": "pos"}', ("a.jsonl:13", "half of a character")
    ),
    "json with NaN": Case("a.jsonl", jsonl() + '{"text": "a", "label": NaN}', ("a.jsonl:13: NaN is no number",)),
    "json nested without end": Case("a.jsonl", jsonl() + "[" * 200_000, ("a.jsonl:13", "nested too deep")),
    "json that is one list": Case("a.json", json.dumps(ROWS), ("begins with a JSON list", "jq -c '.[]' a.json")),
    "json over several lines": Case("a.json", json.dumps({"rows": ROWS}, indent=1), ("over several lines", "jq -c")),
    "parquet with a nested label": Case(
        "a.parquet",
        parquet(text=texts(), label=pa.array([{"name": "pos"}] * 12)),
        ("'label' holds struct<name: string>",),
    ),
    "parquet with lists of labels": Case(
        "a.parquet", parquet(text=texts(), label=pa.array([["pos"]] * 12)), ("a.parquet, row 1: 'label' is a list",)
    ),
    "parquet with a label missing": Case(
        "a.parquet", parquet(text=texts(1), label=labels(None)), ("no value: 1", "a.parquet, row 13"), 12, DROP
    ),
    "parquet with bytes for texts": Case(
        "a.parquet", parquet(text=texts().cast(pa.binary()), label=labels()), ("holds binary",)
    ),
    "parquet that is cut off": Case(
        "a.parquet", parquet(text=texts(), label=labels())[:-9], ("a.parquet cannot be read",)
    ),
    "parquet with text that is not UTF-8": Case(
        "a.parquet",
        parquet(text=pa.array([*texts().to_pylist(), "über"]), label=labels("pos")).replace(
            "über".encode(), b"\xfc\xfcber"
        ),
        ("a.parquet, row 13: 'text' holds bytes that are not UTF-8",),
    ),
    "conll with a line of one column": Case(
        "a.conll", TAGGED + "\n\nOslo\n", ("a.conll:19: 1 column instead of 2",), None, {"task": "token-tags"}
    ),
    "conll with a tag left empty": Case(
        "a.conll", TAGGED + "\n\nOslo\t\n", ("a.conll:19", "label"), None, {"task": "token-tags"}
    ),
    "conll with blanks between sentences, and documents": Case(
        "a.txt", "-DOCSTART-\tO\n \t \n" + TAGGED.replace("\n\n", "\n \t\n"), (), 6, {"task": "token-tags"}
    ),
    "conll that is prose": Case(
        "a.txt", "Hello!\n", ("a.txt:1 has 1 column", "is it a CoNLL file"), None, {"task": "token-tags"}
    ),
    "csv for token tags": Case("a.csv", GOOD, ("token tags are read from CoNLL",), None, {"task": "token-tags"}),
    "json with fewer tags than tokens": Case(
        "a.jsonl",
        '{"tokens": ["a", "b"], "tags": ["O"]}\n',
        ("a.jsonl:1: 2 tokens and 1 tags",),
        None,
        {"task": "token-tags"},
    ),
    "csv with label sets and no separator": Case(
        "a.csv", GOOD, ("Set data.source.label_separator",), None, {"task": "multi-label"}
    ),
}


REFUSED = [name for name, case in CASES.items() if case.rows is None]
TAKEN = [name for name, case in CASES.items() if case.rows is not None]


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_by_file_and_line_with_what_to_do(
    name: str, write: Write, run: Callable[..., Said], project: Path
) -> None:
    case = CASES[name]
    said = run("--from", write(case.file, case.content), **case.settings)
    assert said.status == 1 and not said.out
    assert not [part for part in case.says if part not in said.err], said.err
    assert "Traceback" not in said.err and "fault of textgate" not in said.err
    assert not (project / "own").exists() and not (project / "own.dvc").exists()


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_all_the_same_is_counted_and_said(name: str, write: Write, build: Callable[..., Result]) -> None:
    case = CASES[name]
    # That the rows add up is what `build` asserts.
    built = build(write(case.file, case.content), **case.settings).built
    said = "\n".join([*built.bad, *built.remarks, *(f"read as {note}" for note in built.files)])
    assert not [part for part in case.says if part not in said], said
    assert built.kept == case.rows
