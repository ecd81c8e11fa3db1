"""What follows the promotion log: alias and tags in MLflow; and the way back to the version before."""

from __future__ import annotations

from components.base import registry
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, Promotion, PromotionLog
from components.base.settings import RunStep
from components.base.user import current_user


def reconcile(run: RunStep, log: PromotionLog) -> None:
    """Moves the alias to where the log's head is, if a promotion was cut off between the two or somebody moved it, and
    the head's version is there still."""
    head = log.head()
    if head is None:
        return
    alias = registry.aliases(run.name).get(registry.CHAMPION, "")
    if alias != head.version and _is_there(run.name, head.version):
        print(
            f"the alias {registry.CHAMPION} of {run.name} was at {named(alias)}, but the promotion log says"
            f" {named(head.version)}: moving it there",
            flush=True,
        )
        follow(run, log)


def follow(run: RunStep, log: PromotionLog) -> None:
    """Aliases and tags as the head has them; once more if the head moved on meanwhile, so that the last one stands."""
    done = None
    while (head := log.head()) and head != done:
        registry.set_alias(run.name, registry.CHAMPION, head.version)
        registry.drop_alias(run.name, registry.CHALLENGER, head.version)
        promoted = {"textgate.promotion": str(head.number), "textgate.promoted": head.when}
        registry.tag_version(run.name, head.version, {"textgate.state": "champion", **promoted})
        if head.previous_version and _is_there(run.name, head.previous_version):
            succeeded = {"textgate.state": "former champion", "textgate.succeeded_by": head.version}
            registry.tag_version(run.name, head.previous_version, succeeded)
        done = head


def roll_back(run: RunStep, log: PromotionLog, head: Entry, version: str, why: str) -> Entry:
    """Makes `version`, which was the champion before, the champion again in place of `head`; gives the log's entry.

    Raises LostRace where something else was promoted meanwhile, and TextgateError where `version` was never promoted;
    then nothing was changed.
    """
    before = next((entry for entry in reversed(log.entries()) if entry.version == version), None)
    if before is None:
        raise TextgateError(
            f"version {version} of {run.name} was never promoted: the promotion log cannot go back to it"
        )
    promotion = Promotion(
        version=version,
        previous_version=head.version,
        bundle_digest=before.bundle_digest,
        verdict_digest=before.verdict_digest,
        who=current_user(),
        why=why,
        override=before.override,
    )
    entry = log.append(head, promotion)
    follow(run, log)
    return entry


def named(version: str) -> str:
    return f"version {version}" if version else "none"


def _is_there(name: str, version: str) -> bool:
    try:
        registry.version_tags(name, version)
    except registry.UnusableVersion:
        return False
    return True
