"""Cron expressions as Kubeflow reads them: robfig/cron, with seconds."""

from __future__ import annotations

from typing import NamedTuple

from components.base.errors import TextgateError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
EXAMPLE = "as '0 3 * * 1' for Mondays at three"


class Field(NamedTuple):
    """One of an expression, with the least and the greatest number, and the names of those from the least on."""

    name: str
    least: int
    greatest: int
    names: tuple[str, ...] = ()


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("weekday", 0, 6, DAYS),
)


def checked_cron(cron: str) -> str:
    """With seconds, as Kubeflow wants it; five fields begin at second 0. Raises TextgateError where it is none, or of
    a day that never comes."""
    texts = cron.split()
    if len(texts) not in {5, 6}:
        raise TextgateError(
            "--cron takes five fields (minute, hour, day, month, weekday), or six with seconds before, got"
            f" {cron!r}; {EXAMPLE}"
        )
    texts = ["0"] * (6 - len(texts)) + texts
    values = [_values(field, text) for field, text in zip(FIELDS, texts, strict=True)]
    days, months = values[3:5]
    any_weekday = any(part[0] in "*?" for part in texts[5].split(","))
    if any_weekday and not any(min(days) <= LONGEST[month - 1] for month in months):
        raise TextgateError(f"--cron {cron!r} names a day that none of its months has, so that it would never run")
    return " ".join(texts)


def _values(field: Field, text: str) -> set[int]:
    """The numbers that the text stands for. Raises TextgateError where it stands for none."""
    return set().union(*(_part(field, text, part) for part in text.split(",")))


def _part(field: Field, text: str, part: str) -> range:
    """Of *, a number, a name, or a range, each with a step or without; `text` is the whole field."""
    span, slash, step = part.partition("/")
    if span in {"*", "?"}:
        first, last = field.least, field.greatest
    else:
        start, dash, end = span.partition("-")
        first = _number(field, text, start)
        last = _number(field, text, end) if dash else field.greatest if slash else first
    if first > last:
        raise _fault(field, text, f"{span} ends before it begins")
    if slash and not (_is_number(step) and int(step) > 0):
        raise _fault(field, text, f"a step is a number from 1 on, not {step!r}")
    return range(first, last + 1, int(step) if slash else 1)


def _number(field: Field, text: str, one: str) -> int:
    if one.lower() in field.names:
        return field.least + field.names.index(one.lower())
    if not (_is_number(one) and field.least <= int(one) <= field.greatest):
        raise _fault(field, text, f"not {one!r}")
    return int(one)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def _fault(field: Field, text: str, why: str) -> TextgateError:
    names = f" or {field.names[0].upper()}-{field.names[-1].upper()}" if field.names else ""
    return TextgateError(
        f"--cron takes {field.least}-{field.greatest}{names} as its {field.name}, also * and lists, ranges and steps of"
        f" them, got {text!r}: {why}; {EXAMPLE}"
    )
