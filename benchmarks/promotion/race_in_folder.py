"""The race where the promotion log is a folder; ROUNDS says how many rounds (200)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.harness import Figure, environment
from benchmarks.promotion.racing import race, race_figures, rounds_wanted
from components.base.settings import RunStep


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used: the versions are made."""
    with tempfile.TemporaryDirectory(prefix="textgate-bench-") as folder, environment(workspace(Path(folder))):
        return race_figures("in a folder", race(Path(folder), RunStep(name="tiny"), rounds_wanted()))


def workspace(folder: Path) -> dict[str, str]:
    """Variables that lead to a workspace of its own, with MLflow on SQLite in it."""
    home = folder / "home"
    home.mkdir()
    return {"TEXTGATE_HOME": str(home), "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db"}
