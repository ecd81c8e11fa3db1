"""Text from bytes, line by line: UTF-8, or what a byte order mark or the config says; nothing else is assumed.

Where a file is in another encoding, that is found out and said, with an example of how it would read, and left for a
person to confirm. Bytes that are none in the encoding are carried as the surrogates U+DC00 to U+DCFF, which no decoded
text can hold, and make their line a faulty one.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import NamedTuple

from components.base.errors import TextgateError
from pipelines.data.sources.files import Source, check_text, naming_damage, open_bytes
from pipelines.data.sources.records import shorten

BOMS = {
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16's, with which it begins
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# In the order of preference where several read a text the same.
GUESSES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "cp932", "euc_jp"),
    *("gb18030", "big5", "cp949", "mac_roman", "cp850", "cp437"),
)
WIDE = {"cp932", "euc_jp", "gb18030", "big5", "cp949"}
ERRORS = "textgate"
SAMPLE_BYTES = 1 << 16
PIECE = 1 << 20
# A file whose lines in UTF-8 are so large a share of those that are not ASCII is UTF-8 with some damage.
MIXED_SHARE = 0.05


class Encoding(NamedTuple):
    """`codec` is Python's name of it; `bom` are the bytes to pass over; `note` says it with where it was taken from."""

    codec: str
    bom: bytes
    note: str


class Detected(NamedTuple):
    """`setting` is what data.source.encoding must be, empty for UTF-8 and what a byte order mark says, None where no
    one encoding reads the file; `certain` is False for a guess that a person should confirm by `note`."""

    setting: str | None
    certain: bool
    note: str


@dataclass
class Findings:
    """Of one pass over a file's bytes: how many lines hold bytes beyond ASCII, and which of them are not UTF-8."""

    lines: int = 0
    valid: int = 0
    invalid: list[int] = field(default_factory=list)
    sample: bytearray = field(default_factory=bytearray)
    size: int = 0
    nuls: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def mixed(self) -> bool:
        return self.valid > MIXED_SHARE * (self.valid + len(self.invalid))


def choose_encoding(source: Source, setting: str, head: bytes) -> Encoding:
    """What a byte order mark at the start says, else the setting, else UTF-8. Raises TextgateError for a setting that
    is no encoding, or that would damage a file that is UTF-8."""
    check_text(source, head)
    for bom, codec in BOMS.items():
        if head.startswith(bom):
            return Encoding(
                codec, bom, f"{codec.upper().removesuffix('-LE').removesuffix('-BE')}, by its byte order mark"
            )
    if not setting:
        return Encoding("utf-8", b"", "UTF-8")
    codec = _known(setting)
    if codec != "utf-8":
        _check_not_utf8(source, codec)
    return Encoding(codec, b"", f"{codec}, by data.source.encoding")


def detect_encoding(source: Source) -> Detected:
    """Reads the whole file once. Raises TextgateError where it is not text."""
    with open_bytes(source) as (file, _), naming_damage(source):
        head = file.peek(4)[:16]  # type: ignore[attr-defined]
    chosen = choose_encoding(source, "", head)
    if chosen.bom:
        return Detected("", True, chosen.note)
    findings = _examine(source)
    if wide := _wide(findings):
        return Detected(wide, False, f"{source.path} is {wide} without a byte order mark")
    if not findings.invalid:
        return Detected("", True, chosen.note)
    if findings.mixed:
        return Detected(None, False, f"{source.path} is UTF-8 but for {_lines_named(findings)}")
    guess = guess_encoding(bytes(findings.sample))
    return Detected(guess, False, _not_utf8(source, findings, guess))


def refuse_other_encoding(source: Source) -> None:
    """Raises TextgateError, with a guess at the encoding, unless the file is UTF-8 but for some lines."""
    findings = _examine(source)
    if wide := _wide(findings):
        raise TextgateError(
            f"{source.path} is not UTF-8: half of it are NUL bytes, as in {wide} without a byte order mark. If that is"
            f" right, confirm it by data.source.encoding: {wide}"
        )
    if findings.invalid and not findings.mixed:
        guess = guess_encoding(bytes(findings.sample))
        confirm = (
            f"If that is right, confirm it by data.source.encoding: {guess}"
            if guess
            else ("Ask whoever made the file, and set data.source.encoding")
        )
        raise TextgateError(
            f"{_not_utf8(source, findings, guess)}. {confirm}. If it is UTF-8 with damage, data.source.encoding: utf-8"
            " has every damaged line named"
        )


def guess_encoding(sample: bytes) -> str | None:
    """The likeliest of GUESSES for these bytes; None where none fits."""
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=list(GUESSES)))
    if not matches:
        return None
    best = matches[0]
    close = [
        match
        for match in matches
        if match.percent_chaos <= best.percent_chaos and match.percent_coherence >= best.percent_coherence - 10
    ]
    names = {name for match in close for name in (match.encoding, *match.could_be_from_charset)}
    chosen = next((name for name in GUESSES if name in names), best.encoding)
    return str(best.encoding if {chosen, best.encoding} <= WIDE else chosen)


def _known(setting: str) -> str:
    try:
        b"".decode(setting)
        codec = codecs.lookup(setting).name
    except (LookupError, ValueError):
        raise TextgateError(
            f"data.source.encoding: {setting!r} is no encoding; cp1252, iso8859-15, utf-16, shift_jis or gb18030 are,"
            " and what else Python's codecs are called"
        ) from None
    return {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}.get(codec, codec)


def _check_not_utf8(source: Source, codec: str) -> None:
    findings = _examine(source)
    if findings.valid and not findings.invalid and not findings.nuls[0] + findings.nuls[1]:
        example = bytes(findings.sample).decode("utf-8")
        raise TextgateError(
            f"{source.path} is UTF-8, and data.source.encoding says {codec}, in which {_window(example)} would read"
            f" {_window(example.encode().decode(codec, 'replace'))}. Import it without that setting, or, together with"
            f" files that need it, converted: iconv -f UTF-8 -t {codec.upper()}"
        )


def _examine(source: Source) -> Findings:
    findings = Findings()
    with open_bytes(source) as (file, _), naming_damage(source):
        while raw := file.readline(PIECE):
            findings.lines += 1
            if b"\0" in raw:
                odd = raw[(findings.size + 1) % 2 :: 2].count(0)
                findings.nuls[1] += odd
                findings.nuls[0] += raw.count(0) - odd
            findings.size += len(raw)
            if raw.isascii():
                continue
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                if not findings.invalid:
                    findings.sample.clear()
                findings.invalid.append(findings.lines)
            else:
                findings.valid += 1
                if findings.sample:
                    continue
            if len(findings.sample) < SAMPLE_BYTES:
                findings.sample += raw
    return findings


def _wide(findings: Findings) -> str | None:
    """The encoding of two or four bytes for each character that so many NUL bytes mean."""
    even, odd = findings.nuls
    if even + odd < 0.2 * findings.size:
        return None
    width = 32 if even + odd > 0.6 * findings.size else 16
    return f"utf-{width}-{'be' if even > odd else 'le'}"


def _not_utf8(source: Source, findings: Findings, guess: str | None) -> str:
    said = f"{source.path} is not UTF-8: {_lines_named(findings)} of {findings.lines} cannot be read as such"
    if guess is None:
        return f"{said}, and no encoding that is known fits"
    example = bytes(findings.sample).decode(guess, "replace").split("\n", 1)[0]
    return f"{said}. It looks like {guess}, in which line {findings.invalid[0]} reads {_window(example)}"


def _lines_named(findings: Findings) -> str:
    first = ", ".join(map(str, findings.invalid[:10]))
    more = f" and {len(findings.invalid) - 10} more" if len(findings.invalid) > 10 else ""
    return f"line{'s' * (len(findings.invalid) > 1)} {first}{more}"


def _window(text: str) -> str:
    """The surroundings of the first character beyond ASCII."""
    line = next((line for line in text.splitlines() if not line.isascii()), text)
    at = next((index for index, character in enumerate(line) if ord(character) > 127), 0)
    start = max(0, at - 25)
    return shorten(("…" if start else "") + line[start : at + 30].rstrip("\r\n"))


def _carry(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(ERRORS, _carry)
