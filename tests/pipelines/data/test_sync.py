from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components.base.dvc_tree import md5_file, object_key
from components.base.errors import TextgateError
from components.base.files import digest_files
from components.base.settings import Settings
from pipelines.data.sync import pull, push
from pipelines.data.transfer import Transfer
from pipelines.data.version import folder_version, is_cached, read_version, tracked
from tests.pipelines.data.clones import dvc
from tests.pipelines.data.repositories import (
    SPLITS,
    add,
    fresh_clone,
    git,
    objects,
    overwrite,
    rows,
    settings_of,
    write_tables,
)


def pushed(settings: Settings) -> list[str]:
    said: list[str] = []
    push(settings, said.append)
    return said


def md5_of(project: Path, name: str) -> str:
    return md5_file(project / "data" / name)


def test_a_push_puts_every_object_there_and_a_second_nothing(repo: Path) -> None:
    (said,) = pushed(settings_of(repo))
    assert "holds all 4 objects now; sent: 4" in said
    assert objects(repo / "remote") == objects(repo / ".dvc/cache")
    (said,) = pushed(settings_of(repo))
    assert "holds all 4 objects already" in said


def test_dvc_itself_sees_what_was_pushed_and_its_files_stay_as_they_were(repo: Path) -> None:
    before = {name: (repo / name).read_bytes() for name in ("data.dvc", ".dvc/config")}
    pushed(settings_of(repo))
    assert {name: (repo / name).read_bytes() for name in before} == before
    assert git(repo, "status", "--porcelain") == ""
    other = fresh_clone(repo, repo.parent / "other")
    assert dvc(other, "remote", "add", "-q", "-d", "store", str(repo / "remote")).returncode == 0
    assert dvc(other, "pull", "-q").returncode == 0
    assert digest_files(other / "data") == digest_files(repo / "data")


def test_the_projects_own_cache_needs_no_push(repo: Path) -> None:
    before = objects(repo / ".dvc/cache")
    (said,) = pushed(settings_of(repo, "data.remotes=[.dvc/cache]"))
    assert "is the project's own cache" in said
    assert objects(repo / ".dvc/cache") == before


def test_a_cache_elsewhere_is_the_one_that_counts(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / ".dvc/cache").rename(repo.parent / "shared")
    (repo / ".dvc/config.local").write_text("[cache]\n    dir = ../../shared\n")
    (said,) = pushed(settings_of(repo, "data.remotes=[../shared]"))
    assert "is the project's own cache" in said
    assert "sent: 4" in pushed(settings_of(repo))[0]
    assert not (repo / ".dvc/cache").exists()


def test_only_what_is_missing_is_sent_whatever_a_file_list_promises(repo: Path) -> None:
    pushed(settings_of(repo))
    lost = repo / "remote" / object_key(md5_of(repo, "test.parquet"))
    lost.unlink()
    (said,) = pushed(settings_of(repo))
    assert "sent: 1" in said
    assert objects(repo / "remote") == objects(repo / ".dvc/cache")


@pytest.mark.parametrize("content", [b"", b"PAR1"])
def test_an_object_of_another_size_is_sent_again(repo: Path, content: bytes) -> None:
    pushed(settings_of(repo))
    overwrite(repo / "remote" / object_key(md5_of(repo, "train.parquet")), content)
    pushed(settings_of(repo))
    assert objects(repo / "remote") == objects(repo / ".dvc/cache")


def test_a_version_that_is_not_whole_is_not_pushed(repo: Path) -> None:
    (repo / ".dvc/cache" / object_key(md5_of(repo, "test.parquet"))).unlink()
    write_tables(repo / "data", {"test": rows(90, 95)})
    with pytest.raises(TextgateError, match=r"nothing was pushed.*does not hold test.parquet.*dvc add") as refusal:
        pushed(settings_of(repo))
    assert read_version(repo / "data.dvc").md5 in str(refusal.value)
    assert not (repo / "remote").exists()


def test_changes_that_were_not_pushed_are_mentioned(repo: Path) -> None:
    write_tables(repo / "data", {"test": rows(90, 95)})
    first, second = pushed(settings_of(repo))
    assert "sent: 4" in first
    assert "data differs from that version; `dvc add" in second


def test_the_folder_fills_the_cache_where_it_is_the_version(repo: Path) -> None:
    before = objects(repo / ".dvc/cache")
    damaged = repo / ".dvc/cache" / object_key(md5_of(repo, "test.parquet"))
    overwrite(damaged, b"damaged")
    (repo / ".dvc/cache" / object_key(md5_of(repo, "train.parquet"))).unlink()
    pushed(settings_of(repo))
    assert objects(repo / ".dvc/cache") == objects(repo / "remote") == before


def test_a_remote_that_cannot_be_written_is_named_and_the_others_get_theirs(repo: Path) -> None:
    (repo / "blocked").write_text("a file")
    with pytest.raises(
        TextgateError, match=r"(?s)push to .*/blocked failed: it holds 0 of 4 objects.*Not a directory: .*/blocked"
    ):
        pushed(settings_of(repo, "data.remotes=[blocked, remote]"))
    assert objects(repo / "remote") == objects(repo / ".dvc/cache")


def test_the_file_list_is_not_sent_before_its_files(repo: Path) -> None:
    blocked = repo / "remote" / object_key(md5_of(repo, "train.parquet"))
    (blocked / "in the way").mkdir(parents=True)
    with pytest.raises(TextgateError, match=r"failed: it holds 2 of 4 objects; missing: train.parquet, the file list"):
        pushed(settings_of(repo))


def test_what_dvc_reports_as_sent_is_looked_for(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transfer, "send", lambda *_: {})
    with pytest.raises(TextgateError, match=r"push to .*/remote failed: it holds 0 of 4 objects; missing"):
        pushed(settings_of(repo))


def test_what_dvc_writes_is_hashed_before_it_replaces_the_folder(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "data/train.parquet").unlink()
    before = digest_files(repo / "data")
    monkeypatch.setattr(Transfer, "check_out", lambda _, md5, folder: (folder / "train.parquet").write_text(md5))
    with pytest.raises(TextgateError, match=r"the folder came out as .* is as it was"):
        pull(settings_of(repo))
    assert digest_files(repo / "data") == before


@pytest.mark.slow
def test_another_dvc_at_work_is_named(repo: Path) -> None:
    hold = f"import dvc.repo, sys; dvc.repo.Repo({str(repo)!r}).lock.lock(); print(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout and holder.stdout.readline()
        with pytest.raises(TextgateError, match=r"DVC cannot work in .*lock"):
            pushed(settings_of(repo))
        holder.communicate()
    assert "sent: 4" in pushed(settings_of(repo))[0]


def test_a_pull_into_a_fresh_clone_gives_the_same_bytes(repo: Path) -> None:
    pushed(settings_of(repo))
    clone = fresh_clone(repo, repo.parent / "clone")
    settings = settings_of(clone, f"data.remotes=[{repo / 'remote'}]")
    pulled = pull(settings)
    assert (pulled.objects, pulled.written, pulled.before) == (4, True, "")
    assert digest_files(clone / "data") == digest_files(repo / "data")
    assert is_cached(tracked(clone / "data.dvc").cache, pulled.md5)
    assert dvc(clone, "status", "-q").returncode == 0
    assert git(clone, "status", "--porcelain") == "?? config.yaml\n"
    assert pull(settings) == (pulled.md5, 0, False, "")


def test_each_remote_gives_what_it_has(repo: Path) -> None:
    pushed(settings_of(repo, "data.remotes=[one, two]"))
    (repo / "one" / object_key(md5_of(repo, "test.parquet"))).unlink()
    (repo / "two" / object_key(md5_of(repo, "train.parquet"))).unlink()
    clone = fresh_clone(repo, repo.parent / "clone")
    pull(settings_of(clone, f"data.remotes=[{repo / 'one'}, {repo / 'two'}]"))
    assert digest_files(clone / "data") == digest_files(repo / "data")


@pytest.mark.parametrize("name", ["train.parquet", ""])
@pytest.mark.parametrize("content", [None, b"", b"altered"])
def test_an_object_that_no_remote_gives_is_named_and_nothing_is_written(
    repo: Path, name: str, content: bytes | None
) -> None:
    pushed(settings_of(repo))
    md5 = md5_of(repo, name) if name else read_version(repo / "data.dvc").md5
    path = repo / "remote" / object_key(md5)
    path.unlink() if content is None else overwrite(path, content)
    clone = fresh_clone(repo, repo.parent / "clone")
    why = "no such object" if content is None else "corrupt"
    with pytest.raises(TextgateError, match=rf"(?s){name or 'the file list'} of data.dvc.*remote: .*{why}.*data push"):
        pull(settings_of(clone, f"data.remotes=[{repo / 'remote'}]"))
    assert not (clone / "data").exists()
    assert not (clone / ".dvc/cache" / object_key(md5)).exists()
    assert list(clone.glob(".data*")) == []


def test_changes_that_are_in_no_version_are_not_lost_without_force(repo: Path) -> None:
    pushed(settings_of(repo))
    original = digest_files(repo / "data")
    write_tables(repo / "data", {"test": rows(90, 95)})
    (repo / "data/notes.txt").write_text("mine")
    edited = digest_files(repo / "data")
    with pytest.raises(TextgateError, match=r"notes.txt, test.parquet would be lost.*dvc add.*--force"):
        pull(settings_of(repo))
    assert digest_files(repo / "data") == edited
    pulled = pull(settings_of(repo), force=True)
    assert pulled.written and not pulled.before
    assert digest_files(repo / "data") == original


def test_a_deleted_file_comes_back_without_force(repo: Path) -> None:
    original = digest_files(repo / "data")
    (repo / "data/train.parquet").unlink()
    (repo / "data/test.parquet").rename(repo / "data/old.parquet")
    assert pull(settings_of(repo)).written
    assert digest_files(repo / "data") == original


def test_a_version_that_the_cache_keeps_is_replaced_by_the_named_one(repo: Path) -> None:
    first, original = read_version(repo / "data.dvc").md5, digest_files(repo / "data")
    second = add(repo, {"test": rows(90, 95)}, "second")
    git(repo, "checkout", "-q", "HEAD~1")
    assert pull(settings_of(repo)) == (first, 0, True, second)
    assert digest_files(repo / "data") == original
    git(repo, "checkout", "-q", "-")
    assert pull(settings_of(repo)).before == first
    assert folder_version(repo / "data").md5 == second


def test_a_link_in_place_of_the_folder_is_not_followed(repo: Path) -> None:
    pushed(settings_of(repo))
    (repo / "data").rename(repo.parent / "elsewhere")
    (repo / "data").symlink_to(repo.parent / "elsewhere")
    with pytest.raises(TextgateError, match="is not a plain folder"):
        pull(settings_of(repo), force=True)


def test_a_file_without_bytes_and_files_with_equal_bytes_come_through(repo: Path) -> None:
    write_tables(repo / "data", SPLITS)
    for name in ("empty", "also-empty", "sub/one", "sub/two"):
        (repo / "data" / name).parent.mkdir(exist_ok=True)
        (repo / "data" / name).write_text("" if "empty" in name else "equal")
    add(repo, {}, "second")
    assert "holds all 6 objects" in pushed(settings_of(repo))[0]
    clone = fresh_clone(repo, repo.parent / "clone")
    assert pull(settings_of(clone, f"data.remotes=[{repo / 'remote'}]")).objects == 6
    assert digest_files(clone / "data") == digest_files(repo / "data")


@pytest.mark.parametrize("kind", ["symlink", "hardlink", "copy"])
def test_the_folder_is_linked_as_dvc_is_told(repo: Path, kind: str) -> None:
    (repo / ".dvc/config.local").write_text(f"[cache]\n    type = {kind}\n")
    original = digest_files(repo / "data")
    (repo / "data/train.parquet").unlink()
    pull(settings_of(repo))
    assert digest_files(repo / "data") == original
    path = repo / "data/train.parquet"
    assert (path.is_symlink(), path.stat().st_nlink > 1) == (kind == "symlink", kind == "hardlink")
