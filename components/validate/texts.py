"""What is measured of texts, a batch at once: length, damage, what cannot be seen, personal data."""

from __future__ import annotations

import re
from typing import Any

import ftfy.badness
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.base.settings import DataSchema

REPLACEMENT_CHARACTER = "\ufffd"
VISIBLE = r"[^\s\p{C}\p{Z}]"
# Controls but tab and line ends; zero-width characters but the joiners, which emoji and several scripts need;
# marks of direction; the soft hyphen and the byte order mark.
INVISIBLE = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{ad}\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}"
    r"\x{2066}-\x{206f}\x{feff}]"
)
ENTITY = r"&(?:[a-zA-Z]{2,8}[0-9]{0,2}|#[0-9]{2,6}|#[xX][0-9a-fA-F]{2,6});"
# Holds for every text that ftfy takes for damaged (a test sees to it), and for few others: badness is slow.
ODD = r"\x{80}-\x{2ff}Ґґ\x{2000}-\x{25ff}\x{fb01}\x{fb02}\x{fffd}"
SUSPICIOUS = rf"[\x{{80}}-\x{{9f}}ÃÂŒœØÙ]|[вВ]Ђ|[{ODD}][^\x00-\x7f]|[^\x00-\x7f][{ODD}]"
MAIL = r"[\pL\pN._%+-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)*\.\pL{2,}"
# A number with its country, or grouped as national numbers are: bare digits are more often an order or a date.
PHONE = (
    r"(?:^|[^\w.])(?:(?:\+\d{1,3}|\(\+\d{1,3}\)|00\d{2,3}[ .\-/])[ .\-/]?(?:\(\d{1,4}\)[ .\-/]?)?\d(?:[ .\-/]?\d){6,12}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?:$|[^\w])"
)
# Unbroken, or in the groups that are printed on cards; the first digit is that of a bank's or a payment network's card.
CARDS = [
    re.compile(rf"(?<!\d)(?<!\d[.,-])(?=[2-6]){digits}(?!\d|[.,]\d)", re.ASCII)
    for digits in (
        r"\d{13,19}",
        r"\d{4}([ \-\u00a0])\d{4}\1\d{4}\1\d{4}",
        r"\d{4}([ \-\u00a0])\d{4}\1\d{4}\1\d{4}\1\d{3}",
        r"\d{4}([ \-\u00a0])\d{6}\1\d{4,5}",
    )
]
DIGITS = r"\d[\d \x{a0}-]{11,}\d"

Column = npt.NDArray[Any]


def joined(batch: pa.RecordBatch, data: DataSchema) -> pa.Array:
    """One text for each row: a pair's two on two lines, tokens by spaces."""
    if data.task == "token-tags":
        return pc.binary_join(batch["tokens"], " ")
    if data.task == "text-pair":
        return pc.binary_join_element_wise(batch["text"], batch["text_pair"], "\n")
    return batch["text"]


def lengths(texts: pa.Array) -> Column:
    """In characters."""
    return numbers(pc.utf8_length(texts))


def empty(batch: pa.RecordBatch, data: DataSchema) -> Column:
    """Whether a text shows nothing; of a pair one is enough."""
    shown = numbers(pc.match_substring_regex(joined(batch, data), VISIBLE))
    if data.task == "text-pair":
        shown = numbers(pc.match_substring_regex(batch["text"], VISIBLE))
        shown &= numbers(pc.match_substring_regex(batch["text_pair"], VISIBLE))
    return ~shown


def replacement_characters(texts: pa.Array) -> Column:
    return numbers(pc.count_substring(texts, REPLACEMENT_CHARACTER))


def invisible_characters(texts: pa.Array) -> Column:
    return numbers(pc.count_substring_regex(texts, INVISIBLE))


def html_entities(texts: pa.Array) -> Column:
    return numbers(pc.count_substring_regex(texts, ENTITY))


def damaged(texts: pa.Array) -> Column:
    """Whether a text reads like UTF-8 taken for another encoding, by the heuristic of ftfy (its `badness`).

    Those with replacement characters are counted by these alone.
    """
    whole = replacement_characters(texts) == 0
    return _where(whole & numbers(pc.match_substring_regex(texts, SUSPICIOUS)), texts, ftfy.badness.is_bad)


def mails(texts: pa.Array) -> Column:
    return numbers(pc.match_substring_regex(texts, MAIL))


def phones(texts: pa.Array) -> Column:
    return numbers(pc.match_substring_regex(texts, PHONE))


def cards(texts: pa.Array) -> Column:
    """Whether a text holds 13 to 19 digits with the check digit of a card (ISO/IEC 7812, Luhn), as a tenth of all
    long numbers do."""
    return _where(numbers(pc.match_substring_regex(texts, DIGITS)), texts, _has_card)


def numbers(array: pa.Array) -> Column:
    found: Column = array.to_numpy(zero_copy_only=False)
    return found


def _where(chosen: Column, texts: pa.Array, test: Any) -> Column:
    found = np.zeros(len(texts), bool)
    places = np.flatnonzero(chosen)
    found[places] = [test(text) for text in texts.take(pa.array(places)).to_pylist()]
    return found


def _has_card(text: str) -> bool:
    return any(_luhn(re.sub(r"\D", "", match.group())) for card in CARDS for match in card.finditer(text))


def _luhn(digits: str) -> bool:
    if len(set(digits)) == 1:
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
