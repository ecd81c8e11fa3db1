from __future__ import annotations

import pytest

from pipelines.lineage.facts import UNKNOWN, facts
from pipelines.lineage.recorded import RecordedRun


def run(params: dict[str, str] | None = None, **tags: str) -> RecordedRun:
    known = {f"textgate.{name}": value for name, value in tags.items()}
    return RecordedRun("0" * 32, "tiny", "job-1", "a-run", known, params or {}, {})


def test_what_an_older_textgate_did_not_record_is_said() -> None:
    lines = dict(facts(run(git_commit="c0ffee-dirty")))
    assert (lines["settings"], lines["versions"], lines["processor"]) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert lines["changes to it"] == f"not stored: {UNKNOWN}"


def test_changes_are_stored_or_it_is_said_why_not() -> None:
    assert "changes to it" not in dict(facts(run(git_commit="c0ffee")))
    stored = run(git_commit="c0ffee-dirty", diff_digest="d" * 64, diff_left_out=".env (a secret)")
    assert (
        dict(facts(stored))["changes to it"] == f"stored as lineage/code.diff ({'d' * 64}); left out: .env (a secret)"
    )
    missing = run(git_commit="c0ffee-dirty", diff_digest="d" * 64, diff_missing="too long")
    assert dict(facts(missing))["changes to it"] == "not stored: too long"


@pytest.mark.parametrize(
    ("image", "running", "said"),
    [
        ("textgate@sha256:0", "a", "textgate@sha256:0"),
        ("textgate:1", "a", "textgate:1, by a name that can move"),
        ("textgate@sha256:0", "b", "textgate@sha256:0, whose code is not that of the commit"),
    ],
)
def test_an_image_that_is_not_the_commit_is_told(image: str, running: str, said: str) -> None:
    lines = facts(run(image=image, code_digest="a", running_code_digest=running, cluster="https://kfp", kfp_run_id="7"))
    assert dict(lines)["image"] == said
    assert dict(lines)["Kubeflow run"] == "7 on https://kfp"


def test_versions_are_those_of_the_parameters() -> None:
    found = run({"versions.python": "3.11.2", "versions.keras": "3.1", "training.threads": "2"}, precision="int8")
    assert dict(facts(found))["versions"] == "keras 3.1, python 3.11.2"
    assert dict(facts(found))["precision"] == "int8"
