from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from components.base.errors import TextgateError
from components.base.files import digest_files, sha256_text
from components.base.settings import SPLITS
from components.base.text import normalise
from pipelines.cli.data import command
from pipelines.data.default import splits
from pipelines.data.default.clean import clean
from pipelines.data.default.importing import import_data
from pipelines.data.default.source import read_corpus
from pipelines.data.version import folder_version, read_version
from tests.pipelines.data.clones import ROOT, clone, dvc
from tests.pipelines.data.conftest import Corpus

ROWS = [(label, "", f"{label} text {number}".encode()) for label in ("bad", "good") for number in range(30)]
CLI = [sys.executable, "-c", "from pipelines.cli import main; main()", "data", "import"]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Two imports at once, with different hash seeds, in one clone of the project; and what they said."""
    project = clone(tmp_path_factory.mktemp("imported") / "clone")
    environment = {**os.environ, "DVC_SITE_CACHE_DIR": str(project.parent), "PYTHONPATH": str(ROOT)}

    def start(seed: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            CLI, cwd=project, env={**environment, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True
        )

    both = [start("1"), start("2")]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    return project, said


def test_the_import_gives_the_committed_version_and_leaves_dvc_clean(imported: tuple[Path, list[str]]) -> None:
    project, said = imported
    version = read_version(project / "data.dvc")
    assert folder_version(project / "data") == version
    assert dvc(project, "status", "-q").returncode == 0
    first, second = sorted(said, key=len, reverse=True)
    assert "encoding repaired" in first
    assert version.md5 in first
    assert "is already version" in second


def test_no_text_is_in_two_splits_or_has_two_labels(imported: tuple[Path, list[str]]) -> None:
    tables = {split: pq.read_table(imported[0] / "data" / f"{split}.parquet") for split in SPLITS}
    rows = [(split, row) for split, table in tables.items() for row in table.to_pylist()]
    texts = Counter(normalise(row["text"]) for _, row in rows)
    assert max(texts.values()) == 1
    assert all(row["id"] == sha256_text(normalise(row["text"]))[:16] for _, row in rows)
    assert {row["label"] for _, row in rows} == {"negative", "neutral", "positive"}
    shares = {split: table.num_rows / len(rows) for split, table in tables.items()}
    assert shares == pytest.approx({"train": 0.8, "validation": 0.1, "test": 0.1}, abs=0.01)


def test_the_files_are_plain(imported: tuple[Path, list[str]]) -> None:
    for split in SPLITS:
        file = pq.ParquetFile(imported[0] / "data" / f"{split}.parquet")
        assert file.schema_arrow.names == ["id", "text", "label", "confidence"]
        assert file.schema_arrow.metadata is None
        assert file.num_row_groups == 1
        ids = file.read()["id"].to_pylist()
        assert ids == sorted(ids)


def test_another_build_has_the_same_version_and_it_is_the_one_that_dvc_gives(project: Path, corpus: Corpus) -> None:
    path = corpus(ROWS)
    first = import_data(project, pin=True)
    written = (project / "data.dvc").read_bytes()
    again = project / "again"
    again.mkdir()
    splits.write_splits(clean(read_corpus(path))[0], again)
    assert folder_version(again).md5 == first.md5
    assert dvc(project, "add", "data").returncode == 0
    assert (project / "data.dvc").read_bytes() == written


def test_edited_data_is_not_overwritten(project: Path, corpus: Corpus) -> None:
    corpus(ROWS)
    md5 = import_data(project, pin=True).md5
    (project / "data/notes.txt").write_text("mine")
    edited = digest_files(project / "data")
    for pin in (False, True):
        with pytest.raises(TextgateError, match=r"would be lost.*--force"):
            import_data(project, pin=pin)
    assert digest_files(project / "data") == edited
    assert import_data(project, force=True).md5 == md5
    assert folder_version(project / "data").md5 == md5


def test_data_that_the_cache_holds_is_replaced_by_the_version_that_is_asked_for(project: Path, corpus: Corpus) -> None:
    corpus(ROWS)
    import_data(project, pin=True)
    corpus(ROWS[1:])
    assert import_data(project, pin=True).md5 == folder_version(project / "data").md5


def test_another_version_than_the_committed_one_is_refused(project: Path, corpus: Corpus) -> None:
    path = corpus(ROWS)
    built, old = project / "built", project / "data"
    for folder in (built, old):
        folder.mkdir()
    splits.write_splits(clean(read_corpus(path))[0], built)
    (old / "old.txt").write_text("old")
    with pytest.raises(TextgateError) as refusal:
        import_data(project, force=True)
    assert folder_version(built).md5 in str(refusal.value)
    assert read_version(project / "data.dvc").md5 in str(refusal.value)
    assert [path.name for path in old.iterdir()] == ["old.txt"]
    assert sorted(path.name for path in project.glob(".data*")) == []


def test_an_interrupted_write_leaves_the_old_data(
    project: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus(ROWS)
    (project / "data").mkdir()
    (project / "data/old.txt").write_text("old")
    write = pq.write_table

    def interrupted(table: object, path: Path, **options: object) -> None:
        write(table, path, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(pq, "write_table", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_data(project, force=True, pin=True)
    assert [path.name for path in (project / "data").iterdir()] == ["old.txt"]
    assert sorted(path.name for path in project.glob(".data*")) == []


def test_a_lost_or_damaged_cache_is_filled_again(project: Path, corpus: Corpus) -> None:
    corpus(ROWS)
    import_data(project, pin=True)
    objects = sorted(path for path in (project / ".dvc/cache").rglob("*") if path.is_file())
    content = digest_files(project / ".dvc/cache")
    objects[0].unlink()
    objects[1].chmod(0o644)
    objects[1].write_bytes(b"")
    objects[1].chmod(0o444)
    assert import_data(project).counts is None
    assert digest_files(project / ".dvc/cache") == content


def test_the_command_names_what_is_wrong(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outside = CliRunner().invoke(command, ["import"]).exception
    assert isinstance(outside, TextgateError)
    assert "no data.dvc in" in str(outside)
    elsewhere = CliRunner().invoke(command, ["import", "--project", str(tmp_path)]).exception
    assert isinstance(elsewhere, TextgateError)
    assert "is in no DVC project" in str(elsewhere)
    (project / "data.dvc").write_text("outs: []\n")
    broken = CliRunner().invoke(command, ["import", "--project", str(project)]).exception
    assert isinstance(broken, TextgateError)
    assert "is not a DVC file of one folder" in str(broken)
    (project / "data").write_text("a file")
    blocked = CliRunner().invoke(command, ["import", "--project", str(project), "--pin"]).exception
    assert isinstance(blocked, TextgateError)
    assert "is not a plain folder" in str(blocked)
