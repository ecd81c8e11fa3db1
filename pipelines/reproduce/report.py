"""What a comparison says, for people and for programs, and its place with the run that was made again."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.base import tracking
from components.base.files import write_json, write_text
from components.base.user import current_user
from pipelines.lineage.recorded import RecordedRun
from pipelines.reproduce.comparing import Comparison

FOLDER = "reproductions"
SHOWN = 12


def report(found: Comparison, original: RecordedRun, again: RecordedRun) -> dict[str, Any]:
    """As JSON."""
    agreed = found.agreement
    return {
        "outcome": found.outcome,
        "original": {"run_id": original.run_id, "run": original.shown},
        "again": {"run_id": again.run_id, "run": again.shown},
        "stages": [{**asdict(stage), "same": stage.same} for stage in found.stages],
        "departs": found.departs,
        "causes": [asdict(cause) for cause in found.causes],
        "pipeline": {"before": original.tag("pipeline_digest"), "after": again.tag("pipeline_digest")},
        "tolerance": found.tolerance,
        "predictions": {**asdict(agreed), "largest": _finite(agreed.largest)} if agreed else None,
        "who": current_user(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def lines(found: Comparison, original: RecordedRun, again: RecordedRun) -> list[str]:
    said = [f"{found.outcome}: {original.shown} and {again.shown}"]
    for stage in found.stages:
        digests = (
            stage.before[:SHOWN] if stage.same else f"{stage.before[:SHOWN]} → {stage.after[:SHOWN] or 'not made'}"
        )
        said.append(f"  {stage.name:<11} {'same   ' if stage.same else 'differs'} {digests}")
    before, after = original.tag("pipeline_digest"), again.tag("pipeline_digest")
    other = "" if before == after else f": {before[:SHOWN]} → {after[:SHOWN]}"
    said.append(f"the compiled pipeline is {'another' if other else 'the same'}{other}")
    if found.outcome == "identical":
        return said
    said.append(f"the first that departs: {found.departs}. What differs in what it is made from:")
    said += [f"  {cause}" for cause in found.causes] or ["  nothing that was recorded"]
    if agreed := found.agreement:
        said.append(
            f"predictions of {agreed.rows} test rows: the largest difference of a probability is {agreed.largest:.2g}"
            f" (tolerance {found.tolerance:g}), {agreed.flipped} are answered otherwise"
            + (f", {agreed.missing} stand in one run only" if agreed.missing else "")
        )
    else:
        said.append("whether predictions agree is not known: the original or the new run has none")
    return [*said, "time is not compared"]


def store(found: Comparison, original: RecordedRun, again: RecordedRun) -> None:
    """The report as artifacts of the original run, and its outcome as tags on it."""
    with tempfile.TemporaryDirectory() as folder:
        name = Path(folder) / again.shown
        write_json(name.with_name(f"{name.name}.json"), report(found, original, again))
        write_text(name.with_name(f"{name.name}.txt"), "\n".join(lines(found, original, again)) + "\n")
        files = {f"{FOLDER}/{path.name}": path for path in Path(folder).iterdir()}
        tracking.log_files(original.run_id, files)
    tags = {"": found.outcome, "_by": again.run_id, "_departs": found.departs}
    tags["_when"] = datetime.now(UTC).isoformat(timespec="seconds")
    tracking.log(original.run_id, tags={f"textgate.reproduced{name}": value for name, value in tags.items()})


def _finite(value: float) -> float | None:
    """None where the labels are others."""
    return value if value < float("inf") else None
