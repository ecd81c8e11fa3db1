from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.base import registry
from components.base.files import write_json
from components.base.mlflow_client import connect
from components.base.settings import RunStep
from components.promote.promote import promote
from components.promote.rollback import roll_back
from components.promote.verification import verify

RUN = RunStep(name="tiny")


@pytest.fixture
def folder(two: tuple[str, str], workspace: Path) -> Path:
    """The log of two promotions and a rollback."""
    promote(RUN, "2", "1", why="better")
    roll_back(RUN, why="it was not")
    return workspace / "promotions" / "tiny"


def wrong() -> list[str]:
    return [finding.what for finding in verify(RUN) if finding.wrong]


def test_a_whole_log_that_mlflow_agrees_with(folder: Path) -> None:
    assert [finding for finding in verify(RUN) if finding.wrong] == []
    assert [finding.what for finding in verify(RUN)] == [
        "3 entries, each of which names the one before by its bytes",
        "the alias champion is at version 1, as the log says",
        "the bundle of version 1 is whole",
    ]


def test_nothing_promoted_is_nothing_wrong(workspace: Path) -> None:
    assert wrong() == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_entry_that_was_removed_shows(number: int, folder: Path) -> None:
    (folder / f"00000{number}.json").unlink()
    told = wrong()
    if number < 3:
        assert len(told) == 1 and f"lacks 00000{number}.json: it was removed" in told[0]
    else:
        assert "by the tags of version 1 it was promoted by entry 3, which the log lacks: it was removed" in told


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("change", [{"who": "nobody"}, {"why": "better still"}, {"override": "a lie"}])
def test_each_entry_that_was_edited_shows(number: int, change: dict[str, str], folder: Path) -> None:
    path = folder / f"00000{number}.json"
    write_json(path, {**json.loads(path.read_text()), **change})
    told = " ".join(wrong())
    if number < 3:
        assert f"00000{number}.json was edited" in told
    else:
        assert "entry 3 is not what it was when version 1 was promoted: it was edited" in told


def test_space_that_was_put_into_an_entry_shows(folder: Path) -> None:
    path = folder / "000003.json"
    path.write_text(path.read_text() + "\n")
    assert "000003.json is not as textgate writes it: it was edited" in wrong()[0]


def test_an_alias_elsewhere_shows(folder: Path) -> None:
    registry.set_alias("tiny", "champion", "2")
    (told,) = wrong()
    assert "somebody moved the alias champion of tiny: MLflow says version 2" in told


def test_a_promotion_that_was_cut_off_shows(folder: Path) -> None:
    connect().delete_model_version_tag("tiny", "1", "textgate.promotion_digest")
    (told,) = wrong()
    assert told == "the tags of version 1 are of before: `textgate reconcile tiny` finishes the promotion"


def test_other_bundles_than_the_promoted_ones_show(folder: Path) -> None:
    registry.tag_version("tiny", "2", {"textgate.bundle_digest": "f" * 64})
    (told,) = wrong()
    assert told.startswith("version 2 has the bundle ffffffffffff, but entry 2 promoted it with ")


def test_a_damaged_bundle_of_the_champion_shows(folder: Path, workspace: Path) -> None:
    for stored in (workspace / "mlartifacts").rglob("tokenizer.json"):
        stored.write_bytes(b"damaged")
    (told,) = wrong()
    assert "version 1 of tiny in MLflow" in told and "is damaged" in told


def test_a_version_that_was_cleaned_up_is_told_and_the_champion_s_is_wrong(folder: Path) -> None:
    connect().delete_model_version("tiny", "2")
    assert wrong() == []
    assert "version 2 is not in MLflow any more" in [finding.what for finding in verify(RUN)]
    connect().delete_model_version("tiny", "1")
    assert wrong() == ["version 1 is not in MLflow any more"]
