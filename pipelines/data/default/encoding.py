"""Undoes the encoding damage of the corpus where only one undamaged text is possible.

The bytes of a text in UTF-8 were several times read as Windows-1252 and written as Mac Roman, with `_` for every
character that Mac Roman lacks: after two such passes ’ (E2 80 99) is E4 F3 BB, and … (E2 80 A6) is E4 F3 5F. Some texts
had before that been read as Windows-1252 and written as UTF-8, so that ’ was already â€™.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import chain

LOST = b"_"
LONGEST = 12  # bytes: four in UTF-8, each of them read as a character of up to three
ELLIPSIS = "…"
UNDEFINED = frozenset(b"\x81\x8d\x8f\x90\x9d")
# What a repaired text may hold: Latin letters, punctuation, symbols, kana, emoji; no text in another script was whole.
REPERTOIRE = (
    range(0xA0, 0x180),
    range(0x2000, 0x27C0),
    range(0x2900, 0x2C00),
    range(0x3000, 0x3100),
    range(0xFE0F, 0xFE10),
    range(0x1F000, 0x1FB00),
)
DAMAGED_RUN = re.compile(rb"[\x80-\xff_]*[\x80-\xff][\x80-\xff_]*")
ACCOUNT = re.compile(r"@[A-Za-z0-9_]+")
STRAY_UNDERSCORE = re.compile(r"[^\x00-\x7f]_|_[^\x00-\x7f]")
# … mostly stands where a tweet was cut off. After a digit it could be a prime, after ! or ? a double exclamation mark.
BEFORE_ELLIPSIS = re.compile(r"[!-~’”](?<![0-9!?_])")


class Unrepairable(Exception):
    """No text, or more than one, could have become these bytes; the message is the reason."""


def repair(raw: bytes, passes: int) -> str:
    """The text whose UTF-8 became `raw` by that many passes. Raises Unrepairable unless it is certain."""
    if raw.isascii():
        return raw.decode("ascii")
    runs = DAMAGED_RUN.findall(raw)
    for twice_utf8 in (True, False):
        readings = [_readings(run, passes, twice_utf8) for run in runs]
        if all(readings):
            break
    else:
        raise Unrepairable("no reading")
    if any(len(reading) > 1 for reading in readings):
        raise Unrepairable("more than one reading")
    text = _spell(raw, [reading[0] for reading in readings], passes, twice_utf8)
    if STRAY_UNDERSCORE.search(ACCOUNT.sub("@", text)):
        raise Unrepairable("no reading")
    return text


def damage(text: str, passes: int, twice_utf8: bool = False) -> bytes:
    """The bytes that a text became: the inverse of `repair`."""
    raw = text.encode("utf-8")
    if twice_utf8:
        raw = "".join(map(_windows_character, raw)).encode("utf-8")
    return raw.translate(_translation(passes))


def _windows_character(byte: int) -> str:
    return chr(byte) if byte in UNDEFINED else bytes([byte]).decode("cp1252")


def _one_pass(byte: int) -> bytes:
    if byte in UNDEFINED:
        return bytes([byte])
    try:
        return _windows_character(byte).encode("mac_roman")
    except UnicodeEncodeError:
        return LOST


@cache
def _translation(passes: int) -> bytes:
    once = b"".join(map(_one_pass, range(256)))
    table = bytes(range(256))
    for _ in range(passes):
        table = table.translate(once)
    return table


@cache
def _origins(passes: int, twice_utf8: bool) -> dict[bytes, tuple[str, ...]]:
    """Damaged bytes of one character, and every character that becomes them."""
    origins = defaultdict(list)
    for code_point in chain.from_iterable(REPERTOIRE):
        origins[damage(chr(code_point), passes, twice_utf8)].append(chr(code_point))
    origins[LOST].append("_")
    return {damaged: tuple(characters) for damaged, characters in origins.items()}


@cache
def _readings(run: bytes, passes: int, twice_utf8: bool) -> tuple[tuple[bytes, ...], ...]:
    """The ways to cut a run of damage into characters; two are enough to know that it is not certain."""
    if not run:
        return ((),)
    origins = _origins(passes, twice_utf8)
    found: list[tuple[bytes, ...]] = []
    for length in range(1, min(LONGEST, len(run)) + 1):
        if run[:length] in origins:
            rest = _readings(run[length:], passes, twice_utf8)
            found += [(run[:length], *pieces) for pieces in rest]
    return tuple(found[:2])


def _spell(raw: bytes, readings: list[tuple[bytes, ...]], passes: int, twice_utf8: bool) -> str:
    origins, emoji_style = _origins(passes, twice_utf8), damage("\ufe0f", passes, twice_utf8)
    text = ""
    for piece, following in _pieces(raw, readings):
        characters = origins.get(piece) or (piece.decode("ascii"),)
        if len(characters) == 1:
            text += characters[0]
        elif ELLIPSIS in characters and _cut_off(text, following, emoji_style):
            text += ELLIPSIS
        else:
            raise Unrepairable("more than one reading")
    return text


def _pieces(raw: bytes, readings: list[tuple[bytes, ...]]) -> Iterator[tuple[bytes, bytes]]:
    """The text in order: plain stretches and damaged characters, each with all the bytes that follow it."""
    position = 0
    for match, reading in zip(DAMAGED_RUN.finditer(raw), readings, strict=True):
        if match.start() > position:
            yield raw[position : match.start()], raw[match.start() :]
        position = match.start()
        for piece in reading:
            position += len(piece)
            yield piece, raw[position:]
    if position < len(raw):
        yield raw[position:], b""


def _cut_off(before: str, after: bytes, emoji_style: bytes) -> bool:
    """Whether a text is cut off here: at its end, or touching what comes before and not followed by an emoji's mark."""
    if not after.strip():
        return True
    return not after.startswith(emoji_style) and BEFORE_ELLIPSIS.fullmatch(before[-1:]) is not None
