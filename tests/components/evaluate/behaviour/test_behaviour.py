"""Behaviour tests on bundles whose answers are known: each word votes for its label."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from components.base.settings import BehaviourTest, DataSchema, EvaluationSettings
from components.base.tables import table_schema
from components.base.targets import targets_of
from components.evaluate.behaviour.behaviour import run_behaviour, share
from components.evaluate.behaviour.cases import Asked, cases_of
from serving.predictor import Predictor
from tests.serving import tiny_tasks

OTHER_ORDER = ["positive", "negative", "neutral"]
TESTS = TypeAdapter(dict[str, BehaviourTest])
TEXTS = {"a": ("good so", "positive"), "b": ("bad", "negative"), "c": ("so", "neutral"), "d": ("Good good", "positive")}


@pytest.fixture(scope="module")
def bundle(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its tokenizer knows bad, so and good in small letters; its labels stand in another order than the data's."""
    folder = tmp_path_factory.mktemp("single") / "bundle"
    tiny.write_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    for task in tiny_tasks.LABELS:
        tiny_tasks.write_bundle(folder / task, task)
    return folder


def run(
    bundle: Path, data: DataSchema, columns: dict[str, list[Any]], tests: Any, seed: int = 1
) -> list[dict[str, Any]]:
    table = pa.table(columns, table_schema(data))
    options = EvaluationSettings(seed=seed)
    return run_behaviour(TESTS.validate_python(tests), table, targets_of(table, data), Predictor(bundle), options)


def on_texts(bundle: Path, seed: int = 1, **tests: Any) -> dict[str, dict[str, Any]]:
    columns = {
        "id": list(TEXTS),
        "text": [text for text, _ in TEXTS.values()],
        "label": [label for _, label in TEXTS.values()],
    }
    return {entry["name"]: entry for entry in run(bundle, DataSchema(labels=OTHER_ORDER), columns, tests, seed)}


def test_invariance_fails_where_the_answer_changes(bundle: Path) -> None:
    case = {"kind": "invariance", "change": "upper_case"}
    swaps = {"kind": "invariance", "change": "swaps", "swaps": [["bad", "good"]]}
    found = on_texts(bundle, upper=case, of_one=case | {"of_label": "neutral"}, swaps=swaps)
    # In capital letters every word is unknown, and all labels are equal: the first, negative, is the answer.
    assert found["upper"] == {
        "name": "upper",
        "kind": "invariance",
        "cases": 4,
        "failures": 3,
        "share": share(3, 4, 0.95),
        "failed": ["a", "c", "d"],
    }
    assert (found["of_one"]["cases"], found["of_one"]["failed"]) == (1, ["c"])
    assert (found["swaps"]["cases"], found["swaps"]["failed"]) == (3, ["a", "b", "d"])


def test_a_change_that_changes_no_text_has_no_case_and_says_why(bundle: Path) -> None:
    found = on_texts(
        bundle,
        names={"kind": "invariance", "change": "swaps", "swaps": [["Anna", "Bo"]]},
        lower={"kind": "invariance", "change": "lower_case"},
        given={"kind": "invariance", "change": "lower_case", "cases": [{"text": "x"}], "fill": {}},
    )
    assert found["lower"]["cases"] == 1 and found["lower"]["share"]["unreliable"] and "why" not in found["lower"]
    for name, said in (("names", "no test row has"), ("given", "none of the given cases has")):
        assert said in found[name]["why"] and found[name]["share"]["why"] == found[name]["why"]
        assert (found[name]["cases"], found[name]["share"]["value"], found[name]["failed"]) == (0, None, [])


@pytest.mark.parametrize(
    ("must", "margin", "failed"),
    [
        ("rise", 0.0, ["b"]),  # `b` goes from negative to even
        ("fall", 0.0, ["a", "c", "d"]),
        ("not_fall", 0.0, ["b"]),
        ("not_fall", 0.99, []),
        ("not_rise", 0.0, ["a", "c", "d"]),
    ],
)
def test_direction_is_that_of_the_labels_probability(bundle: Path, must: str, margin: float, failed: list[str]) -> None:
    """An unknown word takes votes from the others."""
    test = {"kind": "direction", "prepend": "x", "label": "negative", "must": must, "margin": margin}
    assert on_texts(bundle, t=test)["t"]["failed"] == failed


def test_direction_by_margin_and_on_given_cases(bundle: Path) -> None:
    test = {"kind": "direction", "append": "good", "label": "positive", "must": "rise"}
    cases = {"cases": [{"text": "{word}"}, {"text": "good good"}], "fill": {"word": ["bad", "so", "good"]}}
    found = on_texts(bundle, given=test | cases, much=test | cases | {"margin": 0.1}, none=test | {"label": "x"})
    assert found["given"]["cases"] == 4
    assert found["given"]["failed"] == []
    assert found["much"]["failed"] == ["case 1 (word 3)", "case 2"]
    assert found["none"]["why"] == "the model has no label x" and found["none"]["share"]["value"] is None


def test_minimum_functionality_counts_wrong_answers_by_number(bundle: Path) -> None:
    cases = [{"text": "{one} {two}", "label": "positive"}, {"text": "so so", "label": "negative"}]
    fill = {"one": ["good", "so"], "two": ["good", "bad"]}
    found = on_texts(bundle, t={"kind": "minimum", "cases": cases, "fill": fill})["t"]
    assert found["cases"] == 5 and found["failures"] == 4 and found["share"]["value"] == 0.8
    assert found["failed"] == ["case 1 (one 1, two 2)", "case 1 (one 2, two 1)", "case 1 (one 2, two 2)", "case 2"]


def test_a_sample_depends_on_the_seed_alone(bundle: Path) -> None:
    """What another test asks changes nothing; `a` and `c` fail, so samples of two differ in what they list."""
    test = {"kind": "invariance", "change": "upper_case", "rows": 2}
    samples = [on_texts(bundle, seed, t=test)["t"] for seed in range(8)]
    assert all(sample["cases"] == 2 for sample in samples)
    assert len({str(sample["failed"]) for sample in samples}) > 1
    again = [on_texts(bundle, seed, first={"kind": "invariance", "change": "typos"}, t=test)["t"] for seed in range(8)]
    assert again == samples
    whole = [on_texts(bundle, seed, t=test | {"rows": 4})["t"]["failed"] for seed in range(8)]
    assert whole == [["a", "c", "d"]] * 8


def test_tests_take_the_same_rows_and_change_them_each_in_its_way() -> None:
    labels = DataSchema(labels=OTHER_ORDER)
    rows = [str(number) for number in range(40)]
    columns = {"id": rows, "text": [f"some words of number {row}" for row in rows], "label": ["neutral"] * 40}
    table = pa.table(columns, table_schema(labels))
    tests = TESTS.validate_python({name: {"kind": "invariance", "change": "typos", "rows": 9} for name in "ab"})

    def cases(name: str, seed: int) -> list[Asked]:
        return cases_of(name, tests[name], table, targets_of(table, labels), seed)

    assert cases("a", 1) == cases("a", 1)
    assert [case.name for case in cases("a", 1)] == [case.name for case in cases("b", 1)]
    assert [case.rows for case in cases("a", 1)] != [case.rows for case in cases("b", 1)]
    shared = {case.name: case.rows for case in cases("a", 1)}
    assert any(shared.get(case.name, case.rows) != case.rows for case in cases("a", 2))


def test_at_most_fifty_failures_are_listed_and_no_text(bundle: Path) -> None:
    secret = "{word} confidential"
    cases = [{"text": secret, "label": "neutral"}]
    fill = {"word": ["good"] * 60}
    found = on_texts(bundle, t={"kind": "minimum", "cases": cases, "fill": fill})["t"]
    assert (found["failures"], len(found["failed"]), found["failed"][49]) == (60, 50, "case 1 (word 50)")
    assert not found["share"]["unreliable"]
    assert "confidential" not in json.dumps(found) and "good" not in json.dumps(found)


def test_the_share_has_wilsons_interval() -> None:
    # The interval of 5 in 20 in Brown, Cai and DasGupta's formula (2001), by hand.
    found = share(5, 20, 0.95)
    assert (found["value"], found["support"], found["unreliable"]) == (0.25, 20, False)
    assert (found["low"], found["high"]) == pytest.approx((0.1119, 0.4687), abs=1e-4)
    assert share(0, 19, 0.95)["low"] == 0 and share(0, 19, 0.95)["unreliable"]
    assert share(0, 19, 0.99)["high"] > share(0, 19, 0.95)["high"] > 0


def test_several_labels_must_all_be_the_same(bundles: Path) -> None:
    data = DataSchema(task="multi-label", labels=OTHER_ORDER)
    columns = {"id": ["a", "b"], "text": ["good bad", "so"], "label": [["positive", "negative"], ["neutral"]]}
    swaps = {"kind": "invariance", "change": "swaps", "swaps": [["bad", "x"]]}
    expected = [
        {"text": "bad good", "labels": ["positive", "negative"]},
        {"text": "bad good", "labels": ["positive"]},
        {"text": "x", "labels": []},
    ]
    rise = {"kind": "direction", "append": "good", "of_label": "neutral", "label": "positive", "must": "rise"}
    tests = {"swaps": swaps, "minimum": {"kind": "minimum", "cases": expected}, "rise": rise}
    found = run(bundles / "multi-label", data, columns, tests)
    assert [(entry["cases"], entry["failed"]) for entry in found] == [(1, ["a"]), (3, ["case 2"]), (1, [])]


def test_both_texts_of_a_pair_are_read(bundles: Path) -> None:
    data = DataSchema(task="text-pair", labels=tiny_tasks.LABELS["text-pair"])
    columns = {
        "id": ["a", "b"],
        "text": ["good", "good"],
        "text_pair": ["good", "bad"],
        "label": ["follows", "differs"],
    }
    tests = {
        "swaps": {"kind": "invariance", "change": "swaps", "swaps": [["bad", "good"]]},
        "second": {"kind": "direction", "append": "good", "to": "text_pair", "label": "follows", "must": "rise"},
        "first": {"kind": "direction", "append": "good", "label": "follows", "must": "rise"},
        "minimum": {
            "kind": "minimum",
            "cases": [
                {"text": "x", "text_pair": "good", "label": "follows"},
                {"text": "good", "text_pair": "bad", "label": "follows"},
            ],
        },
    }
    found = run(bundles / "text-pair", data, columns, tests)
    # Good speaks for follows as the second text only, and bad as the first.
    assert [entry["failed"] for entry in found] == [["a", "b"], [], ["a", "b"], ["case 2"]]


def test_tags_of_each_word_and_entities_of_a_text(bundles: Path) -> None:
    data = DataSchema(task="token-tags", labels=tiny_tasks.LABELS["token-tags"])
    columns = {
        "id": ["a", "b"],
        "tokens": [["In", "new", "york"], ["anna", "slept"]],
        "tags": [["O", "B-place", "I-place"], ["B-person", "O"]],
    }
    place = {"label": "place", "text": "new york"}
    cases = [
        {"text": "Anna, in new york!", "entities": [{"label": "person", "text": "Anna"}, place]},
        {"text": "in new york!", "entities": [{"label": "place", "text": "york"}]},
        {"text": "in new york!", "entities": []},
        {"text": "in {city}!", "entities": [{"label": "place", "text": "{city}"}]},
    ]
    tests = {
        "case": {"kind": "invariance", "change": "upper_case"},
        "swaps": {"kind": "invariance", "change": "swaps", "swaps": [["anna", "x"]]},
        "minimum": {"kind": "minimum", "cases": cases, "fill": {"city": ["new york", "Bath"]}},
        "text": {"kind": "invariance", "change": "swaps", "swaps": [["york", "x"]], "cases": [{"text": "(new york)"}]},
    }
    found = run(bundles / "token-tags", data, columns, tests)
    assert [(entry["cases"], entry["failed"]) for entry in found] == [
        (2, []),
        (1, ["b"]),
        (5, ["case 2", "case 3", "case 4 (city 2)"]),
        (1, ["case 1"]),
    ]
