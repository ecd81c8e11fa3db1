"""Bad slices that were planted are found, on rows that the search did not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.base.settings import SliceRule, SliceSettings
from components.base.targets import Targets
from components.base.targets.labels import LabelTargets, PairTargets
from components.base.targets.sets import SetTargets
from components.base.targets.tags import TagTargets
from components.evaluate.slices import Slice, worst_slices
from components.evaluate.slices import worst as search

WORDS = ["late", "card", "refund", "shop", "gift", "phone", "please", "order", "today", "never"]
ROWS = 1200


class Rows:
    """Texts of 3 to 12 words, two labels and a channel, all by chance."""

    def __init__(self, rows: int = ROWS, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.texts = [" ".join(self.rng.choice(WORDS, self.rng.integers(3, 13))) for _ in range(rows)]
        self.truth = self.rng.integers(0, 2, rows)
        self.channel = self.rng.choice(["app", "mail", "shop"], rows)
        self.table = pa.table({"channel": pa.array(self.channel.tolist())})
        self.targets: Targets = LabelTargets(list(self.texts), self.truth, ["a", "b"])
        self.lengths = np.array([len(text) for text in self.texts])

    def has(self, word: str) -> np.ndarray:
        return np.array([word in text.split() for text in self.texts])

    def noise(self, share: float) -> np.ndarray:
        return self.rng.random(len(self.texts)) < share

    def search(self, wrong: np.ndarray, seed: int = 1, **settings: Any) -> list[Slice]:
        options = SliceSettings(columns=["channel"], **settings)
        return worst_slices(self.table, self.targets, ~wrong, options, seed)


def test_a_word_whose_texts_are_all_wrong() -> None:
    rows = Rows()
    wrong = rows.has("refund") | rows.noise(0.03)
    worst = rows.search(wrong)[0]
    assert (worst.name, worst.by) == ("worst 1: 'refund' in text", "worst")
    assert wrong[worst.rows].all() and (rows.has("refund") >= worst.rows).all()
    assert 0.4 < worst.rows.sum() / rows.has("refund").sum() < 0.6
    assert worst.where == "rows with 'refund' in text"


def test_several_planted_slices_are_found_and_are_not_one_another() -> None:
    rows = Rows(3000)
    planted = {
        "length": rows.lengths > 65,
        "card late": np.array(["card late" in text for text in rows.texts]),
        "gift": rows.has("gift") & (rows.channel == "mail"),
        "phone": rows.has("phone") & (rows.truth == 1),
    }
    wrong = np.any(list(planted.values()), axis=0) & rows.noise(0.8) | rows.noise(0.02)
    found = rows.search(wrong)
    said = {each.name.split(": ")[1] for each in found}
    assert {"'card late' in text", "'gift' in text and channel=mail", "'phone' in text and label=b"} <= said
    assert any(name.startswith("length > 6") for name in said)
    assert [each.name.split(":")[0] for each in found] == [f"worst {place + 1}" for place in range(len(found))]
    masks = [each.rows for each in found]
    for place, mask in enumerate(masks):
        for other in masks[:place]:
            assert (mask & other).sum() / (mask | other).sum() < 0.6


def test_a_length_is_named_by_the_ends_that_matter() -> None:
    rows = Rows(3000)
    wrong = (rows.lengths >= 30) & (rows.lengths <= 45) & rows.noise(0.9) | rows.noise(0.02)
    worst = rows.search(wrong)[0]
    low, high = (int(end) for end in worst.name.removeprefix("worst 1: length ").split("-"))
    assert abs(low - 30) <= 1 and abs(high - 45) <= 1
    assert ((rows.lengths[worst.rows] >= low) & (rows.lengths[worst.rows] <= high)).all()


def test_what_is_a_slice_already_is_not_found_again() -> None:
    rows = Rows(2000)
    rules = {"mine": SliceRule(matches="gift")}
    for wrong in (rows.channel == "mail", rows.truth == 1, rows.has("gift")):
        found = rows.search(wrong & rows.noise(0.9) | rows.noise(0.02), rules=rules)
        assert not {each.name.split(": ")[1] for each in found} & {"channel=mail", "label=b", "mine"}


def test_a_part_of_a_known_slice_ranks_by_what_it_adds() -> None:
    rows = Rows(4000)
    mail, long = rows.channel == "mail", rows.lengths > 60
    wrong = mail & (rows.noise(0.4) | rows.has("late") & rows.noise(0.6)) | long & rows.noise(0.5) | rows.noise(0.02)
    found = {each.name.split(": ")[1]: wrong[each.rows].mean() for each in rows.search(wrong)}
    part, whole = "'late' in text and channel=mail", next(iter(found))
    assert whole.startswith(("length >", "words >"))
    assert found[part] > found[whole]


def test_the_rows_of_slices_do_not_flatter_the_search() -> None:
    """Mistakes by chance: the share of them in the slices that are found is that of all rows."""
    seen, unseen, support, everywhere = [], 0, 0, 0.2
    for seed in range(20):
        rows = Rows(400, seed)
        wrong = rows.noise(everywhere)
        part = search._parts(~wrong, np.arange(400), np.random.default_rng(seed))
        assert abs(wrong[part == 0].sum() - wrong[part == 1].sum()) <= 1
        for each in rows.search(wrong, seed):
            assert (part[each.rows] == 1).all() and each.rows.sum() >= search.LEAST_ROWS
            support, unseen = support + each.rows.sum(), unseen + wrong[each.rows].sum()
            seen.append(each)
    assert len(seen) > 5
    assert unseen / support == pytest.approx(everywhere, abs=0.04)


def test_rows_of_one_unit_stay_in_one_half() -> None:
    rows = Rows()
    units = rows.rng.integers(0, 150, ROWS)
    wrong = rows.has("refund") | rows.noise(0.03)
    found = worst_slices(rows.table, rows.targets, ~wrong, SliceSettings(), 1, units)
    assert found[0].name == "worst 1: 'refund' in text"
    counted = np.unique(units[found[0].rows])
    searched = np.unique(units[rows.has("refund") & ~found[0].rows])
    assert not set(counted) & set(searched)


def test_of_many_rows_a_sample_is_searched_and_another_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_ROWS", 500)
    rows = Rows(3000)
    (worst, *_) = rows.search(rows.has("refund") | rows.noise(0.03))
    assert worst.name == "worst 1: 'refund' in text"
    assert worst.rows.sum() == pytest.approx(rows.has("refund").sum() / 6, rel=0.25)


def test_seeds_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "TREES", 3)
    rows = Rows(2000)
    late = rows.has("refund") & rows.has("late")
    wrong = late & rows.noise(0.4) | (rows.lengths > 50) & rows.noise(0.3) | rows.noise(0.1)
    one, again, other = rows.search(wrong, 1), rows.search(wrong, 1), rows.search(wrong, 2)
    assert len(one) > 1
    assert [each.name for each in one] == [each.name for each in again]
    assert all((first.rows == second.rows).all() for first, second in zip(one, again, strict=True))
    assert [each.name for each in one] != [each.name for each in other]
    assert [each.name for each in rows.search(wrong, worst=1)] == [one[0].name]


@pytest.mark.parametrize("rows", [1, 2, 39, 400])
@pytest.mark.parametrize("texts", ["", "x", "by chance"])
def test_nothing_is_found_where_nothing_can_be(rows: int, texts: str) -> None:
    made = Rows(rows)
    if texts != "by chance":
        made.targets.rows[:] = [texts] * rows
    nothing, everything = np.zeros(rows, bool), np.ones(rows, bool)
    assert made.search(nothing) == made.search(everything) == []
    one = nothing.copy()
    one[0] = True
    assert made.search(one) == []
    if rows < 40:
        assert made.search(made.noise(0.5)) == []
    assert made.search(made.has("late"), worst=0) == []


def test_texts_that_are_alike_in_everything_have_no_worst_part() -> None:
    rows = Rows(400)
    rows.targets.rows[:] = ["one text"] * 400
    for each in rows.search(rows.noise(0.3)):
        assert "channel" in each.name or "label" in each.name
    alone = worst_slices(
        rows.table, LabelTargets(["one text"] * 400, 0 * rows.truth, ["a", "b"]), ~rows.noise(0.3), SliceSettings(), 1
    )
    assert alone == []


def test_pairs_are_told_apart_by_what_they_share_and_by_either_text() -> None:
    rows = Rows(2000)
    second = [" ".join(rows.rng.choice(WORDS, rows.rng.integers(3, 13))) for _ in rows.texts]
    same = rows.noise(0.1)
    second = [text if is_same else other for text, other, is_same in zip(rows.texts, second, same, strict=True)]
    rows.targets = PairTargets(list(zip(rows.texts, second, strict=True)), rows.truth, ["a", "b"])
    wrong = same | np.array(["gift" in text.split() for text in second]) & rows.noise(0.7)
    said = [each.name.split(": ")[1] for each in rows.search(wrong | rows.noise(0.02))]
    assert said[0].startswith("% of words in both texts > ")
    assert "'gift' in text_pair" in said
    assert "'gift' in text" not in said


def test_several_labels_and_tags() -> None:
    rows = Rows(2000)
    wrong = rows.has("refund") | rows.noise(0.03)
    truth = rows.rng.random((2000, 3)) < 0.4
    rows.targets = SetTargets(rows.texts, truth, ["a", "b", "c"])
    assert rows.search(wrong)[0].name == "worst 1: 'refund' in text"
    both = truth[:, 1] & truth[:, 2]
    assert rows.search(both | rows.noise(0.03))[0].name == "worst 1: label=b and label=c"
    words = [text.split() for text in rows.texts]
    tags = np.concatenate([[1 if word == "shop" else 0 for word in row] for row in words])
    rows.targets = TagTargets(words, tags, ["O", "B-place", "I-place"])
    assert rows.search(wrong)[0].name == "worst 1: 'refund' in text"
    place = rows.has("shop") & rows.has("late")
    assert rows.search(place | rows.noise(0.03))[0].name in (
        "worst 1: 'late' in text and 'shop' in text",
        "worst 1: 'late' in text and label=place",
        "worst 1: 'shop' in text and 'late' in text",
    )
