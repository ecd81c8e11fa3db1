"""Versions that follow one another under load: nothing fails, and each answer is that of the version it names.

Two bundles take turns, one of which has its labels moved by one place, so that no answer can be that of both.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from benchmarks.harness import Figure, at_least, at_most
from benchmarks.public_data import Absent
from benchmarks.serve.prepared import Prepared, prepare
from benchmarks.serve.servers import NAME, Server, ours
from components.base.errors import TextgateError
from serving.bundle import MANIFEST, digest
from serving.client import model_path
from serving.load.caller import OK, Load
from serving.load.process import LoadProcess
from serving.pins import Pin, write_pin
from serving.predictor import Predictor

SWAPS, CLIENTS, PAUSE_S, PATIENCE_S = 10, 16, 1.0, 60.0


class Seen(NamedTuple):
    """`pinned` is when each version was, from version 1 on; `exchanges` are the load's records."""

    pinned: list[float]
    exchanges: list[dict[str, Any]]


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("swaps under load", f"skipped: {reason}", "")]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        other = _with_moved_labels(prepared.bundle, folder / "other")
        seen = _swap(prepared, other, folder)
        labels = [_labels(bundle, prepared) for bundle in (prepared.bundle, other)]
    failed = sum(one["status"] != OK for one in seen.exchanges)
    wrong = wrong_versions(seen) + wrong_answers(seen.exchanges, labels)
    versions = len({one["version"] for one in seen.exchanges})
    return [
        at_least("versions that answered", versions, "versions", SWAPS + 1),
        at_most(f"requests that failed, of {len(seen.exchanges):,}", failed, "requests", 0),
        at_most("answers of a wrong version", wrong, "answers", 0),
        Figure("longest request", 1000 * max(one["answered"] - one["sent"] for one in seen.exchanges), "ms"),
    ]


def wrong_versions(seen: Seen) -> int:
    """Answers of a version that was not pinned yet, or that had been replaced before the request was sent: another
    request, answered by then, was answered by a later version."""
    wrong, latest, answered = 0, 0, iter(sorted((one["answered"], int(one["version"] or 0)) for one in seen.exchanges))
    following = next(answered, None)
    for one in sorted(seen.exchanges, key=lambda one: float(one["sent"])):
        while following and following[0] < one["sent"]:
            latest = max(latest, following[1])
            following = next(answered, None)
        if one["status"] == OK:
            version = int(one["version"])
            wrong += not (latest <= version <= len(seen.pinned) and seen.pinned[version - 1] <= one["answered"])
    return wrong


def wrong_answers(exchanges: Sequence[dict[str, Any]], labels: Sequence[Sequence[str]]) -> int:
    """Answers that are not those of the bundle that their version stands for: odd ones for the first, even ones for the
    second; `labels` are those of each by place."""
    wrong = 0
    for one in exchanges:
        if one["status"] == OK:
            body = json.loads(one["body"])
            (label,) = next(tensor["data"] for tensor in body["outputs"] if tensor["name"] == "label")
            expected = labels[(int(one["version"]) - 1) % 2][one["place"]]
            wrong += body["model_version"] != one["version"] or label != expected
    return wrong


def _swap(prepared: Prepared, other: Path, folder: Path) -> Seen:
    pin, records, bundles = folder / "pinned.json", folder / "records.jsonl", (prepared.bundle, other)
    pinned = []

    def put(version: int) -> None:
        bundle = bundles[(version - 1) % 2]
        pinned.append(time.monotonic())
        write_pin(pin, Pin(NAME, str(version), digest(bundle), str(bundle)))

    put(1)
    load = Load(CLIENTS, seconds=SWAPS * PATIENCE_S, warm_up=0.0)
    with ours("--pin", str(pin)) as server, LoadProcess(server.infer, prepared.bodies, load, records) as process:
        time.sleep(PAUSE_S)
        for version in range(2, SWAPS + 2):
            put(version)
            _wait(server, version, process)
            time.sleep(PAUSE_S)
        process.stop()
        process.report()
        with records.open(encoding="utf-8") as lines:
            return Seen(pinned, [json.loads(line) for line in lines])


def _wait(server: Server, version: int, process: LoadProcess) -> None:
    """Until the version answers."""
    deadline = time.monotonic() + PATIENCE_S
    while httpx.get(f"{server.url}{model_path(NAME)}", timeout=PATIENCE_S).json()["versions"] != [str(version)]:
        if time.monotonic() > deadline or not process.running:
            raise TextgateError(f"the server did not follow to version {version}, or the load ended before it did")
        time.sleep(0.1)


def _with_moved_labels(bundle: Path, target: Path) -> Path:
    shutil.copytree(bundle, target)
    manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    manifest["labels"] = [*manifest["labels"][1:], manifest["labels"][0]]
    (target / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return target


def _labels(bundle: Path, prepared: Prepared) -> list[str]:
    predictor = Predictor(bundle)
    rows = predictor.task.read([list(column) for column in zip(*prepared.rows, strict=True)])
    return [predictor.labels[place] for place in predictor.decide(predictor.logits(rows)).tolist()]
