"""Makes a recorded run again: its code in a worktree, its environment, its data; nothing begins while any lacks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from components.base.errors import TextgateError
from components.base.workspace import create_home, home
from pipelines.lineage.recorded import RecordedRun, find
from pipelines.reproduce import code, environment
from pipelines.reproduce.like import Like
from pipelines.reproduce.missing import missing

IMAGE_OF_A_STEP = re.compile(r"^ +image: (\S+)$", re.MULTILINE)
TEXTGATE = ("-c", "from pipelines.cli import main; main()")


def make_again(wanted: Like, overrides: Sequence[str] = (), cluster: Sequence[str] | None = None) -> RecordedRun:
    """The run like `wanted`, made on this machine, or with `cluster`, the options of textgate submit, on that.

    Raises TextgateError naming all that is missing and where it could be had, or the step that failed.
    """
    run, commit, here = wanted.recorded, code.commit_of(wanted.recorded), cluster is None
    if lacking := missing(wanted, here=here):
        raise TextgateError(f"the run {run.shown} cannot be made again yet; missing is\n  " + "\n  ".join(lacking))
    folder = create_home() / "reproductions" / wanted.name
    with code.worktree(commit, run.diff(), folder) as checkout:
        if why := environment.present(run, commit, here=here):
            print(f"another environment is needed: {why}", flush=True)
            python = environment.prepare(run, checkout)
        else:
            print("the present environment is that of the run's lock, and is taken", flush=True)
            python = Path(sys.executable)
        start = ["run"] if cluster is None else ["submit", "--watch", *cluster]
        options = ["--like", run.run_id, "--name", wanted.name, *(["--to", wanted.to] if wanted.to else [])]
        places = [word for override in overrides for word in ("--set", override)]
        command = [str(python), *TEXTGATE, *start, *options, *places]
        status = subprocess.run(command, env=_surroundings(run, checkout), check=False).returncode
    if status:
        raise TextgateError(f"the run {wanted.name}, made like {run.shown}, failed; what it said stands above")
    return find(wanted.name)


def _surroundings(run: RecordedRun, checkout: Path) -> dict[str, str]:
    """Imports come from the worktree, whatever the current folder holds; the image is the compiled pipeline's, and
    state stays in this workspace."""
    kept = {name: value for name, value in os.environ.items() if name not in ("MLFLOW_RUN_ID", "PYTHONHOME")}
    image = IMAGE_OF_A_STEP.search(run.pipeline())
    return {
        **kept,
        "PYTHONPATH": str(checkout),
        "PYTHONSAFEPATH": "1",
        "TEXTGATE_HOME": str(home()),
        **({"TEXTGATE_IMAGE": image[1]} if image else {}),
    }
