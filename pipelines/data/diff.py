"""What changed between two sets of tables, in the terms of their rows: joined by id, out of core, by DuckDB."""

# ruff: noqa: S608 -- DuckDB takes no parameters for names and in views; the columns' names are quoted

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError
from components.base.settings import DataSchema

KINDS = ("added", "removed", "relabelled", "edited", "moved", "other")
MEMORY = "1GB"
ROWS_AT_ONCE = 10_000

# One event for each kind of change of a row: where it is counted, and for which labels.
EVENTS = """
CREATE VIEW events AS
SELECT 'added' AS kind, new_split AS split, new_labels AS labels FROM changes WHERE added
UNION ALL SELECT 'removed', old_split, old_labels FROM changes WHERE removed
UNION ALL SELECT 'relabelled', new_split, [] FROM changes WHERE relabelled
UNION ALL SELECT 'gained', new_split, list_filter(new_labels, lambda x: NOT list_contains(old_labels, x))
    FROM changes WHERE relabelled
UNION ALL SELECT 'lost', new_split, list_filter(old_labels, lambda x: NOT list_contains(new_labels, x))
    FROM changes WHERE relabelled
UNION ALL SELECT 'edited', new_split, new_labels FROM changes WHERE edited
UNION ALL SELECT 'moved_in', new_split, new_labels FROM changes WHERE moved
UNION ALL SELECT 'moved_out', old_split, old_labels FROM changes WHERE moved
UNION ALL SELECT 'other', new_split, new_labels FROM changes WHERE other
"""
CHANGES = """
CREATE TABLE changes AS
SELECT coalesce(n.id, o.id) AS id, o.split AS old_split, n.split AS new_split,
    o.labels AS old_labels, n.labels AS new_labels,
    o.id IS NULL AS added, n.id IS NULL AS removed,
    coalesce(o.labels <> n.labels, false) AS relabelled, coalesce(o.text <> n.text, false) AS edited,
    coalesce(o.split <> n.split, false) AS moved, coalesce(o.rest <> n.rest, false) AS other
FROM old_rows o FULL JOIN new_rows n ON o.id = n.id AND o.copy = n.copy
WHERE o.id IS NULL OR n.id IS NULL OR o.labels <> n.labels OR o.text <> n.text OR o.split <> n.split
    OR o.rest <> n.rest
"""

EMPTY = "SELECT '' AS id, '' AS split, CAST([] AS VARCHAR[]) AS labels, hash(0) AS text, hash(0) AS rest WHERE false"
CONFIG: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": MEMORY,
    "preserve_insertion_order": False,
}


class Side(NamedTuple):
    """One of the two: how messages name it, and its Parquet file for each split that it has."""

    name: str
    files: Mapping[str, Path]


class Row(NamedTuple):
    """A row that changed; splits and labels before and after, None and [] where it was not there."""

    id: str
    splits: tuple[str | None, str | None]
    labels: tuple[list[str], list[str]]


class Comparison:
    """Made by `compare`. A row counts as each kind that it is: moved and relabelled, say.

    relabelled: other labels (in any order; tags in theirs); edited: another text, text pair or tokens; moved: in
    another split; other: another value in a column that has no role. All but removed stand with the split and labels
    that the row has now.
    """

    def __init__(self, base: duckdb.DuckDBPyConnection, notes: Sequence[str]) -> None:
        self._base, self.notes = base, tuple(notes)

    def rows(self) -> dict[str, tuple[int, int]]:
        """How many each split has, before and after."""
        counted = self._asked(
            "SELECT split, sum(old), sum(new) FROM (SELECT split, 1 AS old, 0 AS new FROM old_tables"
            " UNION ALL SELECT split, 0, 1 FROM new_tables) GROUP BY split"
        )
        return {split: (int(old), int(new)) for split, old, new in counted}

    def splits(self) -> dict[str, dict[str, int]]:
        """Split, kind, rows; a moved row is moved_in where it is now and moved_out where it was."""
        counts: dict[str, dict[str, int]] = {}
        asked = "SELECT split, kind, count(*) FROM events WHERE kind NOT IN ('gained', 'lost') GROUP BY ALL"
        for split, kind, rows in self._asked(asked):
            counts.setdefault(split, {})[kind] = rows
        return counts

    def labels(self) -> dict[str, dict[str, dict[str, int]]]:
        """Split, label, kind, rows; beside the kinds `before` and `after`, and gained and lost for relabelled rows.

        A row with several labels counts for each. Only labels that some kind counts.
        """
        counts: dict[str, dict[str, dict[str, int]]] = {}
        each = "SELECT split, unnest(list_distinct(labels)) AS label, {} AS kind FROM {}"
        asked = "SELECT split, label, kind, count(*) FROM ({}) GROUP BY ALL"
        for split, label, kind, rows in self._asked(asked.format(each.format("kind", "events"))):
            counts.setdefault(split, {}).setdefault(label, {})[kind] = rows
        for kind, tables in (("before", "old_tables"), ("after", "new_tables")):
            for split, label, _, rows in self._asked(asked.format(each.format("''", tables))):
                if label in counts.get(split, {}):
                    counts[split][label][kind] = rows
        return counts

    def relabelled(self) -> list[tuple[str, list[str], list[str], int]]:
        """Split, labels before, labels after, rows; the most frequent first."""
        return self._asked(
            "SELECT new_split, old_labels, new_labels, count(*) AS rows FROM changes WHERE relabelled"
            " GROUP BY ALL ORDER BY rows DESC, new_split, old_labels, new_labels"
        )

    def moves(self) -> list[tuple[str, str, int]]:
        """Split before, split after, rows."""
        return self._asked("SELECT old_split, new_split, count(*) FROM changes WHERE moved GROUP BY ALL ORDER BY ALL")

    def changed(self, kind: str) -> Iterator[Row]:
        """The rows of one of KINDS, by split and id."""
        assert kind in KINDS
        found = self._base.cursor().execute(
            "SELECT id, old_split, new_split, coalesce(old_labels, []), coalesce(new_labels, []) FROM changes"
            f" WHERE {kind} ORDER BY coalesce(new_split, old_split), id"
        )
        while some := found.fetchmany(ROWS_AT_ONCE):
            yield from (Row(name, (old, new), (before, after)) for name, old, new, before, after in some)

    def _asked(self, query: str) -> list[Any]:
        return self._base.execute(query).fetchall()


@contextmanager
def compare(old: Side, new: Side, data: DataSchema, same: Collection[str] = ()) -> Iterator[Comparison]:
    """Joins the rows of two sides by id; splits in `same` have the same bytes on both and are only counted.

    Columns are taken by the names in data.columns; what only one side has is not compared, and noted. Texts are
    compared by a 64-bit hash. Copies of an id are paired in order, and noted. Memory stays near MEMORY; what does not
    fit goes to a temporary folder. Raises TextgateError where a table is not Parquet or has no ids.
    """
    tables = [{split: _schema(side, split, data.columns.id) for split in side.files} for side in (old, new)]
    columns = [set(schema.names) for schemas in tables for schema in schemas.values()]
    shared = set.intersection(*columns) if columns else set()
    scratch = tempfile.TemporaryDirectory(prefix="textgate-diff.")
    with scratch as folder, duckdb.connect(":memory:", config=CONFIG) as base:
        try:
            base.execute("SET temp_directory = $1", [folder])
            for name, side, schemas in (("old", old, tables[0]), ("new", new, tables[1])):
                selected = [EMPTY]
                for split, path in side.files.items():
                    # By a link, since DuckDB takes [ and * in a path for a pattern.
                    (Path(folder) / f"{name}-{split}").symlink_to(path.resolve())
                    selected.append(_select(f"{folder}/{name}-{split}", split, schemas[split], shared, data))
                base.execute(f"CREATE VIEW {name}_tables AS {' UNION ALL '.join(selected)}")
            notes = [*_notes(old, new, tables, shared, data), *_pair_copies(base, same)]
            base.execute(CHANGES)
            base.execute(EVENTS)
            yield Comparison(base, notes)
        except duckdb.Error as error:
            raise TextgateError(f"{old.name} and {new.name} cannot be compared: {error}") from None


def _schema(side: Side, split: str, ids: str) -> pa.Schema:
    try:
        schema = pq.read_schema(side.files[split])
    except (pa.ArrowException, OSError) as error:
        raise TextgateError(f"{split}.parquet of {side.name} cannot be read as Parquet: {error}") from None
    if ids not in schema.names:
        raise TextgateError(
            f"{split}.parquet of {side.name} has no column {ids} (data.columns.id), by which rows are told apart; it"
            f" has {', '.join(schema.names)}"
        )
    return schema


def _select(path: str, split: str, schema: pa.Schema, shared: Collection[str], data: DataSchema) -> str:
    """SQL for the rows of a table: id, split, labels as a list, and hashes of the texts and of what has no role."""
    roles = data.roles

    def value(name: str) -> str:
        if _is_list(schema, name):
            return f"coalesce(CAST({_quoted(name)} AS VARCHAR[]), [])"
        return f"coalesce(CAST({_quoted(name)} AS VARCHAR), '')"

    label, ordered = roles.get("tags") or roles["label"], "tags" in roles
    labels = "CAST([] AS VARCHAR[])"
    if label in shared:
        labels = value(label) if _is_list(schema, label) else f"[{value(label)}]"
    texts = [value(roles[role]) for role in ("text", "text_pair", "tokens") if roles.get(role) in shared]
    rest = [value(name) for name in sorted(set(shared) - set(roles.values()))]
    columns = [
        f"{value(roles['id'])} AS id",
        f"'{split}' AS split",
        f"{labels if ordered else f'list_sort(list_distinct({labels}))'} AS labels",
        f"hash({', '.join(['0', *texts])}) AS text",
        f"hash({', '.join(['0', *rest])}) AS rest",
    ]
    place = path.replace("'", "''")
    return f"SELECT {', '.join(columns)} FROM read_parquet('{place}')"


def _pair_copies(base: duckdb.DuckDBPyConnection, same: Collection[str]) -> list[str]:
    """The views old_rows and new_rows, whose rows have an id and the number of its copy; says where ids have copies."""
    where = f"split NOT IN ({', '.join(repr(split) for split in ['', *same])})"
    repeated = " UNION ".join(
        f"SELECT id FROM {side}_tables WHERE {where} GROUP BY id HAVING count(*) > 1" for side in ("old", "new")
    )
    base.execute(f"CREATE TABLE repeated AS {repeated}")
    (count,) = base.execute("SELECT count(*) FROM repeated").fetchall()[0]
    for side in ("old", "new"):
        rows = f"SELECT *, 1 AS copy FROM {side}_tables WHERE {where}"
        if count:
            numbered = "row_number() OVER (PARTITION BY id ORDER BY split, text, labels)"
            rows += " AND id NOT IN (SELECT id FROM repeated) UNION ALL"
            rows += f" SELECT *, {numbered} FROM {side}_tables WHERE {where} AND id IN (SELECT id FROM repeated)"
        base.execute(f"CREATE VIEW {side}_rows AS {rows}")
    return [f"{count} ids stand more than once; their rows are compared in order"] if count else []


def _notes(
    old: Side, new: Side, tables: Sequence[Mapping[str, pa.Schema]], shared: Collection[str], data: DataSchema
) -> list[str]:
    """What cannot be compared, since one side alone has it."""
    notes: list[str] = []
    sides = (old, new)
    names = [{name for schema in schemas.values() for name in schema.names} for schemas in tables]
    for here, there in ((0, 1), (1, 0)):
        if alone := sorted(names[here] - names[there]):
            notes.append(f"only {sides[here].name} has the column {', '.join(alone)}")
        if alone := [split for split in sides[here].files if split not in sides[there].files]:
            notes.append(f"only {sides[here].name} has the split {', '.join(alone)}")
    if absent := [f"{name} ({role})" for role, name in data.roles.items() if name not in shared]:
        notes.append(f"not compared, since not every table has it: {', '.join(absent)}")
    return notes


def _is_list(schema: pa.Schema, name: str) -> bool:
    kind = schema.field(name).type
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
