"""What follows the promotion log: alias and tags in MLflow; and the way back to a version before."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.base import registry
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, LostRace, Promotion, PromotionLog
from components.base.settings import RunStep
from components.base.user import current_user

STATE = "textgate.state"
SUCCEEDED_BY = "textgate.succeeded_by"
PROMOTION = "textgate.promotion"
PROMOTION_DIGEST = "textgate.promotion_digest"
# A promotion by another process that is under way is not somebody's own move: it is over within moments.
PAUSES = (0.2, 0.4, 0.8)


class Disputed(TextgateError):
    """Somebody moved the alias: which of MLflow and the log is right is for a person to say. Nothing was changed."""


@dataclass(frozen=True)
class Standing:
    """How MLflow stands to the log's head: where the alias is (empty: nowhere), and the tags of the versions that the
    head names. A version that is not there has no tags here."""

    head: Entry | None
    alias: str
    tags: Mapping[str, Mapping[str, str]]
    challenger: str = ""

    @property
    def unfinished(self) -> list[str]:
        """What a promotion that was cut off has left undone; empty also where the head's version is gone."""
        if self.head is None or self.head.version not in self.tags:
            return []
        undone = [] if self.alias == self.head.version else [f"the alias {registry.CHAMPION} is at {named(self.alias)}"]
        undone += [
            f"the tags of version {version} are of before"
            for version, wanted in expected_tags(self.head).items()
            if version in self.tags and missing(wanted, self.tags[version])
        ]
        return undone + (["it is the challenger still"] if self.challenger == self.head.version else [])

    @property
    def moved(self) -> bool:
        """Whether the alias is where no promotion can have left it. One that was cut off leaves it at the version
        before, or nowhere, and the head's version without the tags, which come last."""
        if self.head is None:
            return bool(self.alias)
        if self.alias == self.head.version:
            return False
        if self.head.version not in self.tags:
            return bool(self.alias)
        finished = self.tags[self.head.version].get(PROMOTION_DIGEST) == self.head.digest
        return finished or self.alias not in ("", self.head.previous_version)


def standing(run: RunStep, log: PromotionLog) -> Standing:
    head = log.head()
    alias = registry.alias_of(run.name, registry.CHAMPION)
    versions = dict.fromkeys([head.version, head.previous_version] if head else [], None)
    tags = {version: found for version in versions if version and (found := _tags(run.name, version)) is not None}
    return Standing(head, alias, tags, registry.alias_of(run.name, registry.CHALLENGER))


def reconcile(run: RunStep, log: PromotionLog, *, chosen: str = "") -> list[str]:
    """Finishes what a promotion that was cut off after its entry left undone; gives what that was.

    Raises Disputed where somebody moved the alias, or took it away; not where they moved it to `chosen`, which the
    caller is about to promote.
    """
    for pause in (*PAUSES, 0.0):
        found = standing(run, log)
        if not found.moved or (chosen and found.alias == chosen):
            break
        if not pause:
            raise Disputed(dispute(run, log, found))
        time.sleep(pause)
    if found.moved or not (undone := found.unfinished):
        return []
    assert found.head
    print(f"finishing the promotion of version {found.head.version} of {run.name}: {'; '.join(undone)}", flush=True)
    follow(run, log)
    return undone


def restore(run: RunStep, log: PromotionLog) -> None:
    """Alias and tags as the log says, wherever somebody moved the alias; without an entry, no champion.

    Raises TextgateError where the head's version is gone.
    """
    found = standing(run, log)
    if found.head is None:
        if found.alias:
            registry.drop_alias(run.name, registry.CHAMPION, found.alias)
    elif found.head.version not in found.tags:
        raise TextgateError(
            f"version {found.head.version} of {run.name}, the champion by the promotion log, is gone from MLflow:"
            f" it cannot have the alias; `textgate rollback {run.name}` goes back to the version before"
        )
    else:
        follow(run, log)


def follow(run: RunStep, log: PromotionLog) -> None:
    """Aliases and tags as the head has them; once more if the head moved on meanwhile, so that the last one stands.

    The tags of the head's version come last: where they are, all is done.
    """
    done = None
    while (head := log.head()) and head != done:
        registry.set_alias(run.name, registry.CHAMPION, head.version)
        registry.drop_alias(run.name, registry.CHALLENGER, head.version)
        for version, wanted in expected_tags(head).items():
            if (known := _tags(run.name, version)) is not None:
                registry.tag_version(run.name, version, missing(wanted, known))
        done = head


def make_champion(run: RunStep, log: PromotionLog, head: Entry | None, promotion: Promotion, advice: str = "") -> Entry:
    """Writes the entry that follows `head`, then has MLflow follow.

    Raises LostRace, with `advice`, where something else was promoted meanwhile; and TextgateError that says what stands
    where log or MLflow cannot be reached.
    """
    try:
        entry = log.append(head, promotion)
    except LostRace as lost:
        raise LostRace(lost.winner, advice) from None
    except TextgateError as error:
        raise TextgateError(
            f"{error}; whether the entry that makes version {promotion.version} of {run.name} the champion was written"
            " is not known: the same command goes on from what the log says then"
        ) from None
    try:
        follow(run, log)
    except TextgateError as error:
        raise TextgateError(
            f"version {entry.version} of {run.name} is the champion by entry {entry.number} of the promotion log, but"
            f" alias and tags in MLflow do not say so yet: {error}; `textgate reconcile {run.name}` finishes it, and so"
            " does the next promotion"
        ) from None
    return entry


def roll_back(run: RunStep, log: PromotionLog, head: Entry, version: str, why: str, who: str = "") -> Entry:
    """Makes `version`, which was the champion before, the champion again in place of `head`; gives the log's entry.

    Raises LostRace where something else was promoted meanwhile, and TextgateError where `version` was never promoted;
    then nothing was changed.
    """
    before = last_entry(log.entries(), version)
    if before is None:
        raise TextgateError(
            f"version {version} of {run.name} was never promoted: the promotion log cannot go back to it"
        )
    promotion = Promotion(
        version=version,
        previous_version=head.version,
        bundle_digest=before.bundle_digest,
        verdict_digest=before.verdict_digest,
        who=who or current_user(),
        why=why,
        override=before.override,
    )
    return make_champion(run, log, head, promotion, "nothing was rolled back")


def last_entry(entries: Sequence[Entry], version: str) -> Entry | None:
    """The last one that made the version champion."""
    return next((entry for entry in reversed(entries) if entry.version == version), None)


def dispute(run: RunStep, log: PromotionLog, found: Standing) -> str:
    """What differs, and what each choice does."""
    restored = f"`textgate reconcile {run.name} --restore`"
    if found.head is None:
        return (
            f"MLflow says that {named(found.alias)} is the champion of {run.name}, but the promotion log"
            f" {log.store.url} has no entry. If that is not the log it was promoted in, promote.log names the right"
            f" one; `textgate promote {run.name} {found.alias}` begins this one with it; {restored} takes the alias"
            " away"
        )
    version, head = found.head.version, found.head
    said = f"the promotion log says version {version}, since {head.when} by {head.who}"
    if version not in found.tags:
        restored = f"version {version} is gone from MLflow and cannot have it back"
    else:
        restored = f"{restored} gives the alias back to version {version}"
    if not found.alias:
        return f"somebody took the alias {registry.CHAMPION} of {run.name} away, but {said}; {restored}"
    entries = log.entries()
    command = "rollback" if last_entry(entries, found.alias) else "promote"
    return (
        f"somebody moved the alias {registry.CHAMPION} of {run.name}: MLflow says {named(found.alias)}, but {said}."
        f"{_lost(run, found, head)} `textgate {command} {run.name} {found.alias}` asks for version {found.alias} in the"
        f" log, too; {restored}"
    )


def _lost(run: RunStep, found: Standing, head: Entry) -> str:
    number = (_tags(run.name, found.alias) or {}).get(PROMOTION, "")
    if number.isdecimal() and int(number) > head.number:
        return f" (By its tags, entry {number} promoted it, which the log lacks: the newest entries were removed.)"
    return ""


def expected_tags(head: Entry) -> dict[str, dict[str, str]]:
    """Of the version before and, last, the head's own; of these, too, the last one tells that all are there."""
    former = {STATE: "former champion", SUCCEEDED_BY: head.version}
    champion = {
        STATE: "champion",
        SUCCEEDED_BY: "",
        "textgate.promoted": head.when,
        PROMOTION: str(head.number),
        PROMOTION_DIGEST: head.digest,
    }
    return {**({head.previous_version: former} if head.previous_version else {}), head.version: champion}


def missing(wanted: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Those of the tags that are not as they should be."""
    return {key: value for key, value in wanted.items() if known.get(key, "") != value}


def named(version: str) -> str:
    return f"version {version}" if version else "none"


def _tags(name: str, version: str) -> dict[str, str] | None:
    """None where there is no such version."""
    try:
        return registry.version_tags(name, version)
    except registry.UnusableVersion:
        return None
