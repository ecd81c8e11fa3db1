"""What becomes of MLflow's alias and tags when a promotion is cut off, and when somebody moves them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import champion, registry
from components.base.champion import Disputed, reconcile, restore
from components.base.errors import TextgateError
from components.base.mlflow_client import connect
from components.base.promotion_log import Entry, Promotion, PromotionLog, open_log
from components.base.settings import RunStep
from components.promote.promote import promote

RUN = RunStep(name="tiny")
Register = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(champion, "PAUSES", (0.001, 0.001))


@pytest.fixture
def log(workspace: Path) -> PromotionLog:
    return open_log(RUN)


@pytest.fixture
def three(log: PromotionLog, register_version: Register) -> PromotionLog:
    """The log of three versions, of which the first two were promoted."""
    for number, temperature in enumerate((1.0, 3.0, 4.0), start=1):
        register_version(f"job-{number}", temperature=temperature)
    promote(RUN, "1", "", why="first", who="ann@desk")
    promote(RUN, "2", "1", why="better", who="ann@desk")
    return log


def alias() -> str:
    return registry.alias_of("tiny", "champion")


def append(log: PromotionLog, version: str) -> Entry:
    """As a promotion that is cut off right after its entry."""
    head = log.head()
    digests = {"bundle_digest": "b", "verdict_digest": "v"}
    previous = head.version if head else ""
    return log.append(head, Promotion(version=version, previous_version=previous, who="bob", why="", **digests))


def agrees(log: PromotionLog) -> bool:
    found = champion.standing(RUN, log)
    return found.head is not None and alias() == found.head.version and not (found.moved or found.unfinished)


def test_a_promotion_cut_off_after_its_entry_is_finished(
    three: PromotionLog, capsys: pytest.CaptureFixture[str]
) -> None:
    append(three, "3")
    assert alias() == "2"
    assert reconcile(RUN, three) and agrees(three) and alias() == "3"
    assert "finishing the promotion of version 3 of tiny: the alias champion is at version 2" in capsys.readouterr().out
    assert registry.version_tags("tiny", "2")["textgate.succeeded_by"] == "3"
    assert reconcile(RUN, three) == []


def test_the_first_promotion_is_finished_too(log: PromotionLog, register_version: Register) -> None:
    register_version("job-1")
    append(log, "1")
    assert reconcile(RUN, log) and agrees(log) and alias() == "1"
    assert registry.alias_of("tiny", "challenger") == ""


def test_a_rollback_cut_off_after_its_entry_is_finished(three: PromotionLog) -> None:
    append(three, "1")
    assert reconcile(RUN, three) and agrees(three)
    assert [registry.version_tags("tiny", version)["textgate.state"] for version in "12"] == [
        "champion",
        "former champion",
    ]
    assert registry.version_tags("tiny", "1")["textgate.succeeded_by"] == ""


@pytest.mark.parametrize(
    ("version", "tag"),
    [("2", "textgate.promotion"), ("2", "textgate.promotion_digest"), ("1", "textgate.state")],
)
def test_tags_that_were_not_reached_are_set(version: str, tag: str, three: PromotionLog) -> None:
    before = registry.version_tags("tiny", version)
    connect().delete_model_version_tag("tiny", version, tag)
    assert reconcile(RUN, three) == [f"the tags of version {version} are of before"]
    assert registry.version_tags("tiny", version) == before


def test_a_challenger_that_became_champion_is_none_any_more(three: PromotionLog) -> None:
    registry.set_alias("tiny", "challenger", "2")
    assert reconcile(RUN, three) and registry.aliases("tiny") == {"champion": "2"}


@pytest.mark.parametrize(
    ("moved", "command"), [("1", "textgate rollback tiny 1"), ("3", "textgate promote tiny 3"), ("", "")]
)
def test_an_alias_that_somebody_moved_is_told_and_left(moved: str, command: str, three: PromotionLog) -> None:
    """Also to where a promotion that was cut off would have left it: the tags say that it was not."""
    if moved:
        registry.set_alias("tiny", "champion", moved)
    else:
        connect().delete_registered_model_alias("tiny", "champion")
    with pytest.raises(Disputed) as told:
        reconcile(RUN, three)
    assert "the promotion log says version 2, since" in str(told.value) and "by ann@desk" in str(told.value)
    assert command in str(told.value)
    assert "`textgate reconcile tiny --restore` gives the alias back to version 2" in str(told.value)
    assert alias() == moved
    restore(RUN, three)
    assert agrees(three) and alias() == "2"


def test_an_alias_that_somebody_moved_after_a_promotion_was_cut_off_is_left(three: PromotionLog) -> None:
    append(three, "3")
    registry.set_alias("tiny", "champion", "1")
    with pytest.raises(Disputed, match="MLflow says version 1, but the promotion log says version 3"):
        reconcile(RUN, three)
    assert alias() == "1"


def test_what_somebody_moved_the_alias_to_may_be_promoted_and_nothing_else(three: PromotionLog) -> None:
    registry.set_alias("tiny", "champion", "3")
    assert reconcile(RUN, three, chosen="3") == []
    with pytest.raises(Disputed):
        reconcile(RUN, three, chosen="1")
    assert alias() == "3"


def test_a_promotion_that_is_under_way_is_waited_for(three: PromotionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process was slow: it sets the alias to an older head, then sees the new one."""
    registry.set_alias("tiny", "champion", "1")
    monkeypatch.setattr(time, "sleep", lambda _: registry.set_alias("tiny", "champion", "2"))
    assert reconcile(RUN, three) == [] and alias() == "2"


def test_an_empty_log_beside_an_alias_is_told(three: PromotionLog, tmp_path: Path) -> None:
    elsewhere = RunStep(name="tiny", log=str(tmp_path / "other"))
    with pytest.raises(Disputed, match=r"log .*/other/tiny has no entry\. .* promote\.log names the right one"):
        reconcile(elsewhere, open_log(elsewhere))
    assert alias() == "2"
    restore(elsewhere, open_log(elsewhere))
    assert alias() == ""


def test_the_newest_entry_removed_is_told(three: PromotionLog, workspace: Path) -> None:
    promote(RUN, "3", "2", why="best")
    (workspace / "promotions" / "tiny" / "000003.json").unlink()
    with pytest.raises(Disputed, match="By its tags, entry 3 promoted it, which the log lacks"):
        reconcile(RUN, three)


def test_a_champion_that_was_deleted_disputes_nothing_but_cannot_be_restored(three: PromotionLog) -> None:
    connect().delete_model_version("tiny", "2")
    assert reconcile(RUN, three) == [] and alias() == ""
    with pytest.raises(TextgateError, match="is gone from MLflow: it cannot have the alias; `textgate rollback tiny`"):
        restore(RUN, three)
    registry.set_alias("tiny", "champion", "3")
    with pytest.raises(Disputed, match="version 2 is gone from MLflow and cannot have it back"):
        reconcile(RUN, three)
