"""Validation at size: its table rules beside the bare Great Expectations checkpoint, and everything it does."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness import Figure, at_most, interleaved, median_ratio, peak_memory
from components.base.settings import DataSchema, Rule, ValidateStep, ValidationSettings
from components.base.tables import table_path

ROWS = {"train": 800_000, "validation": 100_000, "test": 100_000}
LABELS = [f"label {number}" for number in range(20)]
WORDS = 30_000
TABLE_RULES = (
    "columns",
    "rows",
    "missing_ids",
    "empty_texts",
    "text_length",
    "labels_known",
    "labels_present",
    "rows_per_label",
    "label_share",
)
RUNS = 3


def figures(data: Path | None) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="textgate-bench-") as folder:
        tables, report = Path(folder) / "tables", Path(folder) / "report"
        write_tables(tables)
        functions = {"ours": lambda: check_tables(tables, report), "bare": lambda: bare(tables)}
        seconds = interleaved(functions, RUNS)
        started = time.perf_counter()
        peak = peak_memory(["-m", "benchmarks.data.validation", str(tables), str(report)])
        everything = time.perf_counter() - started
    rows = f"{sum(ROWS.values()):,} rows"
    return [
        at_most(
            f"table rules on {rows}, time over the bare checkpoint's", median_ratio(seconds, "ours", "bare"), "×", 2
        ),
        *(Figure(f"table rules, {name}, median", sorted(times)[RUNS // 2], "s") for name, times in seconds.items()),
        at_most(f"all of validation on {rows}", everything, "s", 300),
        at_most(f"all of validation on {rows}, peak memory", peak / 1e9, "GB", 3),
    ]


def write_tables(folder: Path) -> None:
    """Texts of 4 to 16 words whose frequencies fall as in a language (Zipf), about 60 characters each."""
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwygpb"))
    words = np.array(["".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(WORDS)])
    frequency = 1 / (np.arange(WORDS) + 3.0)
    folder.mkdir(parents=True)
    for split, count in ROWS.items():
        lengths = rng.integers(4, 17, count)
        drawn = words[rng.choice(WORDS, int(lengths.sum()), p=frequency / frequency.sum())]
        ends = lengths.cumsum()
        texts = [" ".join(drawn[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
        columns = {
            "id": [f"{split}-{place:07}" for place in range(count)],
            "text": texts,
            "label": np.array(LABELS)[rng.integers(0, len(LABELS), count)],
        }
        pq.write_table(pa.table(columns), table_path(folder, split))


def check_tables(tables: Path, report: Path) -> None:
    """The rules of the tables alone, from the files to the docs."""
    from components.validate.measures import measure_split
    from components.validate.suite import run_suites
    from components.validate.validate import batches_of

    rules: dict[Any, Any] = {rule: "off" for rule in get_args(Rule) if rule not in TABLE_RULES}
    step = ValidateStep(name="bench", data=DataSchema(labels=LABELS), limits=ValidationSettings(rules=rules))
    splits = [measure_split(tables, split, step) for split in ROWS]
    outcomes = run_suites(batches_of(splits, {}, [], [], step), report)
    assert all(outcome.passed for outcome in outcomes.values())


def validate_tables(tables: Path, report: Path) -> None:
    """Everything; a profile of the same data stands for the champion's."""
    from components.base.files import write_json
    from components.validate.profile import build_profile
    from components.validate.validate import validate

    step = ValidateStep(name="bench", data=DataSchema(labels=LABELS), limits=ValidationSettings())
    reference = report.with_name("champion.json")
    write_json(reference, build_profile(tables, step.data, None))
    validate(tables, step, report, None, reference)


def bare(tables: Path) -> None:
    """What one would write by hand: the frame, the same expectations, a checkpoint for each split."""
    import great_expectations as gx
    import pandas as pd

    import components.validate  # noqa: F401  (telemetry off)

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("tables")
    for split in ROWS:
        frame = pd.read_parquet(table_path(tables, split))
        frame["text_length"] = frame["text"].str.len()
        counts = frame["label"].map(frame["label"].value_counts())
        frame["n_rows_of_label"], frame["share_of_label"] = counts, counts / len(frame)
        suite = gx.ExpectationSuite(name=split, expectations=[make() for make in expectations()])
        whole = source.add_dataframe_asset(split).add_batch_definition_whole_dataframe("all rows")
        validation = gx.ValidationDefinition(name=split, data=whole, suite=context.suites.add(suite))
        checkpoint = gx.Checkpoint(name=split, validation_definitions=[context.validation_definitions.add(validation)])
        assert context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame}).success


def expectations() -> list[Callable[[], Any]]:
    import great_expectations.expectations as gxe

    return [
        lambda: gxe.ExpectTableColumnsToMatchSet(column_set=["id", "text", "label"], exact_match=False),
        lambda: gxe.ExpectTableRowCountToBeBetween(min_value=50),
        lambda: gxe.ExpectColumnValuesToNotBeNull(column="id"),
        lambda: gxe.ExpectColumnValuesToNotBeNull(column="text"),
        lambda: gxe.ExpectColumnValuesToBeBetween(column="text_length", max_value=2000),
        lambda: gxe.ExpectColumnValuesToBeInSet(column="label", value_set=LABELS),
        lambda: gxe.ExpectColumnDistinctValuesToContainSet(column="label", value_set=LABELS),
        lambda: gxe.ExpectColumnValuesToBeBetween(column="n_rows_of_label", min_value=10),
        lambda: gxe.ExpectColumnValuesToBeBetween(column="share_of_label", max_value=0.9),
    ]


if __name__ == "__main__":
    validate_tables(Path(sys.argv[1]), Path(sys.argv[2]))
