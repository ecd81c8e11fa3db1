"""The way back: a version that was the champion before becomes it again, once it has shown that it still answers."""

from __future__ import annotations

from collections.abc import Sequence

from components.base import champion, registry
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, open_log
from components.base.settings import RunStep
from components.promote import checks


def roll_back(
    run: RunStep, version: str = "", *, why: str, who: str = "", question: checks.Question | None = None
) -> Entry:
    """To `version`, or to the champion before the present one; gives the log's entry.

    `question` is asked of the bundle, as MLflow holds it, before anything moves. Rolling back to the champion writes
    no entry. Raises champion.Disputed where somebody moved the alias to another version, LostRace where something was
    promoted meanwhile, and TextgateError where the version was never champion, was rejected, or is not whole.
    """
    log = open_log(run)
    entries = log.entries()
    if not entries:
        raise TextgateError(f"nothing of {run.name} was promoted yet: there is no version to go back to")
    wanted = version or champion_before(entries)
    champion.reconcile(run, log, chosen=wanted)
    if not wanted:
        raise TextgateError(f"version {entries[-1].version} of {run.name} is the first champion: none was before it")
    head, before = entries[-1], champion.last_entry(entries, wanted)
    if wanted == head.version:
        print(f"version {wanted} of {run.name} is the champion already, since {head.when}", flush=True)
        return head
    if before is None:
        raise TextgateError(
            f"version {wanted} of {run.name} was never the champion; `textgate promote {run.name} {wanted}` makes it so"
        )
    tags = registry.version_tags(run.name, wanted)
    checks.check_rejection(run, wanted, tags)
    if tags.get(registry.BUNDLE_DIGEST, "") != before.bundle_digest:
        raise registry.UnusableVersion(
            f"version {wanted} of {run.name} is not the bundle that was promoted ({before.bundle_digest[:12]}) any more"
        )
    with registry.fetched(run.name, wanted) as bundle:
        checks.check_signature(bundle, run, wanted, head, allow_change=True)
        checks.check_bundle(bundle, run, wanted, question)
    checks.check_permission(run, wanted, tags)
    entry = champion.roll_back(run, log, head, wanted, why, who)
    print(
        f"version {wanted} of {run.name} is the champion again, in place of version {head.version};"
        f" `textgate reject {run.name} {head.version} --reason TEXT` keeps that from being promoted again",
        flush=True,
    )
    return entry


def champion_before(entries: Sequence[Entry]) -> str:
    """The version that the head took the place of, those aside that were rolled back; empty where there was none."""
    line: list[str] = []
    for entry in entries:
        line = line[: line.index(entry.version)] if entry.version in line else line
        line.append(entry.version)
    return line[-2] if len(line) > 1 else ""
