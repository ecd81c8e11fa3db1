"""The step: one entry in the promotion log makes a version champion; then alias and tags in MLflow follow the log."""

from __future__ import annotations

import hashlib
import json

from components.base import registry, tracking
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, Promotion, PromotionLog, open_log
from components.base.settings import RunStep
from components.base.user import current_user


def promote(
    run: RunStep,
    version: str,
    expected_champion: str,
    *,
    why: str,
    who: str = "",
) -> Entry:
    """Makes `version` the champion if `expected_champion` (empty for none) still is; gives the log's entry.

    Promoting the champion again writes no entry. Raises LostRace when another promotion was first, and TextgateError
    where the champion is not the expected one or the version has no verdict that passed, or was overridden; then
    nothing was changed.
    """
    log = open_log(run)
    reconcile(run, log)
    head = log.head()
    if head and head.version == version:
        print(f"version {version} of {run.name} is the champion already, since {head.when}", flush=True)
        _follow(run, log)
        return head
    if (champion := head.version if head else "") != expected_champion:
        raise TextgateError(
            f"the champion of {run.name} is {_named(champion)}, but version {version} was compared with"
            f" {_named(expected_champion)}; run the pipeline again, so that the gate compares with the new champion"
        )
    tags = registry.version_tags(run.name, version)
    sealed, override = _verdict(run.name, version, tags)
    promotion = Promotion(
        version=version,
        previous_version=champion,
        bundle_digest=tags.get(registry.BUNDLE_DIGEST, ""),
        verdict_digest=sealed,
        who=who or current_user(),
        why=why,
        override=override,
    )
    entry = log.append(head, promotion)
    _follow(run, log)
    print(f"version {version} of {run.name} is the champion, in place of {_named(champion)}", flush=True)
    return entry


def reconcile(run: RunStep, log: PromotionLog) -> None:
    """Moves the alias to where the log's head is, if a promotion was cut off between the two or somebody moved it, and
    the head's version is there still."""
    head = log.head()
    if head is None:
        return
    alias = registry.aliases(run.name).get(registry.CHAMPION, "")
    if alias != head.version and _is_there(run.name, head.version):
        print(
            f"the alias {registry.CHAMPION} of {run.name} was at {_named(alias)}, but the promotion log says"
            f" {_named(head.version)}: moving it there",
            flush=True,
        )
        _follow(run, log)


def _follow(run: RunStep, log: PromotionLog) -> None:
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


def _is_there(name: str, version: str) -> bool:
    try:
        registry.version_tags(name, version)
    except registry.UnusableVersion:
        return False
    return True


def _verdict(name: str, version: str, tags: dict[str, str]) -> tuple[str, str]:
    """The digest of the version's verdict, read again from its run, and the reason it was overridden for, if it was.

    Raises TextgateError where it neither passed nor was overridden.
    """
    tagged = tags.get(registry.VERDICT_DIGEST, "")
    if not tagged or not tags.get(registry.BUNDLE_DIGEST):
        raise TextgateError(f"version {version} of {name} has no verdict: no run of the pipeline registered it")
    content = tracking.read_file(tags.get(registry.RUN_ID, ""), "verdict/verdict.json")
    if content is None or hashlib.sha256(content).hexdigest() != tagged:
        state = "is gone" if content is None else "was changed"
        raise TextgateError(f"version {version} of {name}: the verdict its tag seals {state}; run the pipeline again")
    verdict = json.loads(content)
    if verdict["outcome"] not in ("passed", "overridden"):
        raise TextgateError(f"version {version} of {name} did not pass its gate: {verdict['summary']}")
    return tagged, verdict.get("override", {}).get("reason", "")


def _named(version: str) -> str:
    return f"version {version}" if version else "none"
