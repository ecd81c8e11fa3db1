"""The step: one entry in the promotion log makes a version champion; then alias and tags in MLflow follow the log."""

from __future__ import annotations

from components.base import champion, registry
from components.base.champion import named
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, Promotion, open_log
from components.base.settings import RunStep
from components.base.user import current_user
from components.promote import checks


def promote(
    run: RunStep,
    version: str,
    expected_champion: str,
    *,
    why: str,
    who: str = "",
    expect: str = "",
    allow_signature_change: bool = False,
    answers: bool = True,
    question: checks.Question | None = None,
) -> Entry:
    """Makes `version` the champion if `expected_champion` (empty for none) still is; gives the log's entry.

    `expect` is the champion that a person names beside (checks.NO_CHAMPION: none; empty: whichever). `answers` is what
    a canary before said; `question` is asked of the bundle, as MLflow holds it, before anything is changed, and raises
    what it finds wrong.
    Promoting the champion again writes no entry. Raises champion.Disputed where somebody moved the alias by hand,
    LostRace when another promotion was first, and TextgateError where the version may not become the champion (see
    checks.py); then nothing was changed.
    """
    if not answers:
        raise TextgateError(
            f"version {version} of {run.name} failed its canary, whose report says how; nothing was changed"
        )
    log = open_log(run)
    champion.reconcile(run, log, chosen=version)
    head = log.head()
    if head and head.version == version:
        print(f"version {version} of {run.name} is the champion already, since {head.when}", flush=True)
        return head
    if expect:
        checks.check_expected(run, head, expect)
    tags = registry.version_tags(run.name, version)
    checks.check_rejection(run, version, tags)
    expected = checks.compared_with(run, version) if expected_champion == checks.AS_COMPARED else expected_champion
    checks.check_champion(run, version, tags, head, expected)
    sealed, override = checks.check_verdict(run, version, tags)
    with registry.fetched(run.name, version) as bundle:
        checks.check_signature(bundle, run, version, head, allow_signature_change)
        checks.check_bundle(bundle, run, version, question)
    checks.check_permission(run, version, tags)
    promotion = Promotion(
        version=version,
        previous_version=head.version if head else "",
        bundle_digest=tags[registry.BUNDLE_DIGEST],
        verdict_digest=sealed,
        who=who or current_user(),
        why=why,
        override=override,
    )
    entry = champion.make_champion(run, log, head, promotion, checks.compare_again(tags))
    print(
        f"version {version} of {run.name} is the champion, in place of {named(promotion.previous_version)}", flush=True
    )
    return entry
