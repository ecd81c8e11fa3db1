"""What a run recorded of itself, in lines of what and how it is."""

from __future__ import annotations

from pipelines.lineage.recorded import RecordedRun

UNKNOWN = "not recorded"


def facts(run: RecordedRun) -> list[tuple[str, str]]:
    """A line says UNKNOWN where a textgate of its day, or a run that ended early, did not record it."""
    lines = [
        ("run", run.shown),
        ("model", run.name),
        ("outcome", run.tag("outcome") or run.tag("state") or UNKNOWN),
        ("version", run.tag("version") or "none"),
        ("MLflow run", run.run_id),
        ("job", run.job_id or UNKNOWN),
        ("Kubeflow run", _kubeflow(run)),
        ("commit", run.tag("git_commit") or UNKNOWN),
        ("changes to it", _changes(run)),
        ("data", _tagged(run, "data_md5")),
        ("base model", _tagged(run, "base_model")),
        ("base model digest", _tagged(run, "base_model_digest")),
        ("champion", _champion(run)),
        ("settings", _tagged(run, "config_digest")),
        ("compiled pipeline", _tagged(run, "pipeline_digest")),
        ("lock file", _tagged(run, "lock_digest")),
        ("image", _image(run)),
        ("seed", _tagged(run, "seed")),
        ("threads", _tagged(run, "threads")),
        ("processor", _tagged(run, "processor")),
        ("precision", _precision(run)),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions(run).items()) or UNKNOWN),
        ("steps reused from", run.tag("parent_run")),
        ("reproduces", run.tag("reproduces")),
    ]
    return [line for line in lines if line[1]]


def versions(run: RecordedRun) -> dict[str, str]:
    """Of Python and the libraries that the run recorded."""
    prefix = "versions."
    return {key.removeprefix(prefix): value for key, value in sorted(run.params.items()) if key.startswith(prefix)}


def _tagged(run: RecordedRun, name: str) -> str:
    return run.tag(name) or UNKNOWN


def _kubeflow(run: RecordedRun) -> str:
    return f"{run.tag('kfp_run_id')} on {run.tag('cluster')}" if run.tag("cluster") else ""


def _changes(run: RecordedRun) -> str:
    missing, left_out = run.tag("diff_missing"), run.tag("diff_left_out")
    if missing:
        said = f"not stored: {missing}"
    elif run.tag("diff_digest"):
        said = f"stored as lineage/code.diff ({run.tag('diff_digest')})"
    else:
        said = f"not stored: {UNKNOWN}" if run.tag("git_commit").endswith("-dirty") else ""
    return "; ".join(filter(None, [said, f"left out: {left_out}" if left_out else ""]))


def _champion(run: RecordedRun) -> str:
    if version := run.tag("champion_version"):
        return f"version {version}, bundle {run.tag('champion_digest')}"
    return "none"


def _image(run: RecordedRun) -> str:
    image, running, expected = (run.tag(name) for name in ("image", "running_code_digest", "code_digest"))
    if not image:
        return ""
    by_digest = "" if "@" in image else ", by a name that can move"
    other = ", whose code is not that of the commit" if running and expected and running != expected else ""
    return f"{image}{by_digest}{other}"


def _precision(run: RecordedRun) -> str:
    trained = run.tag("training_precision")
    return f"{_tagged(run, 'precision')}{f', trained in {trained}' if trained else ''}"
