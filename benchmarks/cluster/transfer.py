"""What goes from step to step for a million rows, through an S3 server (SeaweedFS) as Kubeflow's launcher takes it.

The tables are made by Zipf's law, and tokenized by the step itself; the base model is the default one. Checkpoint and
bundle do not grow with the rows: files of their size stand for them, three times and a quarter of the base model. Each
file is one object, put once, and got once by each step that takes the artifact; reports of some kilobytes are left out.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

import boto3

from benchmarks.data.tokenization import installed_base_model, tokenize_all, write_tables
from benchmarks.harness import Figure, environment
from pipelines.compile import compile_pipeline
from pipelines.lint import read
from pipelines.local.folder import step_of
from tests.pipelines.golden_files import settings_with
from tests.weed import Weed, running

ROWS = 1_000_000
CHUNK = 1 << 24


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used."""
    with tempfile.TemporaryDirectory(prefix="textgate-bench-") as folder:
        artifacts = _artifacts(Path(folder))
        takers = _takers(Path(folder, "pipeline.yaml"))
        with running(Path(folder, "weed")) as server, environment(server.environment):
            seconds = {name: _move(server, name, files, Path(folder, "got")) for name, files in artifacts.items()}
        sizes = {name: sum(file.stat().st_size for file in files) for name, files in artifacts.items()}
    return _figures(sizes, seconds, takers)


def _figures(sizes: dict[str, int], seconds: dict[str, tuple[float, float]], takers: Counter[str]) -> list[Figure]:
    found = []
    for name, size in sizes.items():
        put, got = seconds[name]
        moved = f"{name}: put {put:.1f} s, got {got:.1f} s by each of {takers[name]} steps"
        found.append(Figure(moved, size / 1e6, "MB"))
    moved_bytes = sum(size * (1 + takers[name]) for name, size in sizes.items())
    moved_seconds = sum(put + got * takers[name] for name, (put, got) in seconds.items())
    grows = sum(sizes[name] * (1 + takers[name]) for name in ("tables", "encoded"))
    return [
        *found,
        Figure(f"moved between steps for {ROWS:,} rows, all of it", moved_bytes / 1e6, "MB"),
        Figure(
            f"of that tables and tokens, which grow with the rows: {grows / ROWS:.0f} bytes a row", grows / 1e6, "MB"
        ),
        Figure("moving it, one after the other, all on this machine", moved_seconds, "s"),
    ]


def _artifacts(folder: Path) -> dict[str, list[Path]]:
    """Their files by the artifact's name."""
    base_model, tables = installed_base_model(), folder / "tables"
    tables.mkdir()
    write_tables(tables, base_model, ROWS)
    with redirect_stdout(io.StringIO()):
        tokenize_all(tables, base_model)
    shutil.move(tables / "encoded", folder / "encoded")
    weights = sum(file.stat().st_size for file in _files(base_model))
    for name, made in (("checkpoint", [weights] * 3), ("bundle", [weights // 4])):
        (folder / name).mkdir()
        for number, size in enumerate(made):
            _write_random(folder / name / f"{number}.bin", size)
    places = {"tables": tables, "base_model": base_model}
    places |= {name: folder / name for name in ("encoded", "checkpoint", "bundle")}
    return {name: _files(place) for name, place in places.items()}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write_random(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for start in range(0, size, CHUNK):
            file.write(os.urandom(min(CHUNK, size - start)))


def _takers(path: Path) -> Counter[str]:
    """How many steps take the artifact in a run that goes all the way; of the records it makes one."""
    compile_pipeline(settings_with({}), path)
    compiled = read(path)
    taken = set()
    for where, task, _ in compiled.tasks():
        if not compiled.spec.components[task.component_ref.name].executor_label:
            continue
        step = step_of(where.rpartition(".")[2])
        for given in task.inputs.artifacts.values():
            outer = re.sub(r"^pipelinechannel--[a-z-]+-", "", given.component_input_artifact)
            taken.add((step, given.task_output_artifact.output_artifact_key or outer))
    return Counter(artifact for _, artifact in taken)


def _move(server: Weed, name: str, files: list[Path], got: Path) -> tuple[float, float]:
    """Seconds of putting and of getting all files."""
    client = boto3.client("s3")
    started = time.perf_counter()
    for number, file in enumerate(files):
        with file.open("rb") as content:
            client.put_object(Bucket=server.bucket, Key=f"{name}/{number}", Body=content)
    put = time.perf_counter() - started
    started = time.perf_counter()
    for number in range(len(files)):
        client.download_file(server.bucket, f"{name}/{number}", str(got))
    return put, time.perf_counter() - started
