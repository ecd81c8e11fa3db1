from __future__ import annotations

import json
from pathlib import Path

import pytest
from dvc_data.hashfile.tree import Tree

from components.base.dvc_tree import TreeEntry, hash_folder, is_tree_hash, object_key, parse_tree, tree_bytes, tree_hash
from components.base.errors import TextgateError

MD5 = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "paths",
    [
        [],
        ["train.parquet", "test.parquet", "validation.parquet"],
        ["a/b.txt", "a.txt", "a-b", "a/a/c", "B", "ä ö/文.txt", 'quote".txt'],
    ],
)
def test_the_hash_and_the_object_are_those_of_dvc(paths: list[str]) -> None:
    entries = [TreeEntry(f"{place:032x}", path) for place, path in enumerate(paths)]
    tree = Tree.from_list([entry._asdict() for entry in entries], hash_name="md5")
    tree.digest()
    assert tree_hash(entries) == tree.oid
    assert tree_bytes(entries) == tree.as_bytes()
    assert sorted(parse_tree(tree.as_bytes())) == sorted(entries)


def test_a_folder_is_hashed_by_content_and_path(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "b.txt").write_bytes(b"hello\r\n")
    (tmp_path / "inner" / "a.txt").write_bytes(b"")
    digest, entries = hash_folder(tmp_path)
    assert sorted(entries, key=lambda entry: entry.relpath) == [
        TreeEntry("af5597c29467a96523a70787c319f4db", "b.txt"),
        TreeEntry("d41d8cd98f00b204e9800998ecf8427e", "inner/a.txt"),
    ]
    assert digest == tree_hash(entries)
    assert is_tree_hash(digest)
    (tmp_path / "b.txt").write_bytes(b"hello\n")
    assert hash_folder(tmp_path)[0] != digest


def test_an_object_lies_where_dvc_puts_it() -> None:
    assert object_key(f"{MD5}.dir") == "files/md5/01/23456789abcdef0123456789abcdef.dir"


@pytest.mark.parametrize("text", ["", MD5, f"{MD5.upper()}.dir", f"../{MD5}.dir", f"{MD5}.dir.dir", f"{MD5}.dir\n"])
def test_what_is_no_tree_hash(text: str) -> None:
    assert not is_tree_hash(text)


@pytest.mark.parametrize("path", ["../a", "/etc/a", "a/../../b", "a/..", "", ".", "a//b", "a/./b", "a\0b"])
def test_a_path_that_leaves_the_folder_is_refused(path: str) -> None:
    with pytest.raises(TextgateError, match="outside its folder"):
        parse_tree(json.dumps([{"md5": MD5, "relpath": path}]).encode())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "not DVC's list"),
        (b"not json", "not DVC's list"),
        (b'{"md5": "x"}', "not DVC's list"),
        (b"5", "not DVC's list"),
        (b'[{"md5": "x"}]', "not DVC's list"),
        (b'[{"md5": 5, "relpath": "a"}]', "not DVC's list"),
        (json.dumps([{"md5": MD5, "relpath": 5}]).encode(), "not DVC's list"),
        (b'[{"md5": "../../etc/passwd", "relpath": "a"}]', "gives 'a' the md5"),
        (json.dumps([{"md5": MD5, "relpath": "a"}] * 2).encode(), "one path to two files"),
        (json.dumps([{"md5": MD5, "relpath": path} for path in ("a", "a/b/c")]).encode(), "one path to two files"),
    ],
)
def test_what_is_no_tree(content: bytes, message: str) -> None:
    with pytest.raises(TextgateError, match=message):
        parse_tree(content)
