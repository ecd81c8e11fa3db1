from __future__ import annotations

from typing import Any

import pytest

from components.base.settings import Override
from components.gate.advice import OVERRIDE
from components.gate.override import overridden

GIVEN = Override(reason=" the label was renamed ", who="ann@desk")


def decision(outcome: str) -> dict[str, Any]:
    return {
        "passed": outcome == "passed",
        "outcome": outcome,
        "summary": f"{outcome}: because",
        "rules": [{"rule": "x"}],
        "next": ["Train longer.", f"{OVERRIDE}."],
    }


def test_a_refusal_is_overridden_and_stays_one() -> None:
    refused = decision("refused")
    assert overridden(refused, GIVEN) == {
        "passed": False,
        "outcome": "overridden",
        "summary": "overridden by ann@desk: the label was renamed. refused: because",
        "rules": [{"rule": "x"}],
        "next": ["Train longer."],
        "override": {"reason": "the label was renamed", "who": "ann@desk"},
    }
    assert refused == decision("refused")


@pytest.mark.parametrize("outcome", ["passed", "unchanged"])
def test_what_is_no_refusal_ignores_the_override(outcome: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert overridden(decision(outcome), GIVEN) == decision(outcome)
    assert f"the override is not needed, and not kept: the verdict is {outcome}" in capsys.readouterr().out
