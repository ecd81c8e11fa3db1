"""Decisions on simulated models: of n rows, those that one of the two models alone has right are trinomial."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.gate.trials import TRIALS, accuracy, against_champion, passes, rate
from benchmarks.harness import Figure
from components.base.settings import GateRule

DISAGREEMENT = 0.06
SIZES = (300, 3080, 20000)


def figures(data: Path | None) -> list[Figure]:
    superior, non_inferior = against_champion("superior"), against_champion("non_inferior", margin=0.01)
    found = []
    for rows in SIZES:
        equal = f"of equals, n = {rows:,}"
        drawn = _draw(rows, 0.0)
        found += [
            rate(f"`superior` promotes {equal}", _promoted(superior, rows, drawn), TRIALS, most=0.06),
            rate(f"plain 'greater than' promotes {equal}", int((drawn[:, 0] > drawn[:, 1]).sum()), TRIALS),
        ]
    rows = SIZES[1]
    gain, loss = _draw(rows, 0.015), _draw(rows, -0.02)
    return [
        *found,
        rate(
            f"`superior` promotes a gain of 1.5 points, n = {rows:,}",
            _promoted(superior, rows, gain),
            TRIALS,
            least=0.8,
        ),
        rate(
            f"`non_inferior` by 1 point promotes a loss of 2 points, n = {rows:,}",
            _promoted(non_inferior, rows, loss),
            TRIALS,
            most=0.06,
        ),
        *(
            rate(
                f"`non_inferior` by 1 point promotes equals, n = {rows:,}",
                _promoted(non_inferior, rows, _draw(rows, 0.0)),
                TRIALS,
                least=least,
            )
            for rows, least in ((3080, 0.58), (20000, 0.99))
        ),
    ]


def _draw(rows: int, gain: float) -> np.ndarray:
    """Rows that the challenger alone has right, and the champion alone, int64 [TRIALS, 2]."""
    shares = [(DISAGREEMENT + gain) / 2, (DISAGREEMENT - gain) / 2, 1 - DISAGREEMENT]
    rng = np.random.default_rng([rows, round(1000 * gain) % 1000])
    return np.asarray(rng.multinomial(rows, shares, size=TRIALS)[:, :2])


def _promoted(rule: GateRule, rows: int, drawn: np.ndarray) -> int:
    kinds, times = np.unique(drawn, axis=0, return_counts=True)
    passed = [passes(rule, rows, accuracy(rows, int(gained), int(lost))) for gained, lost in kinds]
    return int(times[passed].sum())
