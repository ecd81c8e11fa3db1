"""A run as MLflow keeps it, wherever it ran, with the files that say what it was made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from components.base import registry, tracking
from components.base.errors import TextgateError
from components.base.lineage_files import ARGUMENTS, DATA_FILE, DIFF, FOLDER, PIPELINE, SETTINGS
from components.base.mlflow_client import shown_uri
from components.base.workspace import home


@dataclass(frozen=True)
class RecordedRun:
    """`run_id` is MLflow's, `name` the model's; `metrics` are the last values."""

    run_id: str
    name: str
    job_id: str
    run_name: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]

    @property
    def shown(self) -> str:
        """How messages name it."""
        return self.run_name or self.run_id

    def tag(self, name: str) -> str:
        """The tag textgate.NAME; empty where there is none."""
        return self.tags.get(f"textgate.{name}", "")

    def file(self, path: str) -> bytes | None:
        """The bytes of one of its artifacts; None where it has no such file."""
        return tracking.read_file(self.run_id, path)

    def settings(self) -> dict[str, Any]:
        """All of its settings, with the defaults of its day."""
        return dict(json.loads(self._lineage(SETTINGS)))

    def arguments(self) -> dict[str, str]:
        """The pipeline's parameters that decide the result: all but those that only describe it."""
        return dict(json.loads(self._lineage(ARGUMENTS)))

    def data_file(self) -> str:
        """The text of the DVC file that named its data."""
        return self._lineage(DATA_FILE).decode()

    def pipeline(self) -> str:
        """The compiled pipeline."""
        return self._lineage(PIPELINE).decode()

    def diff(self) -> bytes:
        """What `git apply` turns its commit into its code with; empty where the code was that of the commit.

        Raises TextgateError where there were changes that were not stored.
        """
        if why := self.tag("diff_missing"):
            raise TextgateError(f"the run {self.shown} ran with changes to its commit that were not stored: {why}")
        if not self.tag("diff_digest") and not self.tag("git_commit").endswith("-dirty"):
            return b""
        return self._lineage(DIFF)

    def _lineage(self, name: str) -> bytes:
        """Raises TextgateError where the run has no such file."""
        content = self.file(f"{FOLDER}/{name}")
        if content is None:
            raise TextgateError(
                f"the run {self.shown} in MLflow at {shown_uri()} has no {FOLDER}/{name}: it was recorded by an older"
                " textgate, or stopped before its step resolve had ended"
            )
        return content


def find(reference: str, version: str = "") -> RecordedRun:
    """The run of a run folder's name, an MLflow run id or a job id; with `version`, the one that made that version of
    the model `reference`.

    Raises TextgateError where there is none.
    """
    if version:
        return _load(_run_of(reference, version))
    if run_id := tracking.find_anywhere(reference):
        return _load(run_id)
    raise TextgateError(
        f"MLflow at {shown_uri()} has no run with the name, id or job {reference!r}; a run of this machine"
        f" has the name of its folder in {home() / 'runs'}; a version is named by MODEL VERSION"
    )


def find_all(name: str, value: str) -> list[RecordedRun]:
    """The runs with this value of the tag textgate.NAME, the oldest first."""
    return [_recorded(run_id, run) for run_id, run in tracking.search(f"textgate.{name}", value).items()]


def _run_of(name: str, version: str) -> str:
    run_id = registry.version_tags(name, version).get(registry.RUN_ID)
    if not run_id:
        raise TextgateError(
            f"version {version} of {name} in MLflow at {shown_uri()} has no tag {registry.RUN_ID}: textgate did not"
            " register it"
        )
    return run_id


def _load(run_id: str) -> RecordedRun:
    return _recorded(run_id, tracking.read_run(run_id))


def _recorded(run_id: str, run: tracking.Tracked) -> RecordedRun:
    tags = run.tags
    return RecordedRun(
        run_id=run_id,
        name=tags.get(tracking.MODEL) or run.experiment,
        job_id=tags.get(tracking.JOB_ID, ""),
        run_name=tags.get(tracking.RUN_NAME, ""),
        tags=tags,
        params=run.params,
        metrics=run.metrics,
    )
