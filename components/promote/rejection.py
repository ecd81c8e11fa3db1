"""A person says that a version shall not be promoted, and why; or takes that back."""

from __future__ import annotations

from datetime import UTC, datetime

from components.base import registry
from components.base.errors import TextgateError
from components.base.promotion_log import open_log
from components.base.settings import RunStep
from components.base.user import current_user


def reject(run: RunStep, version: str, reason: str, who: str = "") -> None:
    """Holds for the verdict that the version has now. Raises TextgateError where it is the champion."""
    head = open_log(run).head()
    if head and head.version == version:
        raise TextgateError(
            f"version {version} of {run.name} is the champion; `textgate rollback {run.name}` goes back to the version"
            " before, then it can be rejected"
        )
    tags = registry.version_tags(run.name, version)
    said = {
        registry.REJECTED: reason,
        registry.REJECTED_BY: who or current_user(),
        registry.REJECTED_AT: datetime.now(UTC).isoformat(),
        registry.REJECTED_VERDICT: tags.get(registry.VERDICT_DIGEST, ""),
    }
    registry.tag_version(run.name, version, said)
    registry.drop_alias(run.name, registry.CHALLENGER, version)
    print(f"version {version} of {run.name} is rejected: {reason}", flush=True)


def accept(run: RunStep, version: str) -> None:
    """Takes a rejection back; the version is the challenger where there is none."""
    if not registry.rejection(registry.version_tags(run.name, version)):
        raise TextgateError(f"version {version} of {run.name} is not rejected")
    registry.tag_version(run.name, version, {registry.REJECTED: ""})
    if not registry.alias_of(run.name, registry.CHALLENGER):
        registry.set_alias(run.name, registry.CHALLENGER, version)
    print(f"version {version} of {run.name} is not rejected any more", flush=True)
