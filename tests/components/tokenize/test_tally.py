from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from components.tokenize.tally import BINS, EDGES, EXACT, Measures, Tally, bins, health


def measures(lengths: np.ndarray, labels: np.ndarray) -> Measures:
    totals = {"rows": len(lengths), "lengths": int(lengths.sum()), "tokens": 10, "unknown": 1}
    return Measures(lengths, np.arange(len(lengths)), labels, totals, Counter({"zzz": 1}))


def test_a_bin_holds_its_length_and_is_narrow() -> None:
    lengths = np.unique(np.concatenate([np.arange(5000), np.geomspace(1, 2**31 - 1, 4000).astype(np.int64)]))
    found = bins(lengths)
    assert (np.diff(found) >= 0).all() and found.max() == BINS - 1
    assert (EDGES[found] <= lengths).all()
    assert (EDGES[found][lengths < EXACT] == lengths[lengths < EXACT]).all()
    assert ((lengths - EDGES[found]) <= lengths / 32).all()
    assert (bins(EDGES) == np.arange(BINS)).all()


@pytest.mark.parametrize("rows", [1, 2, 7, 1000])
def test_percentiles_are_numpy_s(rows: int) -> None:
    rng = np.random.default_rng(rows)
    lengths, labels = rng.integers(2, 300, rows), rng.integers(0, 2, rows)
    tally = Tally.empty(2)
    for start in range(0, rows, 100):
        part = slice(start, start + 100)
        tally.add(measures(lengths[part], labels[part]))
    figures = health(tally, ["a", "b"], 64, chunked=False)
    for of, chosen in ((figures, lengths), (figures["labels"]["a"], lengths[labels == 0])):
        for q in (50, 95, 99) if len(chosen) else ():
            assert of[f"p{q}_tokens"] == pytest.approx(np.percentile(chosen, q))
            assert of["truncated_share"] == pytest.approx((chosen > 64).mean())
    assert figures["mean_tokens"] == pytest.approx(lengths.mean())
    assert figures["max_tokens"] == lengths.max()


def test_parts_add_up_to_the_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lengths, labels = rng.integers(2, 3000, 400), rng.integers(0, 3, 400)
    whole, sum_of_parts = Tally.empty(3), Tally.empty(3)
    whole.add(measures(lengths, labels))
    for part in (slice(0, 150), slice(150, 400)):
        tally = Tally.empty(3)
        tally.add(measures(lengths[part], labels[part]))
        tally.save(tmp_path, "train")
        sum_of_parts.include(Tally.load(tmp_path, "train"))
    np.testing.assert_array_equal(sum_of_parts.lengths, whole.lengths)
    assert sum_of_parts.totals["rows"] == 400 and sum_of_parts.longest == whole.longest
    assert sum_of_parts.culprits == {"zzz": 2}


def test_culprits_stay_bounded_and_keep_the_commonest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.tokenize.tally.MOST_CULPRITS", 5)
    tally = Tally.empty(1)
    for number in range(50):
        culprits = Counter({"common": 3, f"rare {number}": 1})
        tally.add(Measures(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), {}, culprits))
    assert len(tally.culprits) <= 10
    assert tally.culprits["common"] == 150
