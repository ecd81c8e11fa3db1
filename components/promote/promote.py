"""The step: one entry in the promotion log makes a version champion; then alias and tags in MLflow follow the log."""

from __future__ import annotations

import hashlib
import json

from components.base import champion, registry, tracking
from components.base.champion import named
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, Promotion, open_log
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
    champion.reconcile(run, log)
    head = log.head()
    if head and head.version == version:
        print(f"version {version} of {run.name} is the champion already, since {head.when}", flush=True)
        champion.follow(run, log)
        return head
    if (current := head.version if head else "") != expected_champion:
        raise TextgateError(
            f"the champion of {run.name} is {named(current)}, but version {version} was compared with"
            f" {named(expected_champion)}; run the pipeline again, so that the gate compares with the new champion"
        )
    tags = registry.version_tags(run.name, version)
    sealed, override = _verdict(run.name, version, tags)
    promotion = Promotion(
        version=version,
        previous_version=current,
        bundle_digest=tags.get(registry.BUNDLE_DIGEST, ""),
        verdict_digest=sealed,
        who=who or current_user(),
        why=why,
        override=override,
    )
    entry = log.append(head, promotion)
    champion.follow(run, log)
    print(f"version {version} of {run.name} is the champion, in place of {named(current)}", flush=True)
    return entry


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
