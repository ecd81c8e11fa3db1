"""The race where the promotion log is on S3 (SeaweedFS); ROUNDS says how many rounds (200)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.harness import Figure, environment
from benchmarks.promotion.race_in_folder import workspace
from benchmarks.promotion.racing import race, race_figures, rounds_wanted
from components.base.settings import RunStep
from tests.weed import running


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used: the versions are made."""
    with (
        tempfile.TemporaryDirectory(prefix="textgate-bench-") as folder,
        running(Path(folder, "weed")) as server,
        environment({**server.environment, **workspace(Path(folder))}),
    ):
        run = RunStep(name="tiny", log=f"s3://{server.bucket}/promotions")
        return race_figures("on S3", race(Path(folder), run, rounds_wanted()))
