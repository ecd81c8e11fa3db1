"""Deploying to a cluster, from the promotion log to the traffic, against an API server that behaves as KServe does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.base import registry
from components.base.errors import TextgateError
from components.base.promotion_log import open_log
from components.base.settings import DeployStep
from components.deploy.deploy import deploy
from components.deploy.rollout import Rollout
from components.promote.promote import promote
from tests.components.deploy.conftest import BRIEF, MODES, RUN, Register, Step, interrupted
from tests.components.deploy.loopback_kserve import State

pytestmark = pytest.mark.usefixtures("served_from_s3")


def stepped(cluster: State, version: str) -> list[int]:
    """The percentages that a version was given, one after the other."""
    given = [shares.get(version, 0) for shares in cluster.shares_seen]
    return [share for number, share in enumerate(given) if number == 0 or share != given[number - 1]]


@pytest.mark.parametrize("mode", MODES)
def test_the_first_version_takes_everything(
    mode: str, two: tuple[str, str], cluster: State, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(RUN, "1", step(mode))
    assert cluster.shares() == {"1": 100}
    assert "version 1 answers as tiny at http://127.0.0.1:" in capsys.readouterr().out
    assert set(cluster.objects) == {("servingruntimes", "textgate"), ("inferenceservices", "tiny")}
    predictor = cluster.service()["spec"]["predictor"]
    tags = registry.version_tags("tiny", "1")
    assert predictor["annotations"] == {
        "textgate.version": "1",
        "textgate.bundle_digest": tags["textgate.bundle_digest"],
        "textgate.promotion": "1",
    }
    assert predictor["model"]["storageUri"] == f"s3://bundles/tiny/{tags['textgate.bundle_digest']}"


@pytest.mark.parametrize("mode", MODES)
def test_deploying_twice_changes_nothing(
    mode: str, two: tuple[str, str], cluster: State, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(RUN, "1", step(mode))
    changes = len(cluster.changes)
    deploy(RUN, "1", step(mode))
    assert len(cluster.changes) == changes
    assert "version 1 is deployed as tiny already; nothing was changed" in capsys.readouterr().out
    deploy(RUN, "1", step(mode, max_replicas=7))
    assert cluster.service()["spec"]["predictor"]["maxReplicas"] == 7
    assert "already" not in capsys.readouterr().out


@pytest.mark.parametrize("mode", MODES)
def test_traffic_moves_in_steps(
    mode: str, two: tuple[str, str], cluster: State, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(RUN, "1", step(mode))
    promote(RUN, "2", "1", why="better")
    deploy(RUN, "2", step(mode))
    assert stepped(cluster, "2") == [0, 10, 50, 100]
    assert cluster.shares() == {"2": 100}
    assert "canaryTrafficPercent" not in cluster.service()["spec"]["predictor"]
    assert "canary" not in cluster.service()["spec"]
    output = capsys.readouterr().out
    assert "version 2 of tiny gets 10 % of the traffic" in output and "0 of them errors" in output
    assert [entry.version for entry in open_log(RUN).entries()] == ["1", "2"]
    changes = len(cluster.changes)
    deploy(RUN, "2", step(mode))
    assert len(cluster.changes) == changes


@pytest.mark.parametrize("mode", MODES)
def test_without_steps_the_traffic_moves_at_once(mode: str, two: tuple[str, str], cluster: State, step: Step) -> None:
    deploy(RUN, "1", step(mode))
    promote(RUN, "2", "1", why="better")
    deploy(RUN, "2", step(mode, canary={"steps": []}))
    assert stepped(cluster, "2") == [0, 100]


def fails_its_readiness(cluster: State) -> None:
    cluster.failing.add("2")


def fails_to_load(cluster: State) -> None:
    cluster.failing.add("2")
    cluster.failing_early = True


def answers_with_errors(cluster: State) -> None:
    cluster.broken.add("2")


def answers_late(cluster: State) -> None:
    cluster.late_ms["2"] = 150


FAULTS = [
    (fails_its_readiness, r"not ready within 0\.5 s: .*container of version 2 is not up"),
    (fails_to_load, r"not ready: .*bundle.json is damaged \(exit code 1\)"),
    (answers_with_errors, r"at 10 % of the traffic, error rate 1 above max_error_rate 0.01"),
    (answers_late, r"at 10 % of the traffic, latency above max_p95_ms 100: .* \(own requests\)"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("breaks", "why"), FAULTS)
def test_what_fails_goes_back_to_the_version_before(
    mode: str, breaks: Callable[[State], None], why: str, two: tuple[str, str], cluster: State, step: Step
) -> None:
    settings = step(mode, canary={"max_p95_ms": 100.0}, timeout_s=BRIEF if breaks is fails_its_readiness else 20)
    deploy(RUN, "1", step(mode))
    before = cluster.service()["spec"]["predictor"]
    promote(RUN, "2", "1", why="better")
    breaks(cluster)
    with pytest.raises(TextgateError, match=f"version 2 of tiny did not pass: {why}.*; version 1 answers again"):
        deploy(RUN, "2", settings)
    assert cluster.shares() == {"1": 100}
    assert max(stepped(cluster, "2")) in (0, 10)
    assert cluster.service()["spec"] == {"predictor": before}
    entry = open_log(RUN).entries()[-1]
    assert (entry.number, entry.version, entry.previous_version) == (3, "1", "2")
    assert entry.why.startswith("deploy stepped back from version 2: ")
    assert registry.aliases("tiny")["champion"] == "1"
    assert registry.version_tags("tiny", "2")["textgate.state"] == "former champion"
    changes = len(cluster.changes)
    deploy(RUN, "1", settings)
    assert len(cluster.changes) == changes


@pytest.mark.parametrize("mode", MODES)
def test_a_rollback_redeploys(mode: str, two: tuple[str, str], cluster: State, step: Step) -> None:
    deploy(RUN, "1", step(mode))
    promote(RUN, "2", "1", why="better")
    deploy(RUN, "2", step(mode))
    promote(RUN, "1", "2", why="it was better after all")
    cluster.shares_seen.clear()
    deploy(RUN, "1", step(mode))
    assert stepped(cluster, "1") == [0, 10, 50, 100]
    assert cluster.service()["spec"]["predictor"]["annotations"]["textgate.promotion"] == "3"


def cut_off(options: DeployStep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 2 takes the place of version 1, and is interrupted when it is judged first."""
    deploy(RUN, "1", options)
    promote(RUN, "2", "1", why="better")
    with monkeypatch.context() as patch:
        patch.setattr(Rollout, "_judge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            deploy(RUN, "2", options)


@pytest.mark.parametrize("mode", MODES)
def test_a_rollout_that_was_cut_off_goes_on(
    mode: str, two: tuple[str, str], cluster: State, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(step(mode), monkeypatch)
    assert cluster.shares() == {"1": 90, "2": 10}
    deploy(RUN, "2", step(mode))
    assert stepped(cluster, "2") == [0, 10, 50, 100]


@pytest.mark.parametrize("mode", MODES)
def test_a_rollout_that_was_cut_off_can_still_go_back(
    mode: str, two: tuple[str, str], cluster: State, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(step(mode), monkeypatch)
    cluster.broken.add("2")
    with pytest.raises(TextgateError, match="version 1 answers again"):
        deploy(RUN, "2", step(mode))
    assert cluster.shares() == {"1": 100}
    assert [entry.version for entry in open_log(RUN).entries()] == ["1", "2", "1"]


@pytest.mark.parametrize("mode", MODES)
def test_a_way_back_that_was_cut_off_is_finished(
    mode: str, two: tuple[str, str], cluster: State, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(RUN, "1", step(mode))
    promote(RUN, "2", "1", why="better")
    cluster.broken.add("2")
    with monkeypatch.context() as patch:
        patch.setattr(Rollout, "restore", interrupted)
        with pytest.raises(KeyboardInterrupt):
            deploy(RUN, "2", step(mode))
    assert [entry.version for entry in open_log(RUN).entries()] == ["1", "2", "1"]
    cluster.reads_until_ready = 8
    deploy(RUN, "1", step(mode))
    assert stepped(cluster, "2") == [0, 10, 0] and cluster.shares() == {"1": 100}
    assert "canaryTrafficPercent" not in cluster.service()["spec"]["predictor"]


@pytest.mark.parametrize("mode", MODES)
def test_where_nothing_answers_there_is_nothing_to_lose(
    mode: str, two: tuple[str, str], cluster: State, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.failing.add("1")
    with pytest.raises(TextgateError, match=r"not ready within 0\.5 s"):
        deploy(RUN, "1", step(mode, timeout_s=BRIEF))
    promote(RUN, "2", "1", why="better")
    deploy(RUN, "2", step(mode))
    assert cluster.shares() == {"2": 100} and 10 not in stepped(cluster, "2")
    assert "container of version 1 is not up): version 2 takes all of it at once" in capsys.readouterr().out


@pytest.mark.parametrize("mode", MODES)
def test_an_api_server_that_goes_away_on_the_way_back_is_told(
    mode: str, two: tuple[str, str], cluster: State, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(RUN, "1", step(mode))
    promote(RUN, "2", "1", why="better")
    cluster.broken.add("2")
    retreat = Rollout.retreat

    def goes_away(self: Rollout, *arguments: Any) -> None:
        cluster.troubles = [503] * 50
        retreat(self, *arguments)

    monkeypatch.setattr(Rollout, "retreat", goes_away)
    with pytest.raises(TextgateError, match=r"error rate 1 .*; its traffic could not go back: .*HTTP 503"):
        deploy(RUN, "2", step(mode))
    assert len(open_log(RUN).entries()) == 2


def test_too_few_figures_and_no_address_go_back(two: tuple[str, str], cluster: State, step: Step) -> None:
    deploy(RUN, "1", step())
    promote(RUN, "2", "1", why="better")
    elsewhere = {"prometheus": cluster.service()["status"]["url"], "url": "http://127.0.0.1:9"}
    with pytest.raises(TextgateError, match=r"only 0 answers.*\(Prometheus\), where min_requests asks for 5"):
        deploy(RUN, "2", step(canary=elsewhere, timeout_s=BRIEF))


@pytest.mark.parametrize("mode", MODES)
def test_a_newer_promotion_is_not_written_over(
    mode: str,
    two: tuple[str, str],
    register_version: Register,
    cluster: State,
    step: Step,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While version 2 is being rolled out, version 3 is promoted; then version 2 fails."""
    deploy(RUN, "1", step(mode))
    promote(RUN, "2", "1", why="better")
    third = register_version("job-3", temperature=4.0, champion="2").version
    cluster.broken.add("2")
    reach = "components.deploy.health.Probes.reach"
    monkeypatch.setattr(reach, lambda _: promote(RUN, third, "2", why="better still"))
    with pytest.raises(
        TextgateError, match=r"version 1 answers again, and the promotion log could not say so: .*first"
    ):
        deploy(RUN, "2", step(mode))
    assert [entry.version for entry in open_log(RUN).entries()] == ["1", "2", "3"]
    assert registry.aliases("tiny")["champion"] == "3"
    assert cluster.shares() == {"1": 100}


@pytest.mark.parametrize("mode", MODES)
def test_a_first_version_that_fails_has_nothing_to_go_back_to(
    mode: str, two: tuple[str, str], cluster: State, step: Step
) -> None:
    cluster.failing.add("1")
    with pytest.raises(
        TextgateError, match=r"version 1 .* not ready within 0\.5 s.*container of version 1 is not up.*no ver"
    ):
        deploy(RUN, "1", step(mode, timeout_s=BRIEF))
    assert len(open_log(RUN).entries()) == 1


@pytest.mark.parametrize("mode", MODES)
def test_other_settings_that_fail_are_told_and_no_rollback(
    mode: str, two: tuple[str, str], cluster: State, step: Step
) -> None:
    deploy(RUN, "1", step(mode))
    cluster.failing.add("1")
    with pytest.raises(
        TextgateError, match=r"version 1 .* is not ready within 0\.5 s.*KServe keeps what answered before"
    ):
        deploy(RUN, "1", step(mode, service_account="unknown", timeout_s=BRIEF))
    assert len(open_log(RUN).entries()) == 1


def test_a_new_revision_is_waited_for(two: tuple[str, str], cluster: State, step: Step) -> None:
    """While the old one is still Ready, as the status says."""
    deploy(RUN, "1", step())
    cluster.reads_until_ready, cluster.lag = 8, 3
    deploy(RUN, "1", step(max_replicas=7))
    assert cluster.revisions[-1]["reads"] >= 8 and len(cluster.revisions) == 2
    promote(RUN, "2", "1", why="better")
    deploy(RUN, "2", step(canary={"steps": []}))
    assert cluster.revisions[-1]["reads"] >= 8 and cluster.shares() == {"2": 100}


@pytest.mark.parametrize("mode", MODES)
def test_an_api_server_that_goes_away_leaves_the_rollout_where_it_was(
    mode: str, two: tuple[str, str], cluster: State, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(RUN, "1", step(mode))
    promote(RUN, "2", "1", why="better")
    judge = Rollout._judge

    def goes_away(self: Rollout, *arguments: Any) -> Any:
        cluster.troubles = [0] * 50
        return judge(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Rollout, "_judge", goes_away)
        with pytest.raises(TextgateError, match=r"does not answer .*\n.*stands where it was; deploying again goes on"):
            deploy(RUN, "2", step(mode))
    cluster.troubles.clear()
    assert cluster.shares() == {"1": 90, "2": 10} and len(open_log(RUN).entries()) == 2
    deploy(RUN, "2", step(mode))
    assert cluster.shares() == {"2": 100}


def test_an_image_that_can_move_is_told(
    two: tuple[str, str], cluster: State, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(RUN, "1", step())
    assert "can move" not in capsys.readouterr().out
    deploy(RUN, "1", step(image="textgate/serve:latest"))
    assert "textgate/serve:latest is a tag, which can move" in capsys.readouterr().out
