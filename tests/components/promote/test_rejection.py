from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.base import registry
from components.base.errors import TextgateError
from components.base.settings import RunStep
from components.promote.rejection import accept, reject

RUN = RunStep(name="tiny")
Register = Callable[..., Any]


def test_a_rejected_version_is_no_challenger_and_says_why(two: tuple[str, str]) -> None:
    reject(RUN, "2", "it is rude", who="ann@desk")
    tags = registry.version_tags("tiny", "2")
    assert registry.aliases("tiny") == {"champion": "1"}
    assert (tags["textgate.rejected"], tags["textgate.rejected_by"]) == ("it is rude", "ann@desk")
    assert registry.rejection(tags) == f"rejected by ann@desk at {tags['textgate.rejected_at']}: it is rude"


def test_a_rejection_can_be_taken_back(two: tuple[str, str], register_version: Register) -> None:
    with pytest.raises(TextgateError, match="version 2 of tiny is not rejected"):
        accept(RUN, "2")
    reject(RUN, "2", "it is rude")
    accept(RUN, "2")
    assert registry.rejection(registry.version_tags("tiny", "2")) == ""
    assert registry.aliases("tiny") == {"champion": "1", "challenger": "2"}
    reject(RUN, "2", "it is rude")
    third = register_version("job-3", temperature=4.0, champion="1").version
    accept(RUN, "2")
    assert registry.aliases("tiny") == {"champion": "1", "challenger": third}


def test_another_challenger_stays_one(two: tuple[str, str], register_version: Register) -> None:
    third = register_version("job-3", temperature=4.0, champion="1").version
    reject(RUN, "2", "it is rude")
    assert registry.aliases("tiny") == {"champion": "1", "challenger": third}


def test_the_champion_and_what_is_not_there_are_refused(two: tuple[str, str]) -> None:
    with pytest.raises(TextgateError, match="version 1 of tiny is the champion; `textgate rollback tiny`"):
        reject(RUN, "1", "it is rude")
    with pytest.raises(TextgateError, match="has no version 9 of tiny"):
        reject(RUN, "9", "it is rude")


def test_the_same_verdict_again_makes_no_challenger_and_a_new_one_does(
    two: tuple[str, str], register_version: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    reject(RUN, "2", "it is rude")
    register_version("job-3", temperature=3.0, champion="1")
    assert registry.aliases("tiny") == {"champion": "1"}
    assert "version 2 of tiny does not become the challenger: rejected by" in capsys.readouterr().out
    register_version("job-4", temperature=3.0, champion="1", passed=False, override="it is not")
    assert registry.aliases("tiny") == {"champion": "1", "challenger": "2"}
