"""Canary, promote and deploy of one registered version, by a person."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from components.base import registry
from components.base.errors import TextgateError
from components.base.files import read_json
from components.base.promotion_log import open_log
from components.base.settings import Settings, deploy_step, run_step
from components.canary.canary import canary
from components.deploy.deploy import deploy
from components.promote.promote import promote


def promote_version(settings: Settings, version: str, reason: str) -> None:
    """Raises TextgateError, with champion and alias unmoved, where the version was compared with another champion, has
    no passed verdict, or its server does not answer as it should."""
    if not re.fullmatch(r"[1-9]\d*", version):
        raise TextgateError(f"a version is a whole number from 1, as MLflow shows it; got {version!r}")
    run = run_step(settings)
    tags = registry.version_tags(settings.name, version)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "canary"
        if not canary(registry.download_bundle(settings.name, version), settings.canary, report):
            failed = [check for check in read_json(report / "canary.json")["checks"] if not check["passed"]]
            reasons = "; ".join(f"{check['check']}: {check['observed']}" for check in failed)
            raise TextgateError(f"version {version} of {settings.name} failed its canary: {reasons}")
    head = open_log(run).head()
    expected = head.version if head and head.version == version else tags.get("textgate.compared_with", "")
    promote(run, version, expected, why=reason)
    deploy(run, version, deploy_step(settings), digest=tags[registry.BUNDLE_DIGEST])
