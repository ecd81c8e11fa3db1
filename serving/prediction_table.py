"""The prediction log's tables: a row for each text that was answered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1


class Answered(NamedTuple):
    """A request: its texts by input, and by row what `slim` makes of Task.answers. `when` is in seconds since 1970."""

    when: float
    request_id: str
    model: str
    version: str
    digest: str
    task: str
    inputs: tuple[str, ...]
    columns: list[list[str]]
    answers: dict[str, Any]
    milliseconds: float


def slim(answers: dict[str, Any]) -> dict[str, Any]:
    """Of several labels the highest probability in place of all: what waits to be written stays small."""
    kept = {name: values for name, values in answers.items() if name != "probabilities"}
    if "labels" in answers:
        kept["probability"] = answers["probabilities"].max(axis=1)
    return kept


class Kind(NamedTuple):
    """What a file is of alone, since it stands in its schema or its metadata."""

    model: str
    version: str
    digest: str
    task: str
    inputs: tuple[str, ...]


def schema(kind: Kind, texts: bool) -> pa.Schema:
    """Of a file: see the README's table."""
    import pyarrow as pa

    fields = [
        ("when", pa.timestamp("ms", tz="UTC")),
        ("request_id", pa.string()),
        ("model", pa.dictionary(pa.int32(), pa.string())),
        ("version", pa.dictionary(pa.int32(), pa.string())),
        ("labels", pa.list_(pa.string())),
        ("probability", pa.float32()),
        ("abstain", pa.bool_()),
        ("milliseconds", pa.float32()),
        *((f"{name}_characters", pa.int32()) for name in kind.inputs),
        *((name, pa.string()) for name in kind.inputs if texts),
    ]
    metadata = {"textgate.format": str(FORMAT), "textgate.bundle": kind.digest, "textgate.task": kind.task}
    return pa.schema(fields, metadata=metadata)


def to_table(answers: Iterable[Answered], known: pa.Schema) -> pa.Table:
    """A row for each text; `probability` is the likeliest's, of several labels or entities the surest one's."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in known.names}
    for answered in answers:
        count = len(answered.columns[0])
        labels, probabilities = _answers(answered.answers)
        abstain = answered.answers.get("abstain")
        same = {
            "when": datetime.fromtimestamp(answered.when, UTC),
            "request_id": answered.request_id,
            "model": answered.model,
            "version": answered.version,
            "milliseconds": answered.milliseconds,
        }
        for name, value in same.items():
            columns[name] += [value] * count
        columns["labels"] += labels
        columns["probability"] += probabilities
        columns["abstain"] += [None] * count if abstain is None else abstain.tolist()
        for name, texts in zip(answered.inputs, answered.columns, strict=True):
            columns[f"{name}_characters"] += map(len, texts)
            if name in columns:
                columns[name] += texts
    arrays = [pa.array(columns[field.name], _plain(field.type)).cast(field.type) for field in known]
    return pa.table(arrays, schema=known)


def _plain(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _answers(answers: dict[str, Any]) -> tuple[list[list[str]], list[float | None]]:
    """By row: the labels (of entities one for each, their texts left out) and the highest probability."""
    if "label" in answers:
        best = answers["probability"].reshape(len(answers["label"]), -1)[:, 0]
        return [[label if isinstance(label, str) else label[0]] for label in answers["label"]], best.tolist()
    if "labels" in answers:
        return [list(labels) for labels in answers["labels"]], answers["probability"].tolist()
    entities = answers["entities"]
    sure = [max((entity["probability"] for entity in found), default=None) for found in entities]
    return [[entity["label"] for entity in found] for found in entities], sure
