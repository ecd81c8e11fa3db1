"""Promotions of one model at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import registry
from components.base.promotion_log import LostRace, Promotion, PromotionLog, open_log
from components.base.settings import RunStep
from components.promote.promote import promote

ROOT = Path(__file__).resolve().parents[3]
RUN = RunStep(name="tiny")
Register = Callable[..., Any]
PROMOTES = """
import sys
from components.base.errors import TextgateError
from components.base.settings import RunStep
from components.promote.promote import promote
try:
    print("won", promote(RunStep(name="tiny"), sys.argv[1], "1", why="race").version)
except TextgateError as error:
    print("lost", error)
"""


def champion() -> str:
    return registry.aliases("tiny")["champion"]


def test_a_promotion_in_between_is_not_overwritten(two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody appends after the head was read: the entry is lost to them, and the alias stays where it was."""
    first, second = two
    append = PromotionLog.append

    def beaten(log: PromotionLog, after: Any, promotion: Promotion) -> Any:
        other = Promotion(
            version=first, previous_version=first, bundle_digest="b", verdict_digest="v", who="eve", why=""
        )
        append(log, after, other)
        return append(log, after, promotion)

    monkeypatch.setattr(PromotionLog, "append", beaten)
    with pytest.raises(LostRace, match="eve promoted version 1 first"):
        promote(RUN, second, first, why="better")
    assert champion() == first


def test_the_last_promotion_has_the_alias_though_an_earlier_one_is_slow(
    two: tuple[str, str], register_version: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the second version's alias is being set, a third is promoted; then the second's call goes on."""
    first, second = two
    third = register_version("job-3", temperature=4.0).version
    set_alias = registry.set_alias

    def slow(name: str, alias: str, version: str) -> None:
        monkeypatch.setattr(registry, "set_alias", set_alias)
        promote(RUN, third, second, why="better still")
        set_alias(name, alias, version)

    monkeypatch.setattr(registry, "set_alias", slow)
    promote(RUN, second, first, why="better")
    assert [entry.version for entry in open_log(RUN).entries()] == [first, second, third]
    assert champion() == third


def test_one_of_several_processes_promotes(two: tuple[str, str], register_version: Register) -> None:
    challengers = [two[1], register_version("job-3", temperature=4.0).version]
    command = [sys.executable, "-c", PROMOTES]
    processes = [
        subprocess.Popen([*command, version], cwd=ROOT, stdout=subprocess.PIPE, text=True) for version in challengers
    ]
    answers = [process.communicate(timeout=120)[0].strip().splitlines()[-1] for process in processes]
    entries = open_log(RUN).entries()
    assert [entry.number for entry in entries] == [1, 2]
    assert sorted(answer.split()[0] for answer in answers) == ["lost", "won"]
    assert f"won {entries[-1].version}" in answers
    assert champion() == entries[-1].version
