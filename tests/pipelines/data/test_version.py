from __future__ import annotations

from pathlib import Path

import pytest

from components.base.dvc_tree import TreeEntry, md5_file, object_key
from components.base.errors import TextgateError
from pipelines.data.version import discard_damaged, lacking, read_version, shown, tracked
from tests.pipelines.data.repositories import overwrite

MD5 = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not a DVC file of one folder"),
        ("outs: [1]", "not a DVC file of one folder"),
        ("outs: []", "not a DVC file of one folder"),
        ("{", "not a DVC file of one folder"),
        (f"outs: [{{md5: {MD5}, size: 1, nfiles: 1, hash: md5, path: data}}]", "not a folder tracked by DVC"),
        (f"outs: [{{md5: {MD5}.dir, size: 1, nfiles: 1, path: data}}]", "written by DVC 2"),
        (f"outs: [{{md5: {MD5}.dir, size: 1, nfiles: 1, hash: md5, path: tables}}]", "names the folder 'tables'"),
    ],
)
def test_a_file_that_names_no_such_folder_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "data.dvc"
    path.write_text(content)
    with pytest.raises(TextgateError, match=said):
        read_version(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TextgateError, match="not a DVC file of one folder"):
        read_version(path)


def test_the_cache_lacks_what_is_not_whole(repo: Path) -> None:
    data = tracked(repo / "data.dvc")
    md5 = read_version(data.version_file).md5
    assert lacking(data.cache, md5) == []
    train = TreeEntry(md5_file(data.folder / "train.parquet"), "train.parquet")
    overwrite(data.cache / object_key(train.md5), b"damaged")
    assert lacking(data.cache, md5) == [train]
    discard_damaged(data.cache, [train, TreeEntry(md5, "")])
    assert not (data.cache / object_key(train.md5)).exists()
    overwrite(data.cache / object_key(md5), b"[]")
    assert lacking(data.cache, md5) == [TreeEntry(md5, "")]


def test_the_cache_is_where_dvcs_config_has_it(repo: Path) -> None:
    assert tracked(repo / "data.dvc").cache == repo / ".dvc/cache"
    (repo / "inner/.dvc").mkdir(parents=True)
    (repo / "inner/.dvc/config").write_text("[cache]\n    dir = ../../shared\n")
    assert tracked(repo / "inner/data.dvc").cache == repo / "shared"
    (repo / "broken/.dvc").mkdir(parents=True)
    (repo / "broken/.dvc/config").write_text("[cache\n")
    with pytest.raises(TextgateError, match="broken/.dvc/config cannot be read"):
        _ = tracked(repo / "broken/data.dvc").cache


def test_paths_are_shown_as_one_types_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a/b") == "a/b"
    assert shown(tmp_path.parent / "c") == str(tmp_path.parent / "c")
