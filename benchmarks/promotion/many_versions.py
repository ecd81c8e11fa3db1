"""`textgate promote` against a server with many versions: seconds over the time that the server itself takes to answer.

VERSIONS says how many (2,000).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import requests
import yaml

from benchmarks.harness import Figure, at_most, environment
from components.base import registry
from components.base.mlflow_client import connect, mlflow
from components.base.settings import PromotionRequest, Settings, load
from pipelines.promotion.promoting import promote_version
from tests.mlflow_store import MlflowServer, make_version
from tests.serving.tiny import LABELS

VERSIONS, PROMOTIONS, OVER_S = 2000, 5, 2.0
NAME = "tiny"
COMMAND = (sys.executable, "-c", "from pipelines.cli import main; main()")


class Taken(NamedTuple):
    """Seconds of one promotion, those of them in which MLflow was to answer, and how often it was asked."""

    total: float
    answers: float
    requests: int


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used: the versions are made."""
    count = int(os.environ.get("VERSIONS") or VERSIONS)
    with tempfile.TemporaryDirectory(prefix="textgate-bench-") as name:
        folder = Path(name)
        server, config = MlflowServer(folder), _write_config(folder)
        try:
            server.start()
            with environment({"TEXTGATE_HOME": str(folder / "home"), "MLFLOW_TRACKING_URI": server.uri}):
                settings = load(config)
                two = [make_version(folder, f"job-{number}", temperature=1.0 + number).version for number in range(2)]
                few = [_promote(settings, *turn) for turn in _turns(two)]
                _fill(folder, two[0], count - 2)
                many = [_promote(settings, *turn) for turn in _turns(two)]
                command = _type(config, *next(_turns(two)))
        finally:
            server.kill()
    over, fewer = ([one.total - one.answers for one in taken] for taken in (many, few))
    what = f"promote among {count:,} versions"
    return [
        at_most(f"{what}: over MLflow's own answers", statistics.median(over), "s", OVER_S),
        Figure("the same among 2", statistics.median(fewer), "s"),
        Figure(f"{what}: MLflow's answers", statistics.median(one.answers for one in many), "s"),
        Figure("the same among 2", statistics.median(one.answers for one in few), "s"),
        Figure(f"{what}: requests to MLflow", statistics.median(one.requests for one in many), "requests"),
        Figure(f"{what}: the whole command, Python's start and imports with it", command, "s"),
    ]


def _write_config(folder: Path) -> Path:
    (folder / "home").mkdir()
    path = folder / "tiny.yaml"
    settings = {"name": NAME, "data": {"labels": LABELS}, "base_model": {"reference": "base_model"}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def _turns(two: list[str]) -> Iterator[tuple[str, str]]:
    """By turns the one of the two that is to be promoted next, and the champion that it was compared with."""
    for _ in range(PROMOTIONS):
        champion = registry.alias_of(NAME, registry.CHAMPION)
        version = two[1] if champion == two[0] else two[0]
        registry.tag_version(NAME, version, {registry.COMPARED_WITH: champion})
        yield version, champion


def _promote(settings: Settings, version: str, champion: str) -> Taken:
    request = PromotionRequest(reason="bench", who="bench@here", expect=champion)
    with _counted() as answers, redirect_stdout(StringIO()):
        started = time.perf_counter()
        promote_version(settings, version, request)
        total = time.perf_counter() - started
    return Taken(total, sum(answers), len(answers))


@contextmanager
def _counted() -> Iterator[list[float]]:
    """The seconds of each request to MLflow, which it sends by `requests`."""
    seconds: list[float] = []
    send = requests.Session.send

    def timed(session: requests.Session, *args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return send(session, *args, **kwargs)
        finally:
            seconds.append(time.perf_counter() - started)

    requests.Session.send = timed  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        requests.Session.send = send  # type: ignore[method-assign]


def _fill(folder: Path, version: str, count: int) -> None:
    """More versions that look like this one, straight into the server's database."""
    like = connect().get_model_version(NAME, version)
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db?timeout=60")
    for _ in range(count):
        client.create_model_version(NAME, like.source, like.run_id, tags=like.tags, description=like.description)


def _type(config: Path, version: str, champion: str) -> float:
    words = ["promote", NAME, version, "--expect", champion, "--config", str(config)]
    started = time.perf_counter()
    subprocess.run([*COMMAND, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
