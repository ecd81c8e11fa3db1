from __future__ import annotations

import hashlib

import pytest

from pipelines.data.default.clean import clean, unescape
from pipelines.data.default.source import SourceRow


def row(text: bytes, label: str = "neutral", confidence: float | None = None) -> SourceRow:
    return SourceRow(text, label, confidence, 2)


def test_of_copies_the_first_stays_and_the_id_is_that_of_the_normalised_text() -> None:
    rows, counts = clean([row(b"Good\rMorning ", confidence=0.5), row(b"good  morning", confidence=1.0), row(b"other")])
    kept = {one.text: one for one in rows}
    assert set(kept) == {"Good\nMorning", "other"}
    assert kept["Good\nMorning"].confidence == 0.5
    assert kept["Good\nMorning"].id == hashlib.sha256(b"good morning").hexdigest()[:16]
    assert [one.id for one in rows] == sorted(one.id for one in rows)
    assert counts.dropped == {"copy of another row": 1}
    assert counts.read == 3


def test_all_copies_of_a_text_with_contradictory_labels_go() -> None:
    rows, counts = clean(
        [row(b"Thanks!", "positive"), row(b"thanks!", "neutral"), row(b"THANKS!", "positive"), row(b"x")]
    )
    assert [one.text for one in rows] == ["x"]
    assert counts.dropped["contradictory labels"] == 3


def test_empty_and_unrepairable_texts_are_counted_by_reason() -> None:
    source = [b" \r\n ", b"no _\xf4\xd6_", b"\xd3\xf3\x9a", b"it\xe4\xf3\xbbs &amp; so"]
    rows, counts = clean(map(row, source))
    assert [one.text for one in rows] == ["it’s & so"]
    assert counts.repaired == counts.unescaped == 1
    assert counts.dropped == {
        "empty text": 1,
        "encoding: more than one reading": 1,
        "encoding: no reading": 1,
    }
    assert counts.lines()[-1] == ("kept", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R&amp;D &lt;3 &gt;&gt;", "R&D <3 >>"),
        ("-&amp;gt; Google&amp;#39;s R&amp;amp;D", "-> Google's R&D"),
        ("AT&T ?a=1&copy=2 &nosuch; & ;", "AT&T ?a=1&copy=2 &nosuch; & ;"),
    ],
)
def test_whole_html_entities_are_replaced_and_nothing_else(text: str, expected: str) -> None:
    assert unescape(text) == expected
