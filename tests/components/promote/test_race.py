"""A short form of the benchmark: processes promote different versions at once, round after round."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.promotion.racing import Race, Round, race, race_figures
from components.base.errors import TextgateError
from components.base.settings import RunStep

ROUNDS, PROCESSES = 6, 5


def check(found: Race) -> None:
    assert [one for one in found.rounds if not one.is_right] == []
    assert (found.entries, found.wrong) == (ROUNDS + 1, [])
    assert all(figure.holds in (True, None) for figure in race_figures("here", found))


def test_one_of_many_processes_wins_each_round_in_a_folder(workspace: Path, tmp_path: Path) -> None:
    check(race(tmp_path, RunStep(name="tiny"), ROUNDS, PROCESSES))


@pytest.mark.slow
def test_one_of_many_processes_wins_each_round_on_s3(workspace: Path, tmp_path: Path, seaweed: str) -> None:
    check(race(tmp_path, RunStep(name="tiny", log=seaweed), ROUNDS, PROCESSES))


@pytest.mark.parametrize(
    "wrong",
    [
        Round(["won", "won"], "2", "2", "2"),
        Round(["lost", "stale"], "", "1", "1"),
        Round(["won", "lost"], "2", "3", "2"),
        Round(["won", "lost"], "2", "2", "1"),
        Round(["won", "the disk is full"], "2", "2", "2"),
    ],
)
def test_a_round_that_went_wrong_is_seen(wrong: Round) -> None:
    right = Round(["won", "lost"], "2", "2", "2")
    figures = race_figures("here", Race([right, wrong], 3, [], 1.0))
    assert right.is_right and not wrong.is_right and figures[0].holds is False
    assert race_figures("here", Race([right, right], 2, [], 1.0))[1].holds is False
    assert race_figures("here", Race([right, right], 3, ["entry 2 was edited"], 1.0))[2].holds is False


def test_a_version_that_may_not_be_promoted_is_a_fault_of_the_race(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.promotion import racing

    def refuse(*_: object, **__: object) -> None:
        raise TextgateError("version 2 of tiny is rejected")

    monkeypatch.setattr(racing, "promote", refuse)
    assert racing._promote(RunStep(name="tiny"), "2", "1", "why") == "TextgateError: version 2 of tiny is rejected"
