"""The column of the label, and whether it holds one or several."""

from __future__ import annotations

from collections.abc import Sequence

from components.base.errors import TextgateError
from components.base.settings import Task
from pipelines.data.init import names
from pipelines.data.init.columns import Column, Sample, separators

FEWEST_FILLED = 0.5
LONGEST_LABEL = 80
FLAGS = {"0", "1", "0.0", "1.0", "true", "false", "True", "False", "TRUE", "FALSE"}


def find_label(columns: Sequence[Column], sample: Sample, notes: list[str]) -> Column:
    """The likeliest; `notes` get what else could be it. Raises TextgateError where none could."""
    likely = sorted((column for column in columns if _is_label(column, sample.rows)), key=_order)
    if not likely or names.label_tier(likely[0].name) > 0:
        _check_named(columns)
    if not likely:
        raise TextgateError(
            "no column looks like a label (few different values, each in several rows): there are"
            f" {names.listed(sample.columns)}. Name it by --label"
        )
    if names.label_tier(likely[0].name) == 2:
        _check_flags(likely)
    rivals = [
        column.name for column in likely[1:] if names.label_tier(likely[0].name) or not names.label_tier(column.name)
    ]
    if rivals:
        notes.append(
            f"the label is {likely[0].name!r}; {names.listed(rivals)} could be it, too. --label chooses another"
        )
    return likely[0]


def find_task(label: Column, pair: bool, wanted: Task | None) -> tuple[Task, str]:
    """The task of the rows, with what parts several labels in a text.

    Raises TextgateError where the label's column does not fit the `wanted` task, or cannot be read.
    """
    if label.share(label.bracketed) > 0.5 and wanted != "single-label":
        raise TextgateError(_list_as_text(label.name))
    separator = next((separator for separator, _ in separators(label)), "")
    if wanted is None:
        wanted = "text-pair" if pair else "multi-label" if separator or label.is_list else "single-label"
    if wanted == "multi-label" and not (separator or label.is_list):
        raise TextgateError(
            f"--task multi-label: the column {label.name!r} holds neither lists nor values parted by one of ; | ,"
        )
    if wanted != "multi-label" and label.is_list:
        raise TextgateError(
            f"the column {label.name!r} holds lists of labels, and the task {wanted} has one label a row"
        )
    return wanted, separator if wanted == "multi-label" and not label.is_list else ""


def _order(column: Column) -> tuple[int, bool, bool, int, int]:
    """Named as labels are, not as whose rows these are; readable rather than numbers; of fewer values."""
    numeric = column.share(column.numeric) > 0.5
    rank = names.label_rank(column.name)
    return names.label_tier(column.name), names.is_entity(column.name), numeric, rank, len(column.values)


def _is_label(column: Column, rows: int) -> bool:
    if column.filled < FEWEST_FILLED * rows or column.objects or column.share(column.dates + column.bracketed) > 0.5:
        return False
    if column.is_list:
        return not column.many and len(column.values) * 2 <= column.values.total()
    if column.share(column.numeric) > 0.5 and column.whole < column.numeric:
        return False
    if any(len(found) * 2 <= column.filled for _, found in separators(column)):
        return True
    mean = sum(len(value) * times for value, times in column.values.items()) / max(column.values.total(), 1)
    few = len(column.distinct) * 2 <= column.filled and (not column.many or names.label_tier(column.name) == 0)
    return few and len(column.distinct) >= 2 and mean <= LONGEST_LABEL


def _check_named(columns: Sequence[Column]) -> None:
    """Raises TextgateError where a column named as labels are cannot be the label for a reason that can be mended."""
    for column in sorted(columns, key=_order):
        if names.label_tier(column.name):
            return
        if column.share(column.bracketed) > 0.5:
            raise TextgateError(_list_as_text(column.name))
        if len(column.distinct) < 2:
            raise TextgateError(one_label(column.name, list(column.values)))


def one_label(name: str, values: Sequence[str]) -> str:
    has = f"the one value {values[0]!r}" if values else "no value"
    return (
        f"the column {name!r}, taken for the label, has {has}; a classifier needs two labels at least. Name another"
        " column by --label"
    )


def _check_flags(likely: Sequence[Column]) -> None:
    flags = [column.name for column in likely if set(column.values) <= FLAGS]
    if len(flags) > 1 and len(flags) == len(likely):
        raise TextgateError(
            f"the columns {names.listed(flags)} hold only 0 and 1: if each is a label of its own, write one column with"
            " the names of those that are 1, parted by a semicolon; if one of them is the label, name it by --label"
        )


def _list_as_text(name: str) -> str:
    return (
        f"the column {name!r} holds lists written as text, such as ['a', 'b'], which are not read: write them with a"
        " separator (a;b), or the rows as JSON Lines with real lists"
    )
