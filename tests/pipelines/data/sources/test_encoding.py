from __future__ import annotations

from pathlib import Path

import pytest

from components.base.errors import TextgateError
from pipelines.data.sources import detect_encoding, find_sources
from pipelines.data.sources.encoding import guess_encoding
from pipelines.data.sources.lines import open_lines
from pipelines.data.sources.records import SURROGATE, shorten

# Sentences in languages whose encodings are told apart by them; the shorter ones by a second one.
SENTENCES = {
    "cp1252": ["Le café était très bon, merci à l’équipe — génial", "El niño comió una piñata en la mañana"],
    "cp1250": ["Příliš žluťoučký kůň úpěl ďábelské ódy"],
    "cp1251": ["Привет, как дела? Всё хорошо, спасибо"],
    "koi8_r": ["Привет, как дела? Всё хорошо, спасибо"],
    "cp932": ["これは日本語のテキストです。とても良いです"],
    "gb18030": ["这是一个中文文本,非常好"],
    "big5": ["這是一個中文文本,非常好"],
    "cp949": ["안녕하세요 좋은 제품입니다"],
}


def detect(path: Path, content: bytes) -> tuple[str | None, bool, str]:
    path.write_bytes(content)
    return detect_encoding(find_sources([path], "single-label")[0])


@pytest.mark.parametrize("encoding", SENTENCES)
def test_an_encoding_is_guessed_from_a_sentence_and_from_a_hundred(encoding: str) -> None:
    for sentence in SENTENCES[encoding]:
        for times in (1, 100):
            assert guess_encoding("\n".join([sentence] * times).encode(encoding)) == encoding


def test_detected_is_what_the_setting_must_be(tmp_path: Path) -> None:
    path, lines = tmp_path / "a.csv", "text,label\nein Käse,pos\nnoch ein Käse,neg\n"
    assert detect(path, lines.encode()) == ("", True, "UTF-8")
    assert detect(path, lines.encode("utf-8-sig"))[:2] == ("", True)
    assert detect(path, lines.encode("utf-16"))[:2] == ("", True)
    assert detect(path, lines.encode("utf-16-le"))[:2] == ("utf-16-le", False)
    assert detect(path, lines.encode("utf-32-be"))[:2] == ("utf-32-be", False)
    setting, certain, note = detect(path, lines.encode("cp1252"))
    assert (setting, certain) == ("cp1252", False)
    assert "lines 2, 3 of 3" in note and "'ein Käse,pos'" in note
    setting, certain, note = detect(path, (lines * 20).encode() + "Öl,pos\n".encode("cp1252"))
    assert (setting, certain) == (None, False)
    assert "is UTF-8 but for line 61" in note


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", ""), ("utf-16-le", "\ufeff"), ("utf-32-be", "\ufeff"), ("shift_jis", ""), ("cp1252", "")],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_those_of_the_text_in_any_encoding(encoding: str, mark: str, end: str, tmp_path: Path) -> None:
    text = "ab\u2028c\x85d" if encoding.startswith("utf") else "abc|d"
    lines = [text, "", "zwei" * 5000, "drei"]
    path = tmp_path / "a.csv"
    path.write_bytes((mark + end.join(lines)).encode(encoding))
    setting = "" if mark or encoding == "utf-8" else encoding
    with open_lines(find_sources([path], "single-label")[0], setting) as opened:
        found = list(opened.lines)
    assert [line.text.rstrip("\r\n") for line in found] == lines
    assert [line.number for line in found] == [1, 2, 3, 4]
    assert not any(line.fault for line in found)


def test_bytes_that_are_none_in_the_encoding_are_named_and_the_lines_around_them_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("héllo\n".encode() * 9 + b"caf\xe9 \xff\n" + "wörld\n".encode() * 9)
    with open_lines(find_sources([path], "single-label")[0], "") as opened:
        found = list(opened.lines)
    assert [line.number for line in found if line.fault] == [10]
    reason, detail = found[9].fault or ("", "")
    assert reason == "undecodable bytes" and detail.startswith("the bytes E9 FF in 'caf\\xE9 \\xFF' are not UTF-8")
    assert SURROGATE.search(found[9].text)
    cut = "naïve".encode("utf-16")[:-1]
    path.write_bytes(cut)
    with open_lines(find_sources([path], "single-label")[0], "") as opened:
        assert [bool(line.fault) for line in opened.lines] == [True]


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.data.sources.lines.LONGEST_LINE", 1000)
    (tmp_path / "a.csv").write_text("a,b\n" + "x" * 1001)
    with (
        open_lines(find_sources([tmp_path / "a.csv"], "single-label")[0], "") as opened,
        pytest.raises(TextgateError, match=r"a.csv:2 is longer than"),
    ):
        list(opened.lines)


def test_what_messages_quote_is_short_and_on_one_line() -> None:
    assert shorten("a\tb\nc\udce9") == "'a\\tb\\nc\\xE9'"
    assert shorten("x" * 100) == "'" + "x" * 59 + "…'"
