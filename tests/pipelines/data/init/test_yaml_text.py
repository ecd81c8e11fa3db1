from __future__ import annotations

import pytest
import yaml

from pipelines.data.init.yaml_text import WIDTH, YamlText

ODD = [
    *("a, b", "yes", "1", "", "null", " x", "x ", "a\nb", "é", "a: b", "#x", "a #b", "'q'", '"q"', "[x]", "{", "-"),
    *("- x", "\x7f", "\x85", "\u2028", "😀", "0x1F", "1e3", "2001-01-01", "~", "=", "<<", "!x", "&x", "*x", "%x", "@x"),
    *("`x", "a\tb", "\u200b", ";", "|", ",", "x" * 300, "a b " * 100, "No", "on", "1_000", ".5", "?", "ÿ"),
]


@pytest.mark.parametrize("value", ODD)
def test_what_is_put_is_what_is_loaded(value: str) -> None:
    text = YamlText()
    text.put("value", value, comment="a comment")
    text.put("list", [value, "b", value], comment="more " * 30)
    text.section("section")
    text.put("value", value, 1)
    text.put("map", {value: value}, 1)
    text.put("long", [value] * 40, 1)
    assert not any("\n" in line for line in text.lines)
    loaded = yaml.safe_load(text.text())
    assert loaded["value"] == value and loaded["list"] == [value, "b", value]
    assert loaded["section"] == {"value": value, "map": {value: value}, "long": [value] * 40}


@pytest.mark.parametrize("value", ["a\nkey: 1", "a\u2028key: 1", "a\x85key: 1", "a\rkey: 1"])
def test_a_comment_stays_a_comment(value: str) -> None:
    text = YamlText()
    text.note(value)
    text.command(value)
    text.put("a", 1, comment=value)
    assert yaml.safe_load(text.text()) == {"a": 1}


def test_lists_and_comments_keep_to_the_width() -> None:
    text = YamlText()
    text.put("labels", [f"label number {number}" for number in range(100)], 1)
    text.note("some words " * 100, 2)
    assert max(map(len, text.lines)) <= WIDTH
    assert yaml.safe_load(text.text())["labels"][99] == "label number 99"
