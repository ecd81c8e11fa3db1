from __future__ import annotations

from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.settings import FetchStep, FinetuneStep, GateStep, QuantizeStep, RunStep, ValidateStep, from_json
from pipelines.reproduce.like import Like, like
from tests.pipelines.reproduce.recorded_runs import record_run
from tests.tiny_project import write_config

SUITE = {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}]}


@pytest.fixture
def project(workspace: Path, tmp_path: Path) -> Path:
    write_config(tmp_path)
    (tmp_path / "data.dvc").write_text(
        f"outs:\n- {{md5: {'0123456789abcdef' * 2}.dir, size: 3, nfiles: 3, hash: md5, path: data}}\n"
    )
    return tmp_path


def arguments(wanted: Like) -> dict[str, str]:
    return wanted.arguments()


def test_the_arguments_are_the_recorded_ones_but_for_marks_and_places(project: Path) -> None:
    run = record_run(project, "first", champion_version="3", champion_digest="d" * 64, champion_data="x y")
    recorded, again = run.arguments(), arguments(like(run, "again", ["data.remotes=[/elsewhere]"]))
    assert recorded.keys() == again.keys()
    same = ("data_md5", "override", "validate_settings", "tokenize_settings", "finetune_settings", "deploy_settings")
    assert [name for name in same if recorded[name] != again[name]] == []
    fetch = from_json(FetchStep, again["fetch_settings"])
    assert (fetch.remotes, fetch.fresh) == (["/elsewhere"], "again"), "nothing comes from a cluster's cache"
    mark = from_json(RunStep, again["run"]).like
    assert mark and (mark.run_id, mark.champion_version, mark.champion_data) == (run.run_id, "3", "x y")
    assert mark.base_model == str(project / "base_model") and mark.base_model_digest == "b" * 64
    assert from_json(GateStep, again["gate_settings"]).reproduction
    assert from_json(QuantizeStep, again["quantize_settings"]).chosen == "int8"
    assert not from_json(GateStep, recorded["gate_settings"]).reproduction


def test_what_files_held_is_taken_from_the_run_and_not_from_the_files(project: Path) -> None:
    write_json(project / "suite.json", SUITE)
    run = record_run(project, "first", f"validation.suite={project / 'suite.json'}")
    (project / "suite.json").unlink()
    (project / "data.dvc").unlink()
    again = arguments(like(run, "again"))
    (expectation,) = from_json(ValidateStep, again["validate_settings"]).suite
    assert expectation.type == SUITE["expectations"][0]["type"]
    assert again["data_md5"] == run.arguments()["data_md5"]


def test_what_the_run_found_by_itself_is_pinned(project: Path) -> None:
    found = "mlflow://tiny/2"
    settings = "training.batch_size=auto", "base_model.warm_start=champion", "training.checkpoint.place=/saved"
    run = record_run(project, "first", *settings, base_model=found)
    wanted = like(run, "again")
    assert wanted.settings.training.batch_size == 16
    assert (wanted.settings.base_model.reference, wanted.settings.base_model.warm_start) == (found, "none")
    place = from_json(FinetuneStep, arguments(wanted)["finetune_settings"]).training.checkpoint.place
    assert place.endswith("again.saved") and not place.startswith("/saved")
    moved = like(run, "again", ["base_model.reference=/models/tiny"])
    assert arguments(moved)["run"].count("/models/tiny") == 1


def test_saved_training_in_s3_has_a_place_of_its_own(project: Path) -> None:
    run = record_run(project, "first", "training.checkpoint.place=s3://bucket/saved/")
    assert like(run, "again").settings.training.checkpoint.place == "s3://bucket/saved/again"


def test_what_would_make_another_run_is_refused(project: Path) -> None:
    run = record_run(project, "first")
    assert like(run, "again", ["training.threads=1"]).settings.training.threads == 1
    for change in ("training.seed=2", "gate.rules={}", "base_model.warm_start=champion"):
        with pytest.raises(TextgateError, match=f"--set {change.split('=')[0]}.* would make it another run"):
            like(run, "again", [change])


def test_a_run_that_pinned_nothing_cannot_be_made_again(project: Path) -> None:
    run = record_run(project, "first", base_model_digest="")
    with pytest.raises(TextgateError, match="ended before the step resolve pinned"):
        arguments(like(run, "again"))


def test_dvcs_cache_is_asked_before_the_remotes(project: Path) -> None:
    run = record_run(project, "first")
    remotes = like(run, "again", remotes=["/cache"]).settings.data.remotes
    assert remotes == ["/cache", str(project / "remote")]
