"""Beside a rollout: a preview, the status, undeploying, and what is never shown."""

from __future__ import annotations

import pytest

from components.base import registry
from components.base.errors import TextgateError
from components.base.promotion_log import open_log
from components.deploy.deploy import deploy, undeploy
from components.deploy.rollout import Rollout
from components.deploy.status import status
from components.promote.promote import promote
from tests.components.deploy.conftest import MODES, RUN, Step, interrupted
from tests.components.deploy.loopback_kserve import State

pytestmark = pytest.mark.usefixtures("served_from_s3")


@pytest.mark.parametrize("mode", MODES)
def test_a_preview_stands_beside_the_champion(mode: str, two: tuple[str, str], cluster: State, step: Step) -> None:
    deploy(RUN, "1", step(mode))
    deploy(RUN, "2", step(mode), preview=True)
    assert cluster.shares() == {"1": 100} and cluster.shares("tiny-preview") == {"2": 100}
    predictor = cluster.service("tiny-preview")["spec"]["predictor"]
    assert predictor["model"]["args"][:2] == ["--name", "tiny-preview"]
    assert "textgate.promotion" not in predictor["annotations"]
    deploy(RUN, "1", step(mode), preview=True)
    assert cluster.shares("tiny-preview") == {"1": 100}
    undeploy(RUN, step(mode), preview=True)
    assert ("inferenceservices", "tiny-preview") not in cluster.objects
    assert cluster.shares() == {"1": 100} and len(open_log(RUN).entries()) == 1


def test_undeploy_leaves_log_and_runtime(
    two: tuple[str, str], cluster: State, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(RUN, "1", step())
    undeploy(RUN, step())
    undeploy(RUN, step())
    assert list(cluster.objects) == [("servingruntimes", "textgate")]
    assert "is deleted" in (output := capsys.readouterr().out) and "nothing was deleted" in output
    assert registry.aliases("tiny")["champion"] == "1" and len(open_log(RUN).entries()) == 1


@pytest.mark.parametrize("mode", MODES)
def test_status_says_who_has_the_traffic(
    mode: str, two: tuple[str, str], cluster: State, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = step(mode)
    assert status(RUN, settings)[1] == ("tiny", "not deployed")
    deploy(RUN, "1", settings)
    lines = [how for _, how in status(RUN, settings)]
    assert lines[1:3] == ["InferenceService in models, Ready", "version 1: 100 %"]
    promote(RUN, "2", "1", why="better")
    assert "`textgate deploy tiny` deploys version 2" in status(RUN, settings)[-1][1]
    with monkeypatch.context() as patch:
        patch.setattr(Rollout, "_judge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            deploy(RUN, "2", settings)
    shown = " ".join(how for _, how in status(RUN, settings))
    assert "version 2: 10 %" in shown and ": 90 %" in shown
    cluster.failing |= {"1", "2"}
    assert "not Ready: PredictorReady: container of version" in status(RUN, settings)[1][1]


def test_no_token_is_shown_anywhere(
    two: tuple[str, str],
    cluster: State,
    step: Step,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEXTGATE_PROMETHEUS_TOKEN", "prometheus-token-0452")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3-secret-0453")
    settings = step(secret="s3-credentials")
    deploy(RUN, "1", settings)
    cluster.troubles += [403] * 9
    with pytest.raises(TextgateError) as refused:
        deploy(RUN, "1", settings)
    told = str(refused.value) + "".join(capsys.readouterr()) + str(cluster.objects) + str(cluster.changes)
    assert "-045" not in told
    assert "'serving.kserve.io/secretName': 's3-credentials'" in told
