from __future__ import annotations

from components.base.page import Cell, Table, difference, estimate
from tests import evaluations


def test_what_rounds_to_nothing_has_no_minus() -> None:
    assert difference(evaluations.difference(-0.00001)).text == "+0.0000"
    assert difference(evaluations.difference(-0.0001)).text == "-0.0001"
    assert estimate(evaluations.estimate(-0.00001)).text == "0.0000"


def test_a_column_with_one_figure_is_numeric() -> None:
    table = Table("scores", ["name", "score"], [[Cell("a"), Cell("not defined")], [Cell("b"), Cell("1", numeric=True)]])
    assert [table.is_numeric(column) for column in range(2)] == [False, True]
