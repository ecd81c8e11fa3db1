"""Which column is what: text, label, id and the others, and of which task the rows are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.base.errors import TextgateError
from components.base.settings import ROLES, Task
from pipelines.data.init import names
from pipelines.data.init.columns import Column, Sample
from pipelines.data.init.labels import FEWEST_FILLED, find_label, find_task
from pipelines.data.init.tags import find_tokens, tag_notes

# Names for ids that are made from the texts.
FREE_IDS = ("id", "row_id", "textgate_id")
NEARLY = 0.95
OPTIONS = {"text": "--text", "text_pair": "--text-pair", "label": "--label", "id": "--id"}


@dataclass
class Roles:
    """`columns` are those of the task by role; id is a name that no column has where rows have no id of their own
    (`own_id`), though a column of `unique` could be it. `notes` say what was chosen among several; `entities` and
    `times` could guide a split."""

    task: Task
    columns: dict[str, str]
    separator: str = ""
    own_id: bool = True
    unique: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """What the user decided; empty where not. `taken` is the column of the splits."""

    task: Task | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    taken: str = ""


def choose_roles(sample: Sample, wanted: Wanted) -> Roles:
    """Raises TextgateError where a wanted column does not exist or cannot serve, or none looks like what is needed."""
    if len(sample.columns) == 1:
        raise TextgateError(
            f"there is one column only, {names.listed(sample.columns)}; a text and its label need two. If the file has"
            " more, name what parts them by --delimiter"
        )
    for role, name in wanted.columns.items():
        if name not in sample.columns:
            raise TextgateError(
                f"{OPTIONS[role]} {name}: there is no such column; there are {names.listed(sample.columns)}"
            )
    if wanted.task == "token-tags" or (wanted.task is None and not wanted.columns and find_tokens(sample)):
        roles = _token_roles(sample)
    else:
        roles = _text_roles(sample, wanted)
    _add_id(roles, sample, wanted)
    _add_others(roles, sample, wanted)
    return roles


def _token_roles(sample: Sample) -> Roles:
    found = find_tokens(sample)
    if not found:
        raise TextgateError(
            "the task token-tags needs two columns with lists of the same length in each row, tokens and tags (or CoNLL"
            f" files); there are the columns {names.listed(sample.columns)}"
        )
    return Roles(
        "token-tags", dict(zip(("tokens", "tags"), found, strict=True)), notes=tag_notes(sample.columns[found[1]])
    )


def _text_roles(sample: Sample, wanted: Wanted) -> Roles:
    usable = [column for column in sample.columns.values() if column.name and column.name != wanted.taken]
    named = wanted.columns.get
    labels = [column for column in usable if column.name not in (named("text"), named("text_pair"), named("id"))]
    texts = [column for column in usable if column.name not in (named("label"), named("id"))]
    notes: list[str] = []
    found = _texts(texts, sample.rows)
    text = named("text") or _only_text(found, texts, sample)
    pair = named("text_pair") or _pair(text, found, wanted, notes)
    ordered = _in_order(text, pair) if pair and not (named("text") or named("text_pair")) else (text, pair)
    columns = dict(zip(("text", "text_pair"), ordered, strict=True))
    if not pair:
        del columns["text_pair"]
    rest = [column for column in labels if column.name not in columns.values()]
    label = sample.columns[named("label", "")] if named("label") else find_label(rest, sample, notes)
    task, separator = find_task(label, bool(pair), wanted.task)
    roles = {role: {**columns, "label": label.name}[role] for role in ROLES[task] if role != "id"}
    return Roles(task, roles, separator, notes=notes)


def _texts(columns: Sequence[Column], rows: int) -> list[Column]:
    """Those that hold free text, the likeliest first: named as a text is, then by how much of it they hold."""
    free = [column for column in columns if _is_free_text(column, rows)]
    return sorted(
        free, key=lambda column: (not names.is_text(column.name), -column.mean_length * column.distinct_share)
    )


def _is_free_text(column: Column, rows: int) -> bool:
    if column.filled < FEWEST_FILLED * rows or column.strings < 0.9 * column.filled:
        return False
    if column.share(column.numeric + column.dates + column.bracketed) > 0.5 or len(column.distinct) < 2:
        return False
    spoken = column.share(column.spaced) >= 0.3
    various = column.distinct_share >= 0.3 or len(column.distinct) >= 1000
    if names.is_exactly_text(column.name):
        return various
    return spoken and various and (names.is_text(column.name) or names.label_tier(column.name) > 0)


def _only_text(found: Sequence[Column], columns: Sequence[Column], sample: Sample) -> str:
    if found:
        return found[0].name
    held = [column for column in columns if column.filled]
    if held and all(column.share(column.numeric + column.dates) > 0.5 for column in held):
        raise TextgateError(
            f"no column holds text: {names.listed(sample.columns)} hold numbers or dates. Is the file the right one?"
        )
    raise TextgateError(
        "no column looks like a text (several words, different in most rows): there are"
        f" {names.listed(sample.columns)}. Name it by --text"
    )


def _pair(text: str, found: Sequence[Column], wanted: Wanted, notes: list[str]) -> str:
    others = [column.name for column in found if column.name != text]
    if wanted.task in ("single-label", "multi-label"):
        return ""
    for other in others:
        if names.is_pair(text, other) or names.is_pair(other, text):
            return other
    if wanted.task == "text-pair":
        if not others:
            raise TextgateError("the task text-pair needs two columns of text; name the second by --text-pair")
        return others[0]
    if others and "text" not in wanted.columns:
        notes.append(
            f"the text is {text!r}; {names.listed(others)} hold{'s' * (len(others) == 1)} text, too. --text chooses"
            " another, --text-pair takes two together"
        )
    return ""


def _in_order(text: str, pair: str) -> tuple[str, str]:
    return (text, pair) if names.is_pair(text, pair) or not names.is_pair(pair, text) else (pair, text)


def _add_id(roles: Roles, sample: Sample, wanted: Wanted) -> None:
    if "id" in wanted.columns:
        roles.columns["id"] = wanted.columns["id"]
        column = sample.columns[wanted.columns["id"]]
        if len(column.distinct) < column.filled:
            roles.notes.append(f"{column.name!r} has one value in several rows, and an id must not")
        return
    free = [
        column
        for column in sample.columns.values()
        if column.name and column.name not in (*roles.columns.values(), wanted.taken) and _may_name_rows(column)
    ]
    called = [(rank, column) for column in free if (rank := names.id_rank(column.name)) is not None]
    if fitting := [(rank, column.name) for rank, column in called if _is_unique(column)]:
        roles.columns["id"] = min(fitting, key=lambda found: found[0])[1]
        return
    roles.own_id = False
    roles.columns["id"] = next(name for name in FREE_IDS if name not in sample.columns)
    roles.unique = [column.name for column in free if _is_unique(column)]
    for _, column in called:
        if len(column.distinct) >= NEARLY * column.rows:
            roles.notes.append(
                f"{column.name!r} would be the id, but some rows have none or that of another; so each row gets an id"
                f" that is made from its text. With --id {column.name} these rows could not be taken"
            )


def _may_name_rows(column: Column) -> bool:
    """Not of texts, dates or fractions."""
    return column.share(column.spaced + column.dates + column.numeric - column.whole + column.objects) < 0.5


def _is_unique(column: Column) -> bool:
    return column.filled == column.rows == len(column.distinct) and not column.lists


def _add_others(roles: Roles, sample: Sample, wanted: Wanted) -> None:
    for column in sample.columns.values():
        if not column.name or column.name in (*roles.columns.values(), wanted.taken):
            continue
        roles.others.append(column.name)
        often = column.filled >= 0.9 * column.rows and not column.is_list and not column.objects
        stamps = column.share(column.numeric) > 0.9 and names.is_time(column.name)
        if often and (stamps or column.share(column.iso) > 0.9):
            roles.times.append(column.name)
        elif often and names.is_entity(column.name) and 2 <= len(column.distinct) <= 0.9 * column.filled:
            roles.entities.append(column.name)
