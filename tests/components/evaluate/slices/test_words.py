from __future__ import annotations

import numpy as np
import pytest

from components.evaluate.slices.words import CHARACTERS_READ, common_words


def named(texts: list[str], least: int = 5, units: np.ndarray | None = None) -> dict[str, list[int]]:
    found = common_words(texts, np.arange(len(texts)) if units is None else units, least)
    return {name: np.flatnonzero(found.rows[:, place]).tolist() for place, name in enumerate(found.names)}


def test_words_and_pairs_that_are_common_and_not_everywhere() -> None:
    texts = ["My CARD is late, late", "my card, late"] * 5 + ["rare hello"] + ["hello"] * 9
    odd, first = list(range(0, 10, 2)), list(range(10))
    assert named(texts) == {
        "my": first, "card": first, "late": first, "hello": list(range(10, 20)), "is": odd,
        "my card": first, "card is": odd, "is late": odd,
    }  # fmt: skip


def test_a_word_in_almost_every_text_is_left_out() -> None:
    texts = ["please one"] * 6 + ["please two"] * 6 + ["three"] * 4
    assert set(named(texts)) == {"one", "two"}


@pytest.mark.parametrize("word", ["4711", "a4711", "user_name", "x" * 31, "²"])
def test_what_may_tell_of_a_person_is_never_named(word: str) -> None:
    texts = [f"from {word} here"] * 10 + ["other"] * 10
    assert set(named(texts)) == {"from", "here", "other"}


def test_a_word_of_few_units_is_never_named() -> None:
    texts = ["smith wrote"] * 10 + ["jones wrote"] * 10 + ["else"] * 10
    units = np.array([*(row % 4 for row in range(10)), *(10 + row % 5 for row in range(10)), *range(20, 30)])
    assert set(named(texts, 5, units)) == {"jones", "wrote", "jones wrote", "else"}


def test_words_of_other_scripts_and_with_apostrophes() -> None:
    texts = ["हिन्दी don’t"] * 6 + ["Ärger"] * 6 + ["ÄRGER"] * 6
    assert set(named(texts)) == {"हिन्दी", "don’t", "हिन्दी don’t", "ärger"}


def test_only_the_start_of_a_text_is_read() -> None:
    texts = ["start " + "x " * CHARACTERS_READ + "end"] * 6 + ["y"] * 6
    assert set(named(texts)) == {"start", "x", "start x", "x x", "y"}


@pytest.mark.parametrize("texts", [[""], ["", " "], ["?!"] * 20, ["a"]])
def test_nothing_is_found_in_nothing(texts: list[str]) -> None:
    found = common_words(texts, np.arange(len(texts)), 5)
    assert (found.names, found.rows.shape) == ([], (len(texts), 0))
