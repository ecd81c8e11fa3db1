from __future__ import annotations

from pathlib import Path

import pytest

from components.base import tracking
from components.base.errors import TextgateError
from components.base.files import write_bytes, write_json
from pipelines.lineage.recorded import find
from tests.mlflow_store import Register


def _record(tmp_path: Path, **tags: str) -> str:
    run_id = tracking.open_run("tiny", "job-1", {f"textgate.{name}": value for name, value in tags.items()})
    folder = tmp_path / "lineage"
    write_json(folder / "settings.json", {"name": "tiny"})
    write_json(folder / "arguments.json", {"data_md5": "0.dir"})
    write_bytes(folder / "code.diff", b"a diff\xff")
    tracking.log_files(run_id, {"lineage": folder})
    return run_id


def test_a_run_is_found_by_name_id_and_job(workspace: Path, tmp_path: Path) -> None:
    run_id = _record(tmp_path, run_name="tiny-1", seed="3")
    tracking.log(run_id, params={"a": 1}, metrics=[tracking.Point("loss", 2.0, 1), tracking.Point("loss", 1.0, 2)])
    for reference in (run_id, "tiny-1", "job-1"):
        run = find(reference)
        assert (run.run_id, run.name, run.run_name, run.job_id) == (run_id, "tiny", "tiny-1", "job-1")
    assert (run.params, run.metrics, run.tag("seed"), run.tag("nothing")) == ({"a": "1"}, {"loss": 1.0}, "3", "")
    assert (run.settings(), run.arguments()) == ({"name": "tiny"}, {"data_md5": "0.dir"})
    assert run.file("lineage/nothing.txt") is None


def test_a_model_that_shares_an_experiment_keeps_its_name(workspace: Path) -> None:
    run_id = tracking.open_run("shared", "job-1", {tracking.MODEL: "tiny"})
    assert find(run_id).name == "tiny"


def test_a_version_leads_to_its_run(workspace: Path, register_version: Register) -> None:
    registered = register_version("job-7")
    assert find("tiny", registered.version).job_id == "job-7"
    with pytest.raises(TextgateError, match="no version 9"):
        find("tiny", "9")


@pytest.mark.parametrize("reference", ["nobody", "0" * 32, "it's"])
def test_what_is_not_there_is_said(workspace: Path, reference: str) -> None:
    with pytest.raises(TextgateError, match="no run with the name, id or job"):
        find(reference)


def test_a_diff_is_empty_only_where_nothing_was_changed(workspace: Path, tmp_path: Path) -> None:
    run_id = _record(tmp_path, git_commit="c0ffee")
    assert find(run_id).diff() == b""
    tracking.log(run_id, tags={"textgate.git_commit": "c0ffee-dirty"})
    assert find(run_id).diff() == b"a diff\xff"
    tracking.log(run_id, tags={"textgate.diff_missing": "it is too large"})
    with pytest.raises(TextgateError, match="not stored: it is too large"):
        find(run_id).diff()


def test_a_run_of_an_older_textgate_says_what_it_lacks(workspace: Path) -> None:
    run = find(tracking.open_run("tiny", "job-1", {"textgate.git_commit": "c0ffee-dirty"}))
    for read, name in ((run.settings, "settings.json"), (run.data_file, "data.dvc"), (run.diff, "code.diff")):
        with pytest.raises(TextgateError, match=f"has no lineage/{name}.*older textgate"):
            read()
