from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import registry, tracking
from components.base.champion import reconcile
from components.base.errors import TextgateError
from components.base.mlflow_client import connect
from components.base.promotion_log import LostRace, Promotion, PromotionLog, open_log
from components.base.settings import RunStep
from components.promote.component import promote as component
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


@pytest.fixture
def two(workspace: Path, register_version: Register) -> tuple[str, str]:
    """Two versions, the first of them champion."""
    first, second = register_version("job-1"), register_version("job-2", temperature=3.0, champion="1")
    promote(RUN, first.version, "", why="first", who="ann@desk")
    return first.version, second.version


def champion() -> str:
    return registry.aliases("tiny").get("champion", "")


def test_a_promotion_is_an_entry_an_alias_and_tags(two: tuple[str, str]) -> None:
    first, second = two
    entry = promote(RUN, second, first, why="better", who="bob@desk")
    assert open_log(RUN).head() == entry
    tags = registry.version_tags("tiny", second)
    assert (entry.number, entry.version, entry.previous_version, entry.who, entry.why) == (
        2,
        "2",
        "1",
        "bob@desk",
        "better",
    )
    assert (entry.bundle_digest, entry.verdict_digest) == (
        tags["textgate.bundle_digest"],
        tags["textgate.verdict_digest"],
    )
    assert registry.aliases("tiny") == {"champion": second}
    assert (tags["textgate.state"], tags["textgate.promotion"]) == ("champion", "2")
    former = registry.version_tags("tiny", first)
    assert (former["textgate.state"], former["textgate.succeeded_by"]) == ("former champion", second)


def test_a_changed_champion_is_refused(two: tuple[str, str]) -> None:
    _, second = two
    for expected in ("", "2", "9"):
        with pytest.raises(TextgateError, match="the champion of tiny is version 1, but version 2 was compared with"):
            promote(RUN, second, expected, why="better")
    assert (champion(), len(open_log(RUN).entries())) == ("1", 1)


def test_a_verdict_that_did_not_pass_is_refused(workspace: Path, register_version: Register) -> None:
    version = register_version("job-1", passed=False).version
    with pytest.raises(TextgateError, match=r"did not pass its gate: accuracy 0\.7 is below 0\.8"):
        promote(RUN, version, "", why="please")
    assert (champion(), open_log(RUN).head()) == ("", None)


def test_an_overridden_refusal_is_promoted_and_its_reason_kept(
    two: tuple[str, str], register_version: Register
) -> None:
    version = register_version("job-3", temperature=4.0, passed=False, override="the label was renamed").version
    entry = promote(RUN, version, two[0], why="by hand", who="bob@desk")
    assert (entry.override, entry.who, champion()) == ("the label was renamed", "bob@desk", version)
    assert [kept.override for kept in open_log(RUN).entries()] == ["", "the label was renamed"]


def test_the_seal_of_an_overridden_verdict_holds(workspace: Path, register_version: Register) -> None:
    version = register_version("job-1", passed=False, override="once").version
    (stored,) = (workspace / "mlartifacts").rglob("verdict.json")
    stored.write_text(stored.read_text().replace("once", "twice"))
    with pytest.raises(TextgateError, match="the verdict its tag seals was changed"):
        promote(RUN, version, "", why="please")


def test_a_tag_alone_does_not_make_a_verdict_pass(workspace: Path, register_version: Register) -> None:
    version = register_version("job-1", passed=False).version
    registry.tag_version("tiny", version, {"textgate.verdict": "passed"})
    with pytest.raises(TextgateError, match="did not pass its gate"):
        promote(RUN, version, "", why="please")


def test_a_verdict_that_was_changed_or_removed_is_refused(workspace: Path, register_version: Register) -> None:
    version = register_version("job-1").version
    (stored,) = (workspace / "mlartifacts").rglob("verdict.json")
    stored.write_text(stored.read_text().replace("0.7", "0.9"))
    with pytest.raises(TextgateError, match="the verdict its tag seals was changed"):
        promote(RUN, version, "", why="please")
    stored.unlink()
    with pytest.raises(TextgateError, match="the verdict its tag seals is gone"):
        promote(RUN, version, "", why="please")
    assert open_log(RUN).head() is None


def test_a_version_without_a_verdict_is_refused(two: tuple[str, str]) -> None:
    connect().delete_model_version_tag("tiny", two[1], "textgate.verdict_digest")
    with pytest.raises(TextgateError, match="version 2 of tiny has no verdict"):
        promote(RUN, two[1], two[0], why="better")


def test_an_unknown_version_is_refused(two: tuple[str, str]) -> None:
    with pytest.raises(TextgateError, match="has no version 9 of tiny"):
        promote(RUN, "9", two[0], why="better")


def test_promoting_the_champion_again_repairs_and_writes_nothing(
    two: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = two
    registry.set_alias("tiny", "champion", second)
    registry.tag_version("tiny", first, {"textgate.state": "?"})
    assert promote(RUN, first, "", why="again").why == "first"
    output = capsys.readouterr().out
    assert "the alias champion of tiny was at version 2, but the promotion log says version 1" in output
    assert "version 1 of tiny is the champion already" in output
    assert (champion(), len(open_log(RUN).entries())) == (first, 1)
    assert registry.version_tags("tiny", first)["textgate.state"] == "champion"


def test_a_promotion_cut_off_after_its_entry_is_finished(two: tuple[str, str]) -> None:
    first, second = two
    log = open_log(RUN)
    tags = registry.version_tags("tiny", second)
    digests = {"bundle_digest": tags["textgate.bundle_digest"], "verdict_digest": tags["textgate.verdict_digest"]}
    log.append(log.head(), Promotion(version=second, previous_version=first, who="ann", why="better", **digests))
    assert champion() == first
    reconcile(RUN, log)
    assert registry.aliases("tiny") == {"champion": second}


def test_a_champion_that_was_deleted_is_succeeded(two: tuple[str, str]) -> None:
    first, second = two
    connect().delete_model_version("tiny", first)
    assert promote(RUN, second, first, why="the champion is gone").previous_version == first
    assert registry.aliases("tiny") == {"champion": second}


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


def test_the_log_may_lie_on_s3(workspace: Path, register_version: Register, seaweed: str) -> None:
    run = RunStep(name="tiny", log=seaweed)
    version = register_version("job-1").version
    entry = promote(run, version, "", why="first")
    assert (open_log(run).head(), champion()) == (entry, version)
    assert not (workspace / "promotions").exists()


def test_the_component_names_its_job(workspace: Path, register_version: Register) -> None:
    component.python_func(register_version("job-1").version, RUN.model_dump_json(), "", "job-1")
    head = open_log(RUN).head()
    assert head
    assert (head.version, head.why) == ("1", "registered by job job-1")
    assert "@" in head.who
    assert tracking.find_run("tiny", "job-1")
