"""Fetching 2 GB in 200 objects from SeaweedFS, every byte hashed, beside plain concurrent boto3 downloads."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from benchmarks.harness import Figure, at_least, environment, interleaved, median_ratio
from components.base.dvc_remotes import CONCURRENT_OBJECTS, fetch_tree
from components.base.dvc_tree import TreeEntry, object_key, tree_bytes, tree_hash
from components.base.objects import open_store
from tests.weed import Weed, running

OBJECTS, SIZE = 200, 10_000_000
RUNS = 5
LEAST = 0.75
PREFIX = "dvc"


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used: the objects are random bytes. Takes 7 GB of disk while it runs."""
    with (
        tempfile.TemporaryDirectory(prefix="textgate-bench-") as folder,
        running(Path(folder, "weed")) as server,
        environment(server.environment),
    ):
        tree, entries = fill(server)
        target = Path(folder, "fetched")

        def fetch() -> None:
            with redirect_stdout(io.StringIO()):
                fetch_tree(tree, [open_store(f"s3://{server.bucket}/{PREFIX}")], target)

        functions = {
            "fetch": fetch,
            "plain": lambda: download(server, entries, target, TransferConfig()),
            "alone": lambda: download(server, entries, target, TransferConfig(use_threads=False)),
        }
        seconds = measure(functions, target)
    rates = {name: OBJECTS * SIZE / 1e6 / statistics.median(taken) for name, taken in seconds.items()}
    plain = f"boto3's download_file, {CONCURRENT_OBJECTS} at once"
    alone = f"{plain}, without threads of its own"
    return [
        Figure("fetch of 2 GB in 200 objects, hashed", rates["fetch"], "MB/s"),
        Figure(plain, rates["plain"], "MB/s"),
        Figure(alone, rates["alone"], "MB/s"),
        at_least(f"fetch / {plain}", median_ratio(seconds, "plain", "fetch"), "times", LEAST),
        at_least(f"fetch / {alone}", median_ratio(seconds, "alone", "fetch"), "times", LEAST),
    ]


def measure(functions: dict[str, Callable[[], Any]], target: Path) -> dict[str, list[float]]:
    """In turns, with `target` empty before each; that it is emptied is not in the seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(RUNS):
        for name in functions if turn % 2 == 0 else reversed(functions):
            seconds[name] += interleaved({name: functions[name]}, 1)[name]
            found = sum(path.stat().st_size for path in target.iterdir())
            assert found == OBJECTS * SIZE, f"{name} gave {found} bytes"
            shutil.rmtree(target)
    return seconds


def fill(server: Weed) -> tuple[str, list[TreeEntry]]:
    client = boto3.client("s3", config=Config(max_pool_connections=CONCURRENT_OBJECTS))

    def put(md5: str, content: bytes) -> None:
        client.put_object(Bucket=server.bucket, Key=f"{PREFIX}/{object_key(md5)}", Body=content)

    def add(number: int) -> TreeEntry:
        content = os.urandom(SIZE)
        entry = TreeEntry(hashlib.md5(content, usedforsecurity=False).hexdigest(), f"part-{number:03}.parquet")
        put(entry.md5, content)
        return entry

    with ThreadPoolExecutor(CONCURRENT_OBJECTS) as pool:
        entries = list(pool.map(add, range(OBJECTS)))
    put(tree_hash(entries), tree_bytes(entries))
    return tree_hash(entries), entries


def download(server: Weed, entries: list[TreeEntry], target: Path, config: TransferConfig) -> None:
    """As many files at once as fetch has, with nothing checked."""
    target.mkdir()
    connections = CONCURRENT_OBJECTS * config.max_request_concurrency
    client = boto3.client("s3", config=Config(max_pool_connections=connections))

    def get(entry: TreeEntry) -> None:
        key = f"{PREFIX}/{object_key(entry.md5)}"
        client.download_file(server.bucket, key, str(target / entry.relpath), Config=config)

    with ThreadPoolExecutor(CONCURRENT_OBJECTS) as pool:
        list(pool.map(get, entries))
