from __future__ import annotations

from pathlib import Path

import pytest

from components.base.dvc_tree import md5_file, object_key
from components.base.errors import TextgateError
from pipelines.data import remote
from pipelines.data.remote import Lacking, check_remotes
from pipelines.data.sync import push
from pipelines.data.version import read_version
from tests.pipelines.data.repositories import overwrite, settings_of


@pytest.fixture
def pushed(repo: Path) -> Path:
    push(settings_of(repo), lambda _: None)
    return repo


def object_of(project: Path, name: str, store: str = "remote") -> Path:
    return project / store / object_key(md5_file(project / "data" / name))


def test_remotes_that_hold_everything_need_no_dvc_project(pushed: Path) -> None:
    (pushed / ".dvc").rename(pushed / "away")
    (pushed / "data").rename(pushed / "data-away")
    check_remotes(settings_of(pushed))


def test_what_is_missing_is_named_with_the_remotes_and_the_command(pushed: Path) -> None:
    object_of(pushed, "train.parquet").unlink()
    object_of(pushed, "test.parquet").unlink()
    with pytest.raises(TextgateError) as refusal:
        check_remotes(settings_of(pushed, "data.remotes=[remote, other]"), " --config my.yaml")
    assert str(refusal.value).splitlines() == [
        f"no remote holds test.parquet, train.parquet of data.dvc ({read_version(pushed / 'data.dvc').md5}), so that a"
        " run could not fetch the data:",
        f"  {pushed / 'remote'}: holds 1 of 3 objects; missing: test.parquet, train.parquet",
        f"  {pushed / 'other'}: holds 0 of 2 objects; missing: test.parquet, train.parquet",
        "`textgate data push --config my.yaml` puts there what is missing",
    ]


def test_remotes_may_hold_it_together(pushed: Path) -> None:
    moved = object_of(pushed, "train.parquet")
    target = pushed / "other" / moved.relative_to(pushed / "remote")
    target.parent.mkdir(parents=True)
    moved.rename(target)
    check_remotes(settings_of(pushed, "data.remotes=[other, remote]"))


@pytest.mark.parametrize(("content", "said"), [(None, "holds no file list"), (b"[]", "its file list .* is corrupt")])
def test_without_the_file_list_nothing_is_held(pushed: Path, content: bytes | None, said: str) -> None:
    tree = pushed / "remote" / object_key(read_version(pushed / "data.dvc").md5)
    tree.unlink() if content is None else overwrite(tree, content)
    with pytest.raises(TextgateError, match=rf"(?s)no remote holds the file list of data.dvc.*remote: {said}"):
        check_remotes(settings_of(pushed))
    check_remotes(settings_of(pushed, "data.remotes=[remote, .dvc/cache]"))


def test_an_empty_object_is_damaged(pushed: Path) -> None:
    overwrite(object_of(pushed, "train.parquet"), b"")
    with pytest.raises(TextgateError, match=r"(?s)no remote holds train.parquet.*damaged: train.parquet"):
        check_remotes(settings_of(pushed))


def test_a_remote_that_cannot_be_asked_is_passed_over_where_another_has_it(
    pushed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(pushed / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    check_remotes(settings_of(pushed, "data.remotes=[s3://bucket/prefix, remote]"))
    with pytest.raises(Lacking, match=r"(?s)could be asked for the file list.*s3://bucket/prefix: .*KEY$") as refusal:
        check_remotes(settings_of(pushed, "data.remotes=[s3://bucket/prefix]"))
    assert list(refusal.value.unasked) == ["s3://bucket/prefix"] and "data push" not in str(refusal.value)
    object_of(pushed, "train.parquet").unlink()
    with pytest.raises(Lacking, match=r"(?s)that could be asked holds train.*s3://bucket/prefix: .*credent.*data push"):
        check_remotes(settings_of(pushed, "data.remotes=[remote, s3://bucket/prefix]"))


def test_the_default_data_is_built_rather_than_pushed(pushed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "ROOT", pushed)
    object_of(pushed, "train.parquet").unlink()
    with pytest.raises(TextgateError, match="`textgate data import` puts there"):
        check_remotes(settings_of(pushed))
