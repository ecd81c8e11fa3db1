from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from components.base.errors import TextgateError
from pipelines.cli import cli
from pipelines.data.changes import changes
from pipelines.data.sync import push
from pipelines.data.version import is_cached, read_version, tracked
from tests.pipelines.data.repositories import SPLITS, add, fresh_clone, git, rows, settings_of, write_tables

RELABELLED = [{**SPLITS["train"][0], "label": "bad"}, *SPLITS["train"][1:]]


def run(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["data", *arguments, "--config", str(project / "config.yaml")])


def diff(project: Path, *arguments: str) -> dict[str, Any]:
    result = run(project, "diff", *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def changed(repo: Path) -> Path:
    """A second version, and a folder that differs from that."""
    add(repo, {"train": RELABELLED}, "second")
    write_tables(repo / "data", {"test": [*SPLITS["test"][1:], SPLITS["validation"][0]]})
    write_tables(repo / "data", {"validation": SPLITS["validation"][1:]})
    return repo


def test_the_folder_against_the_last_commit(changed: Path) -> None:
    found = diff(changed)
    assert found["old"] == {"name": "data.dvc of HEAD", "md5": read_version(changed / "data.dvc").md5}
    assert found["new"]["name"] == "data/"
    assert found["files"] == {"test.parquet": "changed", "validation.parquet": "changed"}
    assert found["splits"] == {
        "train": {"before": 40, "after": 40, "labels": {}},
        "validation": {
            "before": 10,
            "after": 9,
            "moved_out": 1,
            "labels": {"good": {"before": 5, "after": 4, "moved_out": 1}},
        },
        "test": {
            "before": 10,
            "after": 10,
            "removed": 1,
            "moved_in": 1,
            "labels": {"good": {"before": 5, "after": 5, "removed": 1, "moved_in": 1}},
        },
    }
    assert found["moved"] == [{"before": "validation", "after": "test", "rows": 1}]
    assert "rows" not in found


def test_the_folder_against_an_earlier_revision_and_two_revisions(changed: Path) -> None:
    relabelled = [{"split": "train", "before": ["good"], "after": ["bad"], "rows": 1}]
    found = diff(changed, "HEAD~1")
    assert found["relabelled"] == relabelled and found["moved"]
    found = diff(changed, "HEAD~1", "HEAD")
    assert found["relabelled"] == relabelled and not found["moved"]
    assert [found[side]["name"] for side in ("old", "new")] == ["data.dvc of HEAD~1", "data.dvc of HEAD"]


def test_ids_are_listed_and_no_texts(changed: Path) -> None:
    found = diff(changed, "HEAD~1", "--rows")
    assert found["rows"]["relabelled"] == [{"id": "0000", "splits": ["train", "train"], "labels": [["good"], ["bad"]]}]
    assert found["rows"]["moved"] == [{"id": "0040", "splits": ["validation", "test"], "labels": [["good"], ["good"]]}]
    assert found["rows"]["removed"] == [{"id": "0050", "splits": ["test", None], "labels": [["good"], []]}]
    said = run(changed, "diff", "HEAD~1", "--rows").stdout
    assert said.splitlines()[-3:] == [
        "removed\ttest\t0050",
        "relabelled\ttrain\t0000",
        "moved\tvalidation → test\t0040",
    ]
    assert "text " not in said


def test_what_a_person_reads(changed: Path) -> None:
    said = run(changed, "diff", "HEAD~1").stdout
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "before after removed relabelled moved in moved out gained lost" in lines
    assert "train 40 40 1" in lines
    assert "bad 20 21 1" in lines
    assert "good 20 19 1" in lines
    assert "relabelled in train: good → bad 1" in lines
    assert "moved: validation → test 1" in lines
    add(changed, {}, "third")
    assert run(changed, "diff").stdout.endswith("nothing changed\n")
    write_tables(changed / "data", {"train": RELABELLED[::-1]})
    assert run(changed, "diff").stdout.endswith("the rows are the same\ntrain.parquet changed\n")


def test_many_labels_are_cut_short(repo: Path) -> None:
    write_tables(repo / "data", {"train": [row for n in range(30) for row in rows(100 + n, 101 + n, f"label {n}")]})
    said = run(repo, "diff").stdout
    assert "and 12 other labels; --json has all" in said


def test_a_version_that_the_cache_lacks_comes_from_a_remote(changed: Path) -> None:
    git(changed, "checkout", "-q", "HEAD~1")
    push(settings_of(changed), lambda _: None)
    git(changed, "checkout", "-q", "-")
    clone = fresh_clone(changed, changed.parent / "clone")
    shutil.copytree(changed / "data", clone / "data")
    settings = settings_of(clone, f"data.remotes=[{changed / 'remote'}]")
    with changes(settings, "HEAD~1") as (old, _, compared):
        assert [row.id for row in compared.changed("relabelled")] == ["0000"]
    assert is_cached(tracked(clone / "data.dvc").cache, old.md5)
    with (
        pytest.raises(
            TextgateError, match=r"(?s)the data of HEAD cannot be had: no remote gives the file list.*/remote"
        ),
        changes(settings, "HEAD"),
    ):
        pass


def test_what_cannot_be_compared_is_one_line(changed: Path) -> None:
    for arguments, said in {
        ("nonsense",): "'nonsense' is no revision",
        ("HEAD", "nonsense"): "'nonsense' is no revision",
    }.items():
        result = run(changed, "diff", *arguments)
        assert isinstance(result.exception, TextgateError) and said in str(result.exception)
    shutil.rmtree(changed / "data")
    result = run(changed, "diff")
    assert isinstance(result.exception, TextgateError) and "textgate data pull" in str(result.exception)
