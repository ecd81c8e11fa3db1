from __future__ import annotations

from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.base.promotion_log import Entry, Promotion, PromotionLog, open_log
from components.base.settings import RunStep
from pipelines.following import HeadFollower, deploy_here
from serving.pins import Pin, write_pin


@pytest.fixture
def log(tmp_path: Path) -> PromotionLog:
    return open_log(RunStep(name="tiny", log=str(tmp_path / "log")))


def promote(log: PromotionLog, version: str) -> Entry:
    decided = {"bundle_digest": version * 64, "verdict_digest": "v", "who": "a person", "why": "a test"}
    return log.append(log.head(), Promotion(version=version, previous_version="", **decided))


class Deployer:
    def __init__(self, pin: Path) -> None:
        self.pin, self.fails = pin, False
        self.deployed: list[str] = []

    def __call__(self, head: Entry) -> None:
        self.deployed.append(head.version)
        if self.fails:
            raise TextgateError("no such version")
        write_pin(self.pin, Pin("tiny", head.version, head.bundle_digest, "/bundle"))


def test_each_head_is_deployed_once(log: PromotionLog, tmp_path: Path) -> None:
    deploy = Deployer(tmp_path / "pinned.json")
    look = HeadFollower(log, deploy.pin, deploy, interval_s=0, again_s=0)
    look()
    assert deploy.deployed == []
    promote(log, "1")
    look()
    look()
    promote(log, "2")
    look()
    assert deploy.deployed == ["1", "2"]


def test_a_pin_that_somebody_moved_is_moved_back(log: PromotionLog, tmp_path: Path) -> None:
    deploy = Deployer(tmp_path / "pinned.json")
    look = HeadFollower(log, deploy.pin, deploy, interval_s=0)
    promote(log, "1")
    write_pin(deploy.pin, Pin("tiny", "1", "another", "/bundle"))
    look()
    assert deploy.deployed == ["1"]


def test_one_that_fails_is_not_tried_at_every_look(log: PromotionLog, tmp_path: Path) -> None:
    deploy = Deployer(tmp_path / "pinned.json")
    deploy.fails = True
    promote(log, "1")
    look = HeadFollower(log, deploy.pin, deploy, interval_s=0, again_s=60)
    with pytest.raises(TextgateError, match="no such version"):
        look()
    look()
    assert deploy.deployed == ["1"]


def test_the_log_is_not_read_at_every_look(log: PromotionLog, tmp_path: Path) -> None:
    deploy = Deployer(tmp_path / "pinned.json")
    look = HeadFollower(log, deploy.pin, deploy, interval_s=60)
    look()
    promote(log, "1")
    look()
    assert deploy.deployed == []


def test_what_the_deployment_said_is_told(log: PromotionLog, tmp_path: Path) -> None:
    head = promote(log, "1")
    with pytest.raises(TextgateError, match=r"version 1, which the promotion log names, .*nowhere\.yaml"):
        deploy_here("tiny", ["--config", str(tmp_path / "nowhere.yaml")])(head)
