"""The bundle that is served, and what it is asked."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.finetune.prepared import read
from benchmarks.public_data import Absent
from benchmarks.quantize import prepared as quantized
from serving.bundle import Manifest, read_canary, verify
from serving.client import Description, Row, infer_body
from serving.tasks import TASKS

NAME = "banking77"


class Prepared(NamedTuple):
    """`rows` have a text for each of the task's inputs."""

    bundle: Path
    manifest: Manifest
    rows: list[Row]

    @property
    def bodies(self) -> list[str]:
        """A request of the Open Inference Protocol for each row."""
        task = TASKS[self.manifest.task]
        outputs = [output.name for output in task.outputs]
        model = Description(self.manifest.name, list(task.inputs), outputs, self.manifest.labels)
        return [json.dumps(infer_body(model, [row])) for row in self.rows]


@cache
def prepare() -> Prepared:
    """The bundle that BUNDLE names, or the one that the benchmark `quantize` makes; asked for the test rows of
    banking77, in an order drawn by a seed, where it has their labels, else for its canary examples.

    Raises Absent where there is no BUNDLE and no public set, and TextgateError for a bundle that is none.
    """
    named = os.environ.get("BUNDLE")
    bundle = Path(named).resolve() if named else quantized.prepare().folder / "bundle"
    manifest = verify(bundle)
    return Prepared(bundle, manifest, _test_rows(manifest) or _canary(bundle, manifest))


def _test_rows(manifest: Manifest) -> list[Row]:
    try:
        splits = read(NAME)
    except Absent:
        return []
    if set(manifest.labels) != {label for _, label in splits["train"]}:
        return []
    test = splits["test"]
    return [(test[row][0],) for row in np.random.default_rng(0).permutation(len(test))]


def _canary(bundle: Path, manifest: Manifest) -> list[Row]:
    return [tuple(example[name] for name in TASKS[manifest.task].inputs) for example in read_canary(bundle)]
