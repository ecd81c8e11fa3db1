"""Estimates and differences, as evaluation.json has them, in the cells of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.base.page.page import Cell


def count(value: int) -> Cell:
    return Cell(f"{value:,}", numeric=True)


def number(value: float | None) -> Cell:
    return Cell("" if value is None else f"{value:.4f}", numeric=True)


def estimate(found: Mapping[str, Any]) -> Cell:
    """Value and interval, or why there is none."""
    return _shown(found, "z.4f")


def difference(found: Mapping[str, Any]) -> Cell:
    """As estimate, always with a sign."""
    return _shown(found, "+z.4f")


def _shown(found: Mapping[str, Any], form: str) -> Cell:
    if found["value"] is None:
        return Cell(": ".join(filter(None, ["not defined", found.get("why", "")])))
    bounded = found["low"] is not None and found["high"] is not None
    interval = f"[{found['low']:{form}}, {found['high']:{form}}]" if bounded else ""
    return Cell(f"{found['value']:{form}}", interval, "unreliable" if found["unreliable"] else "", numeric=True)
