from __future__ import annotations

import random
from collections.abc import Callable

import ftfy.badness
import pyarrow as pa
import pytest

from components.base.settings import DataSchema
from components.validate import texts

LABELS = ["a", "b"]
SINGLE = DataSchema(labels=LABELS)


@pytest.mark.parametrize(
    ("measure", "text", "expected"),
    [
        (texts.lengths, "Käse 🧀", 6),
        (texts.replacement_characters, "a\ufffdb\ufffd", 2),
        (texts.invisible_characters, "zero\u200bwidth\ufeff", 2),
        (texts.invisible_characters, "nul\x00 and \u202eturned", 2),
        (texts.html_entities, "fish &amp; chips &#39;n&#x27; &lt;3", 4),
        (texts.html_entities, "AT&T; R&D & more; &; &#; a&b", 0),
        (texts.invisible_characters, "tab\t line\n return\r", 0),
        (texts.invisible_characters, "👩\u200d👩\u200d👧 نمی\u200cخواهم", 0),
        (texts.damaged, "cafÃ© â€™s", 1),
        (texts.damaged, "schöne Grüße – “Zitat” naïve 日本語 ✓", 0),
        (texts.damaged, "plain ASCII Ã is not", 0),
        (texts.damaged, "lost \ufffd\ufffd", 0),
        (texts.damaged, "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", 1),
        (texts.damaged, "вЂњquoteвЂќ", 1),
        (texts.damaged, "é\u0385b", 1),
        (texts.damaged, "привет, «мир»", 0),
        (texts.mails, "write to first.last+tag@mail.example.co.uk today", 1),
        (texts.mails, "jörg@müller.example", 1),
        (texts.mails, "meet @home at 5 or user@localhost", 0),
        (texts.phones, "call +49 30 1234567", 1),
        (texts.phones, "call (555) 123-4567 now", 1),
        (texts.phones, "tel. (+49) 30 1234567.", 1),
        (texts.phones, "0049 30 1234567", 1),
        (texts.phones, "order 1234567890, on 2026-11-25 10:00, 1.234.567,89", 0),
        (texts.cards, "my card is 4111 1111 1111 1111", 1),
        (texts.cards, "it is 4111 1111 1111 1111.", 1),
        (texts.cards, "no.4111111111111111, 12/29, 123", 1),
        (texts.cards, "Amex 3782 822463 10005", 1),
        (texts.cards, "5500-0000-0000-0004 expired", 1),
        (texts.cards, "a share of 0.4111111111111111", 0),
        (texts.cards, "at 1700000000007 ms", 0),
        (texts.cards, "4111 1111 1111 1112 is no card", 0),
        (texts.cards, "0000000000000000", 0),
    ],
)
def test_what_is_measured_of_a_text(measure: Callable, text: str, expected: int) -> None:
    assert int(measure(pa.array([text]))[0]) == expected


@pytest.mark.parametrize("text", ["", "  \n", "\u00a0", "\u200b \ufeff", "\x00\x01"])
def test_a_text_that_shows_nothing_is_empty(text: str) -> None:
    batch = pa.record_batch([pa.array([text, "x", "🧀"])], names=["text"])
    assert texts.empty(batch, SINGLE).tolist() == [True, False, False]


def test_a_pair_needs_both_of_its_texts() -> None:
    batch = pa.record_batch([pa.array(["a", " ", "a"]), pa.array(["b", "b", ""])], names=["text", "text_pair"])
    assert texts.empty(batch, DataSchema(task="text-pair", labels=LABELS)).tolist() == [False, True, True]
    assert texts.joined(batch, DataSchema(task="text-pair", labels=LABELS)).to_pylist() == ["a\nb", " \nb", "a\n"]


def test_a_sentence_needs_a_token() -> None:
    tokens = pa.array([["a", "b"], [], ["", " "]], pa.list_(pa.string()))
    data = DataSchema(task="token-tags", labels=LABELS)
    assert texts.empty(pa.record_batch([tokens], names=["tokens"]), data).tolist() == [False, True, True]


def test_every_text_that_ftfy_takes_for_damaged_is_found() -> None:
    chosen = random.Random(0)
    ranges = ((0x20, 0x7F), (0xA0, 0x250), (0x370, 0x600), (0x900, 0x980), (0x2010, 0x2600), (0x4E00, 0x4F00))
    letters = [chr(point) for first, last in ranges for point in range(first, last)]
    garbled = []
    for encoding in ("latin-1", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257", "mac_roman", "cp437"):
        for _ in range(2000):
            text = "".join(chosen.choices(letters, k=3)) + chosen.choice(["", " b", "A", "é"])
            garbled += [text, text.encode().decode(encoding, errors="ignore")]
    expected = [ftfy.badness.is_bad(text) for text in garbled]
    assert expected.count(True) > 5000
    assert texts.damaged(pa.array(garbled)).tolist() == expected
