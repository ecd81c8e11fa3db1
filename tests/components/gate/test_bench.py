"""Rules that ask for the figures of a bench, as textgate bundle bench writes them on the machine that is to serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.base.files import write_json
from components.base.settings import Bench, GateSettings, GateStep, read_bench
from components.gate.gate import gate
from components.gate.page import write_page
from tests.components.gate.made import BENCH, TIMING, VALIDATION, alone, decide, evaluation, rules


def of(folder: Path, **changes: Any) -> Bench | None:
    write_json(folder / "bench.json", {**BENCH, **changes})
    return read_bench(GateSettings(bench=str(folder / "bench.json")))


@pytest.mark.parametrize(
    ("metric", "value", "limit"),
    [
        ("bench_p50_ms", 4.0, "at_most"),
        ("bench_p95_ms", 6.0, "at_most"),
        ("bench_texts_per_second", 300.0, "at_least"),
        ("bench_load_s", 0.5, "at_most"),
    ],
)
def test_each_figure_is_held_against_its_limit(tmp_path: Path, metric: str, value: float, limit: str) -> None:
    worse = value + (0.1 if limit == "at_least" else -0.1)
    kept = alone({"metric": metric, limit: value}, bench=of(tmp_path))
    broken = alone({"metric": metric, limit: worse}, bench=of(tmp_path))
    assert (kept["passed"], kept["observed"]) == (True, value)
    assert (broken["passed"], broken["observed"]) == (False, value)
    assert "by the bench: " in broken["why"]


def test_the_verdict_says_where_the_figures_were_taken(tmp_path: Path) -> None:
    limits = {"speed": {"metric": "bench_p50_ms", "at_most": 9}, "load": {"metric": "bench_load_s", "at_most": 9}}
    decision = decide(evaluation(), rules(**limits), bench=of(tmp_path))
    where = "he bench was run on One, which lacks VNNI, AMX, with threads: 2"
    assert decision["passed"] and decision["summary"].count(where) == 1
    assert decision["rules"][-1]["why"].endswith(f"; t{where}")
    write_page(decision, tmp_path / "verdict.html")
    assert (tmp_path / "verdict.html").read_text().count(where) == 3
    all_there = of(tmp_path, threads=0, processor={**BENCH["processor"], "lacks": []})
    assert alone(limits["speed"], bench=all_there)["why"].endswith("; the bench was run on One")
    assert "bench" not in decide(evaluation(), rules(), bench=all_there)["summary"]


@pytest.mark.parametrize("other", [False, True])
def test_without_a_bench_of_this_bundle_the_why_says_what_to_run(tmp_path: Path, other: bool) -> None:
    bench = of(tmp_path, bundle={"digest": "theirs"}) if other else None
    rule = {"metric": "bench_p95_ms", "at_most": 1000}
    seen = alone(rule, bench=bench)
    assert (seen["passed"], seen["observed"]) == (False, None)
    assert "`textgate bundle bench BUNDLE --output FILE`" in seen["why"]
    assert "`textgate run --reuse RUN --set gate.bench=FILE`" in seen["why"]
    assert ("gate.bench is of the bundle theirs, not of mine" in seen["why"]) is other
    advice = decide(evaluation(), rules(only=True, speed=rule), bench=bench)["next"]
    assert advice[0].startswith("For speed: ") and "gate.bench=FILE" in advice[0]


def test_the_step_decides_on_the_bench_of_its_settings(tmp_path: Path) -> None:
    inputs = tmp_path / "evaluation", tmp_path / "timing", tmp_path / "validation"
    for folder, content in zip(inputs, (evaluation(), TIMING, VALIDATION), strict=True):
        write_json(folder / f"{folder.name}.json", content)
    options = rules(speed={"metric": "bench_p95_ms", "at_most": 7})
    outputs = tmp_path / "verdict", tmp_path / "page.html"
    assert gate(*inputs, GateStep(options=options, bench=of(tmp_path)), *outputs)
    assert not gate(*inputs, GateStep(options=options), *outputs)
