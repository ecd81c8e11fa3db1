from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.settings import DataSchema, DriftSettings
from components.validate.drift import _holm, compare
from components.validate.profile import build_profile
from tests.tiny_project import write_base_model

DATA = DataSchema(labels=["a", "b"])
LIMITS = DriftSettings()
FIRST = [f"{stem}{end}" for stem in ("train", "book", "garden", "letter", "window") for end in ("", "s", "er", "ing")]
SECOND = [f"{stem}{end}" for stem in ("zebra", "quartz", "violin", "yacht", "onyx") for end in ("", "s", "er", "ing")]


def write(
    folder: Path, seed: int, rows: int = 1200, words: list[str] = FIRST, share: float = 0.5, length: int = 8
) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(words, rng.integers(length // 2, length * 2))) for _ in range(rows)]
    labels = np.where(rng.random(rows) < share, "a", "b")
    pq.write_table(
        pa.table({"id": [str(n) for n in range(rows)], "text": texts, "label": labels}), folder / "train.parquet"
    )
    return folder


@pytest.fixture(scope="module")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "model"
    write_base_model(folder)
    return folder


@pytest.fixture
def reference(tmp_path: Path) -> dict[str, Any]:
    return build_profile(write(tmp_path / "reference", seed=1), DATA, None)


def broken(reference: dict[str, Any], current: dict[str, Any], limits: DriftSettings = LIMITS) -> set[str]:
    return {drift.rule for drift in compare(reference, current, limits) if drift.broken}


def test_another_sample_of_the_same_has_not_drifted(tmp_path: Path, reference: dict[str, Any]) -> None:
    current = build_profile(write(tmp_path / "current", seed=2), DATA, None)
    assert broken(reference, current, DriftSettings(label_shift=0, length_shift=0, new_words=0, text_auc=0.5)) == set()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"share": 0.9}, {"label_drift"}),
        ({"length": 24}, {"length_drift"}),
        ({"words": SECOND}, {"vocabulary_drift", "text_drift", "length_drift"}),
    ],
)
def test_what_drifted_is_told(tmp_path: Path, reference: dict[str, Any], change: dict, expected: set[str]) -> None:
    current = build_profile(write(tmp_path / "current", seed=2, **change), DATA, None)
    found = broken(reference, current)
    assert expected - {"length_drift"} <= found <= expected | {"text_drift"}


def test_a_large_effect_in_few_rows_is_chance(tmp_path: Path, reference: dict[str, Any]) -> None:
    current = build_profile(write(tmp_path / "current", seed=5, rows=8, share=0.8), DATA, None)
    labels = compare(reference, current, DriftSettings(label_shift=0.1))[0]
    assert labels.effect is not None and labels.effect > 0.1 and not labels.broken


def test_a_small_effect_in_many_rows_is_within_the_limit(tmp_path: Path, reference: dict[str, Any]) -> None:
    current = build_profile(write(tmp_path / "current", seed=6, rows=20_000, share=0.58), DATA, None)
    labels = compare(reference, current, LIMITS)[0]
    assert labels.p_value is not None and labels.p_value < LIMITS.significance and not labels.broken


def test_unknown_tokens_are_counted_by_the_tokenizer(tmp_path: Path, base_model: Path) -> None:
    known = build_profile(write(tmp_path / "known", 1, words=["the", "service", "was", "late"]), DATA, base_model)
    strange = build_profile(write(tmp_path / "strange", 2, words=["the", "service", "quartz"]), DATA, base_model)
    assert known["tokens"]["unknown"] == 0 < strange["tokens"]["unknown"]
    assert "unknown_drift" in broken(known, strange)
    (unknown,) = [drift for drift in compare(strange, known, LIMITS) if drift.rule == "unknown_drift"]
    assert unknown.effect == 0 and not unknown.broken


def test_the_profile_is_small_the_same_each_time_and_holds_no_words(tmp_path: Path, reference: dict[str, Any]) -> None:
    again = json.dumps(build_profile(tmp_path / "reference", DATA, None), sort_keys=True)
    assert again == json.dumps(reference, sort_keys=True)
    assert not [word for word in FIRST if len(word) > 4 and word in again]
    assert len(again) < 1_000_000


def test_rows_in_batches_and_in_all_tasks(tmp_path: Path) -> None:
    tokens = pa.array([["a", "town"], ["in", "it", "now"]], pa.list_(pa.string()))
    tags = pa.array([["O", "B-x"], ["O", "O", "O"]], pa.list_(pa.string()))
    pq.write_table(pa.table({"id": ["1", "2"], "tokens": tokens, "tags": tags}), tmp_path / "train.parquet")
    schema = DataSchema(task="token-tags", labels=["O", "B-x"])
    profile = build_profile(tmp_path, schema, None)
    assert (profile["labels"], profile["words"]) == ({"O": 4, "B-x": 1}, 5)
    assert {drift.effect for drift in compare(profile, {**profile, "task": "single-label"}, LIMITS)} == {None}


@pytest.mark.parametrize("reference", [{}, {"format": 99}])
def test_a_reference_of_another_format_is_said_so(tmp_path: Path, reference: dict[str, Any]) -> None:
    current = build_profile(write(tmp_path / "current", seed=2, rows=30), DATA, None)
    drifts = compare(reference, current, LIMITS)
    assert [drift.effect for drift in drifts] == [None] * 5
    assert all("format" in drift.why and not drift.broken for drift in drifts)


def test_labels_that_one_of_the_two_lacks_count(tmp_path: Path, reference: dict[str, Any]) -> None:
    current = {**reference, "labels": {"a": 0, "b": 0, "c": 1200}}
    drift = compare(reference, current, LIMITS)[0]
    assert drift.effect == 1 and drift.broken and "c 0 to 1" in drift.why


def test_the_same_rows_are_not_told_apart(reference: dict[str, Any]) -> None:
    drifts = {drift.rule: drift for drift in compare(reference, reference, LIMITS)}
    assert drifts["text_drift"].effect == pytest.approx(0.5)
    assert drifts["label_drift"].effect == drifts["length_drift"].effect == drifts["vocabulary_drift"].effect == 0


def test_the_same_texts_in_another_order_are_not_told_apart(tmp_path: Path, reference: dict[str, Any]) -> None:
    rows = pq.read_table(tmp_path / "reference" / "train.parquet")
    (tmp_path / "turned").mkdir()
    pq.write_table(rows.take(list(range(rows.num_rows))[::-1]), tmp_path / "turned" / "train.parquet")
    turned = build_profile(tmp_path / "turned", DATA, None)
    assert compare(reference, turned, LIMITS)[4].effect == pytest.approx(0.5)


@pytest.mark.parametrize(("new_words", "is_drift"), [(2, False), (4, True)])
def test_new_words_are_measured_by_how_many_the_reference_has_itself(
    tmp_path: Path, new_words: int, is_drift: bool
) -> None:
    rng = np.random.default_rng(0)

    def texts(new: int) -> list[str]:
        codes = rng.integers(0, 26, (4000, new, 9)) + ord("a")
        words = [["".join(map(chr, word)) for word in row] for row in codes]
        return [" ".join([*rng.choice(FIRST, 10 - new), *row]) for row in words]

    profiles = []
    for name, rows in {"reference": texts(2), "current": texts(new_words)}.items():
        (tmp_path / name).mkdir()
        columns = {"id": list(map(str, range(4000))), "text": rows, "label": ["a"] * 4000}
        pq.write_table(pa.table(columns), tmp_path / name / "train.parquet")
        profiles.append(build_profile(tmp_path / name, DATA, None))
    drift = compare(*profiles, DriftSettings(new_words=0))[2]
    assert drift.broken is is_drift
    assert drift.effect is not None and new_words / 10 - 0.01 < drift.effect < new_words / 8


def test_unknown_tokens_of_another_tokenizer_are_not_compared(tmp_path: Path, base_model: Path) -> None:
    profile = build_profile(write(tmp_path / "data", seed=1, rows=40), DATA, base_model)
    other = {**profile, "tokens": {**profile["tokens"], "tokenizer": "another"}}
    (unknown,) = [drift for drift in compare(other, profile, LIMITS) if drift.rule == "unknown_drift"]
    assert unknown.effect is None and "another tokenizer" in unknown.why and not unknown.broken


def test_the_tag_outside_does_not_hide_a_shift_of_the_others(reference: dict[str, Any]) -> None:
    before = {**reference, "task": "token-tags", "labels": {"O": 9000, "B-x": 500, "B-y": 500}}
    after = {**before, "labels": {"O": 9000, "B-x": 900, "B-y": 100}}
    assert compare(before, after, LIMITS)[0].effect == pytest.approx(0.4)


@pytest.mark.parametrize("rows", [0, 5])
def test_too_few_rows_are_not_compared(tmp_path: Path, reference: dict[str, Any], rows: int) -> None:
    few = build_profile(write(tmp_path / "few", seed=2, rows=rows), DATA, None)
    for pair in ((reference, few), (few, reference)):
        drifts = compare(*pair, LIMITS)
        assert drifts[4].effect is None and not drifts[4].broken
        assert rows or {drift.effect for drift in drifts} == {None}


def test_p_values_are_corrected_for_their_number() -> None:
    assert _holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert _holm([0.9, 0.5]) == [1.0, 1.0]
