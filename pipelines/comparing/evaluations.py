"""What was evaluated in a run."""

from __future__ import annotations

import json
from typing import Any

from components.base.errors import TextgateError
from pipelines.lineage.recorded import RecordedRun

FILE = "evaluation/evaluation.json"


def read_evaluation(run: RecordedRun) -> Any:
    """evaluation.json. Raises TextgateError where the run ended before."""
    content = run.file(FILE)
    if content is None:
        outcome = run.tag("outcome") or run.tag("state") or "unfinished"
        raise TextgateError(f"the run {run.shown} has no evaluation: it ended before ({outcome})")
    return json.loads(content)
