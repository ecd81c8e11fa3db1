from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import registry
from components.base.champion import Disputed
from components.base.errors import TextgateError
from components.base.mlflow_client import connect
from components.base.promotion_log import Entry, open_log
from components.base.settings import RunStep
from components.promote.promote import promote
from components.promote.rejection import reject
from components.promote.rollback import champion_before, roll_back

RUN = RunStep(name="tiny")
Register = Callable[..., Any]


@pytest.fixture
def three(two: tuple[str, str], register_version: Register) -> None:
    """Three versions, each of which became the champion."""
    third = register_version("job-3", temperature=4.0, champion="2").version
    promote(RUN, "2", "1", why="better")
    promote(RUN, third, "2", why="better still")


def champions() -> list[str]:
    return [entry.version for entry in open_log(RUN).entries()]


def test_the_champion_before_is_champion_again(three: None, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = registry.version_tags("tiny", "1"), registry.version_tags("tiny", "2")
    entry = roll_back(RUN, why="it is rude", who="ann@desk")
    assert (entry.version, entry.previous_version, entry.who, entry.why) == ("2", "3", "ann@desk", "it is rude")
    assert entry.bundle_digest == second["textgate.bundle_digest"]
    assert registry.aliases("tiny") == {"champion": "2"}
    states = [registry.version_tags("tiny", version)["textgate.state"] for version in "123"]
    assert states == ["former champion", "champion", "former champion"]
    assert "`textgate reject tiny 3 --reason TEXT` keeps that from being promoted again" in capsys.readouterr().out
    assert roll_back(RUN, why="rude, too").version == "1"
    assert registry.version_tags("tiny", "1")["textgate.bundle_digest"] == first["textgate.bundle_digest"]
    with pytest.raises(TextgateError, match="version 1 of tiny is the first champion: none was before it"):
        roll_back(RUN, why="rude, too")
    assert champions() == ["1", "2", "3", "2", "1"]


def test_an_earlier_champion_may_be_named(three: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert roll_back(RUN, "1", why="all rude").version == "1"
    assert roll_back(RUN, "1", why="all rude").number == 4
    assert "version 1 of tiny is the champion already" in capsys.readouterr().out
    assert champions() == ["1", "2", "3", "1"]


def entries(versions: str) -> list[Entry]:
    same = dict.fromkeys(("previous_version", "bundle_digest", "verdict_digest", "who", "why", "previous_hash"), "")
    return [
        Entry(number=number, name="tiny", when="", version=version, **same)
        for number, version in enumerate(versions, start=1)
    ]


@pytest.mark.parametrize(
    ("versions", "before"),
    [("", ""), ("1", ""), ("12", "1"), ("121", ""), ("123", "2"), ("1232", "1"), ("12324", "2"), ("12323", "2")],
)
def test_what_was_rolled_back_is_not_gone_back_to(versions: str, before: str) -> None:
    assert champion_before(entries(versions)) == before


def test_what_was_never_champion_is_refused(two: tuple[str, str]) -> None:
    with pytest.raises(TextgateError, match="version 2 of tiny was never the champion; `textgate promote tiny 2`"):
        roll_back(RUN, "2", why="?")
    with pytest.raises(TextgateError, match="version 1 of tiny is the first champion"):
        roll_back(RUN, why="?")
    assert champions() == ["1"]


def test_without_a_champion_there_is_no_way_back(workspace: Path, register_version: Register) -> None:
    register_version("job-1")
    with pytest.raises(TextgateError, match="nothing of tiny was promoted yet"):
        roll_back(RUN, why="?")


def test_a_version_that_does_not_answer_moves_nothing(three: None, workspace: Path) -> None:
    def question(version: str, bundle: Path) -> None:
        assert (version, (bundle / "model.onnx").exists()) == ("2", True)
        raise TextgateError("it does not answer")

    with pytest.raises(TextgateError, match="it does not answer"):
        roll_back(RUN, why="it is rude", question=question)
    for stored in (workspace / "mlartifacts").rglob("model.onnx"):
        stored.write_bytes(b"damaged")
    with pytest.raises(TextgateError, match="version 2 of tiny in MLflow at .* is damaged"):
        roll_back(RUN, why="it is rude")
    connect().delete_model_version("tiny", "2")
    with pytest.raises(TextgateError, match="has no version 2 of tiny"):
        roll_back(RUN, why="it is rude")
    assert (champions(), registry.aliases("tiny")) == (["1", "2", "3"], {"champion": "3"})


def test_another_bundle_than_the_promoted_one_is_refused(three: None) -> None:
    digest = registry.version_tags("tiny", "1")["textgate.bundle_digest"]
    registry.tag_version("tiny", "2", {"textgate.bundle_digest": digest})
    with pytest.raises(TextgateError, match="version 2 of tiny is not the bundle that was promoted"):
        roll_back(RUN, why="it is rude")


def test_a_rejected_version_is_refused(three: None) -> None:
    reject(RUN, "2", "it was rude, too")
    with pytest.raises(TextgateError, match="version 2 of tiny is rejected by .*: it was rude, too"):
        roll_back(RUN, why="it is rude")
    assert roll_back(RUN, "1", why="it is rude").version == "1"


def test_an_alias_that_somebody_moved_back_is_made_a_rollback(three: None) -> None:
    registry.set_alias("tiny", "champion", "1")
    with pytest.raises(Disputed, match="`textgate rollback tiny 1` asks for version 1 in the log, too"):
        roll_back(RUN, why="it is rude")
    assert roll_back(RUN, "1", why="as was decided").number == 4
    assert registry.aliases("tiny") == {"champion": "1"}
