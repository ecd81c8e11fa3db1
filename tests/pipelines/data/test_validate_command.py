"""`textgate data validate` as one types it."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from components.base import tracking
from components.base.errors import TextgateError
from components.base.files import sha256_file, write_json
from components.base.settings import RunStep
from components.promote.promote import promote
from components.register.register import register
from components.validate.profile import build_profile
from components.validate.reference import champion_profile, usable_profile
from pipelines.cli import cli
from serving.bundle import digest
from tests.mlflow_store import DATA_MD5, write_checkpoint, write_evaluation, write_verdict
from tests.pipelines.data.repositories import SPLITS, rows, settings_of, write_config, write_tables
from tests.tiny_project import write_base_model

RUN = RunStep(name="tiny")
LIMITS = {
    "min_rows": {"train": 20, "validation": 5, "test": 5},
    "min_rows_per_label": 2,
    "rules": {"near_leakage": "off", "languages": "off"},
}


@pytest.fixture
def here(tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    write_config(project, ["remote"], validation=LIMITS)
    write_tables(project / "data", SPLITS)
    monkeypatch.chdir(project)
    return project


def textgate(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["data", "validate", "--config", "config.yaml", *arguments])


def test_good_data_is_valid_and_has_a_report(here: Path, workspace: Path) -> None:
    done = textgate()
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert "valid: tiny, train 40, validation 10, test 10 rows, " in done.stdout
    report = workspace / "validation" / "tiny"
    assert f"report: {report / 'validation.json'}" in done.stdout
    assert f"pages: {report / 'data_docs' / 'index.html'}" in done.stdout
    assert (report / "data_docs" / "index.html").is_file()
    write_base_model(here / "base_model")
    assert json.loads((report / "profile.json").read_text())["tokens"] is None
    assert textgate("--report", "again").exit_code == 0
    assert json.loads(Path("again/profile.json").read_text())["tokens"]["tokens"]


def test_a_refusal_names_the_rows_and_exits_with_1(here: Path) -> None:
    (here / "other").mkdir()
    write_tables(here / "other", {**SPLITS, "test": [*rows(50, 58), *rows(0, 2), *rows(58, 60, "<odd>")]})
    done = textgate("--tables", "other", "--report", "report", "--set", "validation.max_label_share=1")
    assert done.exit_code == 1, done.output
    assert "refused across splits: 4 rows whose text stands in another split too; ids 0000 (train)" in done.stdout
    assert "refused test: 2 rows with labels outside the config: <odd> (2); ids 0058, 0059: add them" in done.stdout
    assert "not valid: tiny" in done.stdout
    rules = "{leakage: warn, unique_ids: off, labels_known: off, labels_present: off, near_leakage: off}"
    options = ["--set", "validation.max_label_share=1", "--set", f"validation.rules={rules}"]
    done = textgate("--tables", "other", "--report", "report", *options)
    assert done.exit_code == 0, done.output
    assert "warning across splits: 4 rows whose text stands in another split too" in done.stdout


def test_what_is_not_there_or_in_the_way_is_told(here: Path) -> None:
    for options, said in (
        (["--tables", "nowhere"], "nowhere is not a folder; `textgate data import`"),
        (["--report", "data"], "data holds something else than a report"),
        (["--set", "validation.suite=absent.json"], "absent.json (validation.suite) cannot be read: No such file"),
        (["--set", "validation.languages=[english]"], "validation.languages names english"),
    ):
        done = textgate(*options)
        assert done.exit_code == 1 and isinstance(done.exception, TextgateError), done.output
        assert said in str(done.exception)
    assert sorted(path.name for path in (here / "data").iterdir()) == [
        "test.parquet",
        "train.parquet",
        "validation.parquet",
    ]


def test_a_written_suite_is_edited_and_taken(here: Path) -> None:
    done = textgate("--write-suite", "suite.json", "--report", "report")
    assert done.exit_code == 0 and "suite: suite.json (validation.suite names it in a config)" in done.stdout
    suite = json.loads(Path("suite.json").read_text())
    for expectation in suite["expectations"]:
        if expectation["meta"]["check"] == "text_length" and expectation["meta"]["batch"] == "test":
            expectation["kwargs"]["max_value"] = 5
    write_json(Path("suite.json"), suite)
    done = textgate("--report", "report", "--set", "validation.suite=suite.json")
    assert done.exit_code == 1
    assert done.stdout.count("refused") == 1
    assert "refused test: text_length: 10 rows unexpected; ids 0050, 0051, 0052, 0053, 0054; expected " in done.stdout


def test_drift_from_the_champion_is_told_and_its_absence_too(
    here: Path, tmp_path: Path, tiny: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    done = textgate("--drift", "--report", "report")
    assert done.exit_code == 0
    assert "drift: tiny has no champion yet whose data to compare with" in done.stdout
    other = tmp_path / "other"
    write_tables(other, {"train": [*rows(100, 190), *rows(190, 200, "bad")]})
    profile = build_profile(other, settings_of(here).data.for_steps(), None)
    assert _promote(tmp_path, tiny, "job-1", None, "") == "1"
    done = textgate("--drift", "--report", "report")
    assert "drift: champion version 1 of tiny has no profile of its data" in done.stdout
    assert _promote(tmp_path, tiny, "job-2", profile, "1") == "2"
    done = textgate("--drift", "--report", "report")
    assert done.exit_code == 0, done.output
    assert "warning against the champion's data: the shares of labels moved (" in done.stdout
    assert "label drift: 0.4 of at most 0.15" in done.stdout
    assert "unknown drift: the share of unknown tokens was not measured for both" in done.stdout
    with pytest.raises(TextgateError, match="is not the bundle that was pinned"):
        champion_profile("tiny", "2", "0" * 64)
    assert champion_profile("tiny", "", "") is None
    assert usable_profile("tiny", "2", "0" * 64) is None
    assert "the data is not compared with the champion's: version 2 of tiny is not" in capsys.readouterr().out


def _promote(folder: Path, tiny: ModuleType, job: str, profile: dict[str, Any] | None, before: str) -> str:
    """Registers and promotes a bundle of its own, with the profile in it."""
    bundle = folder / job / "bundle"
    tiny.write_bundle(bundle, temperature=1.0 + len(before))
    if profile:
        sealed = json.loads((bundle / "bundle.json").read_text())
        write_json(bundle / "profile.json", profile)
        sealed["files"]["profile.json"] = sha256_file(bundle / "profile.json")
        write_json(bundle / "bundle.json", sealed)
    write_evaluation(folder / job / "evaluation", digest(bundle), before)
    write_verdict(folder / job / "verdict")
    tracking.open_run("tiny", job, {"textgate.data_md5": DATA_MD5})
    write_checkpoint(folder / job / "checkpoint", job)
    paths = (folder / job / name for name in ("bundle", "checkpoint", "evaluation", "verdict"))
    version = register(RUN, job, *paths, {"git_commit": "c0ffee"}).version
    promote(RUN, version, before, why="test", who="ann@desk")
    return str(version)
