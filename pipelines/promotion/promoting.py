"""Canary, promote and deploy of one registered version, by a person; and the way back."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from components.base.errors import TextgateError
from components.base.files import read_json
from components.base.promotion_log import Entry, open_log
from components.base.settings import PromotionRequest, RunStep, Settings, deploy_step, run_step
from components.canary.canary import REPORT, canary
from components.deploy.deploy import deploy
from components.promote.checks import AS_COMPARED
from components.promote.promote import promote
from components.promote.rollback import roll_back
from pipelines.promotion.requests import check_version


def promote_version(settings: Settings, version: str, request: PromotionRequest) -> None:
    """Raises TextgateError, with champion and alias unmoved, where the champion is another one than expected, the
    version may not become it, or its server does not answer as it should."""
    run = run_step(settings)
    entry = promote(
        run,
        version,
        AS_COMPARED,
        why=request.reason,
        who=request.who,
        expect=request.expect,
        allow_signature_change=request.allow_signature_change,
        question=partial(ask_canary, settings),
    )
    _deploy(settings, run, entry)


def roll_back_to(settings: Settings, version: str, reason: str) -> None:
    """To the champion before, where `version` is empty. Raises TextgateError, with everything as it was, where that one
    was never champion, is not whole, or its server does not answer as it should."""
    run = run_step(settings)
    if version:
        check_version(version)
    entry = roll_back(run, version, why=reason, question=partial(ask_canary, settings))
    _deploy(settings, run, entry)


def ask_canary(settings: Settings, version: str, bundle: Path) -> None:
    """Raises TextgateError with the checks that failed."""
    with tempfile.TemporaryDirectory() as folder:
        if canary(bundle, settings.canary, Path(folder)):
            return
        failed = [check for check in read_json(Path(folder) / REPORT)["checks"] if not check["passed"]]
    reasons = "; ".join(f"{check['check']}: {check['observed']}" for check in failed)
    raise TextgateError(f"version {version} of {settings.name} failed its canary: {reasons}; nothing was changed")


def _deploy(settings: Settings, run: RunStep, entry: Entry) -> None:
    """Raises TextgateError that says, too, where the version is champion all the same."""
    try:
        deploy(run, entry.version, deploy_step(settings), digest=entry.bundle_digest)
    except TextgateError as error:
        if open_log(run).head() != entry:
            raise
        raise TextgateError(
            f"{error}\nversion {entry.version} of {run.name} is the champion, but not deployed: `textgate deploy"
            f" {run.name}` tries again"
        ) from None
