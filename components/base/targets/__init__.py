"""Rows of a table with the right answers: what differs between the tasks where models are compared with them."""

from __future__ import annotations

import pyarrow as pa

from components.base.settings import DataSchema, Task
from components.base.targets.labels import LabelTargets, PairTargets
from components.base.targets.sets import SetTargets
from components.base.targets.tags import TagTargets
from components.base.targets.targets import Targets as Targets

KINDS: dict[Task, type[Targets]] = {
    "single-label": LabelTargets,
    "multi-label": SetTargets,
    "text-pair": PairTargets,
    "token-tags": TagTargets,
}


def targets_of(table: pa.Table, data: DataSchema) -> Targets:
    """Of a table as a SplitReader gives it. Raises TextgateError for a label that is not in the config, and a row
    whose tokens and tags differ in number."""
    return KINDS[data.task].of(table, data.labels)
