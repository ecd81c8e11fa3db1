from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import registry, tracking
from components.base.champion import Disputed
from components.base.errors import TextgateError
from components.base.mlflow_client import connect
from components.base.promotion_log import open_log
from components.base.settings import PromotionRequest, RunStep
from components.promote.checks import compared_with
from components.promote.component import promote as component
from components.promote.promote import promote
from components.promote.rejection import reject
from serving import bundle as bundles

ROOT = Path(__file__).resolve().parents[3]
RUN = RunStep(name="tiny")
Register = Callable[..., Any]


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
    first, _ = two
    registry.tag_version("tiny", first, {"textgate.state": "?"})
    assert promote(RUN, first, "", why="again").why == "first"
    assert "version 1 of tiny is the champion already" in capsys.readouterr().out
    assert (champion(), len(open_log(RUN).entries())) == (first, 1)
    assert registry.version_tags("tiny", first)["textgate.state"] == "champion"


def test_an_alias_that_somebody_moved_holds_promotions_up(two: tuple[str, str], register_version: Register) -> None:
    first, second = two
    third = register_version("job-3", temperature=4.0, champion=first).version
    registry.set_alias("tiny", "champion", second)
    for version in (first, third):
        with pytest.raises(Disputed, match="somebody moved the alias champion of tiny: MLflow says version 2"):
            promote(RUN, version, first, why="better")
    assert (champion(), len(open_log(RUN).entries())) == (second, 1)
    assert promote(RUN, second, first, why="so be it").number == 2
    assert registry.aliases("tiny") == {"champion": second, "challenger": third}


def test_a_rejected_version_is_refused_until_it_has_a_new_verdict(
    two: tuple[str, str], register_version: Register
) -> None:
    first, second = two
    reject(RUN, second, "rude to customers", who="bob@desk")
    said = "rejected by bob@desk at .*: rude to customers; `textgate reject tiny 2 --undo`"
    with pytest.raises(TextgateError, match=said):
        promote(RUN, second, first, why="better")
    again = register_version("job-3", temperature=3.0, champion=first, passed=False, override="it is not")
    assert again.version == second
    assert promote(RUN, second, first, why="better").override == "it is not"


def damage(workspace: Path, bundle_digest: str, name: str) -> None:
    """Of the version as MLflow stores it."""
    for manifest in (workspace / "mlartifacts").rglob("bundle.json"):
        if hashlib.sha256(manifest.read_bytes()).hexdigest() == bundle_digest:
            (manifest.parent / name).write_bytes(b"damaged")


def test_a_bundle_that_is_damaged_in_mlflow_is_refused_though_it_is_cached(
    two: tuple[str, str], workspace: Path
) -> None:
    first, second = two
    registry.download_bundle("tiny", second)
    damage(workspace, registry.version_tags("tiny", second)["textgate.bundle_digest"], "tokenizer.json")
    said = r"version 2 of tiny in MLflow at .* is damaged: .*tokenizer\.json was changed"
    with pytest.raises(TextgateError, match=said):
        promote(RUN, second, first, why="better")
    assert (champion(), len(open_log(RUN).entries())) == (first, 1)
    assert not list((workspace / "cache").glob(".fetched-*"))


def test_a_bundle_that_does_not_load_is_refused(
    two: tuple[str, str], register_version: Register, sealed_again: Callable[..., None]
) -> None:
    def broken(bundle: Path) -> None:
        (bundle / "model.onnx").write_bytes(b"no model")
        sealed_again(bundle)

    version = register_version("job-3", champion=two[0], change=broken).version
    with pytest.raises(TextgateError, match=r"version 3 of tiny cannot be loaded: model\.onnx"):
        promote(RUN, version, two[0], why="better")


def test_other_labels_than_the_champion_s_are_allowed_only_on_purpose(
    two: tuple[str, str],
    register_version: Register,
    sealed_again: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def other(bundle: Path) -> None:
        sealed_again(bundle, labels=["negative", "mixed", "positive"])

    version = register_version("job-3", champion=two[0], change=other).version
    with pytest.raises(TextgateError, match="no more label neutral; new label mixed; .* 3 --allow-signature-change"):
        promote(RUN, version, two[0], why="better")
    assert champion() == two[0]
    promote(RUN, version, two[0], why="better", allow_signature_change=True)
    assert champion() == version
    assert "new label mixed; that is allowed" in capsys.readouterr().out


def test_a_champion_without_files_is_not_compared(
    two: tuple[str, str], workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = two
    damage(workspace, registry.version_tags("tiny", first)["textgate.bundle_digest"], "bundle.json")
    promote(RUN, second, first, why="better")
    said = "not compared with champion version 1: its bundle.json is not the one that was promoted"
    assert said in capsys.readouterr().out


def test_what_the_bundle_is_asked_comes_before_anything_is_changed(two: tuple[str, str]) -> None:
    first, second = two
    asked: list[str] = []

    def question(version: str, bundle: Path) -> None:
        asked.append(version)
        assert bundles.digest(bundle) == registry.version_tags("tiny", version)["textgate.bundle_digest"]
        raise TextgateError("it does not answer")

    with pytest.raises(TextgateError, match="it does not answer"):
        promote(RUN, second, first, why="better", question=question)
    assert (asked, champion(), len(open_log(RUN).entries())) == ([second], first, 1)


def test_a_stale_version_is_told_how_to_be_compared_again(two: tuple[str, str], workspace: Path) -> None:
    second = two[1]
    registry.tag_version("tiny", second, {"textgate.run_name": "tiny-1"})
    elsewhere = r"`textgate run --reuse tiny-1` \(where that run lies; or `textgate submit`"
    with pytest.raises(TextgateError, match=elsewhere):
        promote(RUN, second, "9", why="better")
    (workspace / "runs" / "tiny-1").mkdir(parents=True)
    with pytest.raises(TextgateError, match="`textgate run --reuse tiny-1` has the gate decide again"):
        promote(RUN, second, "9", why="better")


def test_what_a_version_was_compared_with_is_what_its_run_saw(workspace: Path, register_version: Register) -> None:
    """Where the champion could not be used, and the settings went on without, the evaluation names none."""
    versions = [register_version("job-1", champion="7").version, register_version("job-2", temperature=3.0).version]
    tracking.log(tracking.the_run("tiny", "job-2"), tags={"textgate.champion_version": "5"})
    assert [compared_with(RUN, version) for version in versions] == ["7", "5"]


def test_a_champion_that_was_deleted_is_succeeded(two: tuple[str, str]) -> None:
    first, second = two
    connect().delete_model_version("tiny", first)
    assert promote(RUN, second, first, why="the champion is gone").previous_version == first
    assert registry.aliases("tiny") == {"champion": second}


def test_the_log_may_lie_on_s3(workspace: Path, register_version: Register, seaweed: str) -> None:
    run = RunStep(name="tiny", log=seaweed)
    version = register_version("job-1").version
    entry = promote(run, version, "", why="first")
    assert (open_log(run).head(), champion()) == (entry, version)
    assert not (workspace / "promotions").exists()


def test_a_reason_and_who_gave_it_go_through_the_component(workspace: Path, register_version: Register) -> None:
    request = PromotionRequest(reason="looks right", who="ann@desk", expect="none").model_dump_json()
    component.python_func(register_version("job-1").version, RUN.model_dump_json(), "job-9", "", request=request)
    head = open_log(RUN).head()
    assert head and (head.why, head.who) == ("looks right", "ann@desk")


def test_the_component_names_its_job(workspace: Path, register_version: Register) -> None:
    component.python_func(register_version("job-1").version, RUN.model_dump_json(), "job-1", "")
    head = open_log(RUN).head()
    assert head
    assert (head.version, head.why) == ("1", "registered by job job-1")
    assert "@" in head.who
    assert tracking.find_run("tiny", "job-1")
