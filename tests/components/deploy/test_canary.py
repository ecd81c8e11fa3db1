"""What tells how the new version does: requests of its own, or Prometheus."""

from __future__ import annotations

import pytest

from components.base import registry
from components.base.errors import TextgateError
from components.deploy.deploy import deploy
from components.promote.promote import promote
from tests.components.deploy.conftest import BRIEF, MODES, RUN, Step
from tests.components.deploy.loopback_kserve import State

pytestmark = pytest.mark.usefixtures("served_from_s3")


def test_without_canaries_in_the_status_standard_mode_says_which_kserve_it_needs(
    two: tuple[str, str], cluster: State, step: Step
) -> None:
    deploy(RUN, "1", step("standard"))
    promote(RUN, "2", "1", why="better")
    cluster.no_canaries = True
    with pytest.raises(TextgateError, match=r"it makes canaries in standard mode from version 0\.20 on"):
        deploy(RUN, "2", step("standard", timeout_s=BRIEF))


def test_too_few_answers_of_the_new_version_go_back(
    two: tuple[str, str], cluster: State, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a gateway does not split the traffic: the service answers by the old version alone."""
    deploy(RUN, "1", step("standard"))
    promote(RUN, "2", "1", why="better")
    monkeypatch.setattr(State, "shares", lambda *_, **__: {"1": 100})
    with pytest.raises(TextgateError, match=r"only 0 answers.*where min_requests asks for 5"):
        deploy(RUN, "2", step("standard", timeout_s=BRIEF))


@pytest.mark.parametrize("mode", MODES)
def test_a_pod_of_the_cluster_sees_the_new_version(
    mode: str, two: tuple[str, str], cluster: State, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In standard mode the address that KServe gives for pods leads to the main predictor alone."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
    deploy(RUN, "1", step(mode))
    promote(RUN, "2", "1", why="better")
    deploy(RUN, "2", step(mode))
    assert cluster.asked > 0 and cluster.shares() == {"2": 100}


def test_a_service_that_cannot_be_reached_is_not_touched(two: tuple[str, str], cluster: State, step: Step) -> None:
    deploy(RUN, "1", step())
    promote(RUN, "2", "1", why="better")
    changes = len(cluster.changes)
    with pytest.raises(TextgateError, match=r"does not answer from here .*deploy\.kserve\.canary\.url"):
        deploy(RUN, "2", step(canary={"url": "http://127.0.0.1:9"}))
    assert len(cluster.changes) == changes


@pytest.mark.parametrize("mode", MODES)
def test_prometheus_tells_how_it_does(
    mode: str, two: tuple[str, str], cluster: State, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(RUN, "1", step(mode))
    promote(RUN, "2", "1", why="better")
    url = cluster.service()["status"]["url"]
    digest = registry.version_tags("tiny", "2")["textgate.bundle_digest"]
    cluster.figures[digest] = (1000, 50, 0.02)
    with pytest.raises(
        TextgateError, match=r"error rate 0\.05 above max_error_rate 0\.01, of 1000 answers.*Prometheus"
    ):
        deploy(RUN, "2", step(mode, canary={"prometheus": url}))
    assert cluster.asked == 0
    promote(RUN, "2", "1", why="once more")
    cluster.figures[digest] = (1000, 0, 0.02)
    deploy(RUN, "2", step(mode, canary={"prometheus": url}))
    assert cluster.asked == 0 and cluster.shares() == {"2": 100}
    assert "1000 answers, 0 of them errors, 95 of 100 within 20 ms (Prometheus)" in capsys.readouterr().out


def test_where_prometheus_saw_too_little_own_requests_tell(
    two: tuple[str, str], cluster: State, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(RUN, "1", step())
    promote(RUN, "2", "1", why="better")
    deploy(RUN, "2", step(canary={"prometheus": cluster.service()["status"]["url"]}))
    assert cluster.asked > 0 and cluster.shares() == {"2": 100}
    assert "(own requests)" in capsys.readouterr().out


def test_a_prometheus_that_is_not_there_stops_before_anything_is_changed(
    two: tuple[str, str], cluster: State, step: Step
) -> None:
    deploy(RUN, "1", step())
    promote(RUN, "2", "1", why="better")
    changes = len(cluster.changes)
    with pytest.raises(TextgateError, match=r"Prometheus at http://127\.0\.0\.1:9 gives no figures"):
        deploy(RUN, "2", step(canary={"prometheus": "http://127.0.0.1:9"}))
    assert len(cluster.changes) == changes
