from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from components.base.settings import InvarianceTest
from components.evaluate.behaviour.changes import Parts, change_of


def changed(*parts: str, seed: int = 0, **test: Any) -> Parts:
    change = change_of(InvarianceTest(kind="invariance", **test))
    return change(parts, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ("lower_case", "It WAS Ä", "it was ä"),
        ("upper_case", "It was ä", "IT WAS Ä"),
        ("punctuation", "What?!", "What"),
        ("punctuation", "Good. ", "Good"),
        ("punctuation", "Good, very", "Good, very."),
        ("punctuation", "好。", "好"),
        ("punctuation", "...", "..."),
        ("typos", "a 1 22 !? oo", "a 1 22 !? oo"),
    ],
)
def test_a_change_does_what_its_name_says(change: str, before: str, after: str) -> None:
    assert changed(before, change=change) == (after,)


def test_a_typo_exchanges_two_neighbours_within_a_word() -> None:
    found = {changed("abc de1", change="typos", seed=seed)[0] for seed in range(50)}
    assert found == {"bac de1", "acb de1", "abc ed1"}
    assert {changed("oo ab", change="typos", seed=seed)[0] for seed in range(20)} == {"oo ba"}
    assert changed("abcdefgh ij", change="typos", seed=1) == changed("abcdefgh ij", change="typos", seed=1)


def test_several_typos_touch_no_letter_twice() -> None:
    text = "abcdefghijklmnop"
    for seed in range(20):
        (found,) = changed(text, change="typos", count=4, seed=seed)
        assert sum(one != other for one, other in zip(text, found, strict=True)) == 8
        assert max(abs(found.index(letter) - text.index(letter)) for letter in text) == 1
    assert changed("ab c", change="typos", count=9) == ("ba c",)


def test_words_of_tags_stay_as_many() -> None:
    words = "Anna", "went", "to", "Rome", "."
    for test in (
        {"change": "typos", "count": 3},
        {"change": "upper_case"},
        {"change": "swaps", "swaps": [["Rome", "Oslo"]]},
    ):
        assert len(changed(*words, **test)) == 5
        assert changed(*words, **test) != words


def swapped(*parts: str, groups: list[list[str]], seed: int = 0) -> Parts:
    return changed(*parts, change="swaps", swaps=groups, seed=seed)


def test_names_become_others_of_their_group_as_whole_words() -> None:
    groups = [["Anna", "Bo", "Cy"], ["Rome", "Oslo"]]
    seen = Counter(swapped("Anna met Bo in Rome. Annabel", groups=groups, seed=seed)[0] for seed in range(40))
    assert set(seen) == {"Bo met Cy in Oslo. Annabel", "Cy met Anna in Oslo. Annabel"}


def test_both_texts_of_a_pair_get_the_same_names() -> None:
    for seed in range(10):
        first, second = swapped("Anna left", "Anna stayed", groups=[["Anna", "Bo", "Cy", "Di"]], seed=seed)
        assert first.split()[0] == second.split()[0] != "Anna"


def test_a_name_keeps_the_letters_case_of_the_text_and_the_longest_is_found() -> None:
    assert swapped("IBM ibm @IBM, Ibm", groups=[["IBM", "Apple"]]) == ("Apple apple @Apple, Apple",)
    assert swapped("APPLE", groups=[["IBM", "Apple"]]) == ("IBM",)
    assert swapped("NEW YORK", groups=[["New York", "Oslo"]]) == ("OSLO",)
    assert swapped("New York", groups=[["York", "Bath"], ["New York", "Oslo"]]) == ("Oslo",)
    assert swapped("New York", groups=[["New", "Old"], ["New York", "Oslo"]]) == ("Oslo",)
    assert swapped("C++ is", groups=[["C++", "Rust"]]) == ("Rust is",)
