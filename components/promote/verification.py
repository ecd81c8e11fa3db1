"""Whether the promotion log is whole, and MLflow agrees with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from components.base import champion, registry
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, PromotionLog, open_log
from components.base.settings import RunStep


class Finding(NamedTuple):
    what: str
    wrong: bool


def verify(run: RunStep) -> list[Finding]:
    """Of the chain of entries; of alias, tags and bundle digests in MLflow; and of the bytes of the champion's bundle.

    The newest entry has none after it to tell that it was removed or edited; the tags of versions tell it.
    """
    log = open_log(run)
    try:
        entries = log.entries()
    except TextgateError as error:
        return [Finding(str(error), True)]
    chain = Finding(f"{len(entries)} entries, each of which names the one before by its bytes", False)
    return [chain, *_newest(run, entries), *_standing(run, log), *_versions(run, entries)]


def _newest(run: RunStep, entries: Sequence[Entry]) -> Iterator[Finding]:
    number = len(entries) + 1
    if version := registry.find_version(run.name, str(number), champion.PROMOTION):
        yield Finding(
            f"by the tags of version {version} it was promoted by entry {number}, which the log lacks: it was removed",
            True,
        )


def _standing(run: RunStep, log: PromotionLog) -> Iterator[Finding]:
    found = champion.standing(run, log)
    if found.moved:
        yield Finding(champion.dispute(run, log, found), True)
    elif found.unfinished:
        yield Finding(f"{'; '.join(found.unfinished)}: `textgate reconcile {run.name}` finishes the promotion", True)
    elif found.head and found.alias:
        yield Finding(f"the alias {registry.CHAMPION} is at version {found.alias}, as the log says", False)


def _versions(run: RunStep, entries: Sequence[Entry]) -> Iterator[Finding]:
    head = entries[-1] if entries else None
    last = {entry.version: entry for entry in entries}
    for version, entry in sorted(last.items(), key=lambda item: item[1].number):
        try:
            tags = registry.version_tags(run.name, version)
        except registry.UnusableVersion:
            yield Finding(f"version {version} is not in MLflow any more", entry == head)
            continue
        if (held := tags.get(registry.BUNDLE_DIGEST, "")) != entry.bundle_digest:
            promoted = f"entry {entry.number} promoted it with {entry.bundle_digest[:12]}"
            yield Finding(f"version {version} has the bundle {held[:12] or '(none)'}, but {promoted}", True)
        elif entry == head:
            yield _bytes(run, version)
        number, digest = tags.get(champion.PROMOTION, ""), tags.get(champion.PROMOTION_DIGEST, "")
        if number == str(entry.number) and digest and digest != entry.digest:
            yield Finding(f"entry {number} is not what it was when version {version} was promoted: it was edited", True)
        elif number != str(entry.number) and entry != head:
            yield Finding(f"the tags of version {version} name entry {number or '(none)'}, not {entry.number}", True)


def _bytes(run: RunStep, version: str) -> Finding:
    try:
        with registry.fetched(run.name, version):
            return Finding(f"the bundle of version {version} is whole", False)
    except registry.UnusableVersion as problem:
        return Finding(str(problem), True)
