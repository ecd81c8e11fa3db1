"""What keeps a version from becoming the champion; each refusal names the way out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from components.base import registry, tracking
from components.base.champion import named
from components.base.errors import TextgateError
from components.base.mlflow_model import MLMODEL
from components.base.promotion_log import Entry
from components.base.settings import RunStep
from components.base.workspace import home
from components.promote.signature import differences, read_signature
from serving.bundle import MANIFEST
from serving.models import load_folder

NO_CHAMPION = "none"
# In place of the champion that is expected: the one that the version was compared with.
AS_COMPARED = "as compared"
# Gets the version and its bundle.
Question = Callable[[str, Path], None]


def compared_with(run: RunStep, version: str) -> str:
    """The champion that the version's verdict is about: the one it was compared with or, where that could not be done
    and the settings go on without, the one that its run saw. Empty where there was none."""
    tags = registry.version_tags(run.name, version)
    if not tags.get(registry.COMPARED_WITH) and (run_id := tags.get(registry.RUN_ID)):
        return tracking.run_tags(run_id).get("textgate.champion_version", "")
    return tags.get(registry.COMPARED_WITH, "")


def check_champion(run: RunStep, version: str, tags: Mapping[str, str], head: Entry | None, expected: str) -> None:
    """Raises TextgateError where the champion is not the one that the version was compared with."""
    current = head.version if head else ""
    if current != expected:
        raise TextgateError(
            f"the champion of {run.name} is {named(current)}, but version {version} was compared with"
            f" {named(expected)}; {compare_again(tags)}"
        )


def check_expected(run: RunStep, head: Entry | None, expect: str) -> None:
    """Raises TextgateError where the champion is not the one whose place a person wants to be taken (NO_CHAMPION: none
    is to be there)."""
    current, expected = head.version if head else "", "" if expect == NO_CHAMPION else expect
    if current != expected:
        raise TextgateError(
            f"the champion of {run.name} is {named(current)}, not {named(expected)}, as --expect says; nothing was"
            " changed"
        )


def check_rejection(run: RunStep, version: str, tags: Mapping[str, str]) -> None:
    if told := registry.rejection(tags):
        raise TextgateError(
            f"version {version} of {run.name} is {told}; `textgate reject {run.name} {version} --undo` takes that back"
        )


def check_verdict(run: RunStep, version: str, tags: Mapping[str, str]) -> tuple[str, str]:
    """The digest of the version's verdict, read again from its run, and the reason it was overridden for, if it was.

    Raises TextgateError where it neither passed nor was overridden.
    """
    what = f"version {version} of {run.name}"
    sealed = tags.get(registry.VERDICT_DIGEST, "")
    if not sealed or not tags.get(registry.BUNDLE_DIGEST):
        raise TextgateError(
            f"{what} has no verdict: no run of the pipeline registered it; `textgate run` makes versions that have one"
        )
    content = tracking.read_file(tags.get(registry.RUN_ID, ""), "verdict/verdict.json")
    if content is None or hashlib.sha256(content).hexdigest() != sealed:
        state = "is gone" if content is None else "was changed"
        raise TextgateError(f"{what}: the verdict its tag seals {state}; {compare_again(tags)}")
    verdict = json.loads(content)
    if verdict["outcome"] not in ("passed", "overridden"):
        raise TextgateError(
            f"{what} did not pass its gate: {verdict['summary']}; to promote it all the same, register it again by"
            f" {_rerun(tags, ' --override --reason TEXT')}"
        )
    return sealed, verdict.get("override", {}).get("reason", "")


def check_bundle(bundle: Path, run: RunStep, version: str, question: Question | None) -> None:
    """Loads the verified bundle and asks it what `question` asks, which raises what it finds wrong."""
    try:
        load_folder(bundle)
    except TextgateError as error:
        told = str(error).replace(f"{bundle}/", "").replace(str(bundle), "the bundle")
        raise TextgateError(f"version {version} of {run.name} cannot be loaded: {told}") from None
    if question:
        question(version, bundle)


def check_signature(bundle: Path, run: RunStep, version: str, head: Entry | None, allow_change: bool) -> None:
    """Raises TextgateError where callers of the champion would find another task, other labels, inputs or answers."""
    if head is None:
        return
    try:
        manifest, mlmodel = registry.read_files(run.name, head.version, MANIFEST, MLMODEL)
        if hashlib.sha256(manifest).hexdigest() != head.bundle_digest:
            raise registry.UnusableVersion(f"its {MANIFEST} is not the one that was promoted")
    except registry.UnusableVersion as problem:
        print(f"what callers see is not compared with champion version {head.version}: {problem}", flush=True)
        return
    own = read_signature((bundle / MANIFEST).read_bytes(), (bundle / MLMODEL).read_bytes())
    if not (told := differences(read_signature(manifest, mlmodel), own)):
        return
    what = f"callers of {run.name} would see another model than champion version {head.version}: {'; '.join(told)}"
    if not allow_change:
        raise TextgateError(
            f"{what}; `textgate promote {run.name} {version} --allow-signature-change` promotes it all the same"
        )
    print(f"{what}; that is allowed", flush=True)


def check_permission(run: RunStep, version: str, tags: Mapping[str, str]) -> None:
    """Writes a tag as it is: raises TextgateError where MLflow lets one read alone, whom a folder or bucket may let
    write the log's next entry all the same."""
    registry.tag_version(run.name, version, {registry.BUNDLE_DIGEST: tags[registry.BUNDLE_DIGEST]})


def compare_again(tags: Mapping[str, str]) -> str:
    """Which command has the gate compare the version with these tags with the present champion."""
    return f"{_rerun(tags)} has the gate decide again, and repeats only what has changed"


def _rerun(tags: Mapping[str, str], options: str = "") -> str:
    """A run whose folder is not here was on another machine, or on a cluster, which keeps what did not change."""
    name = tags.get("textgate.run_name", "")
    command = f"`textgate run --reuse {name or 'RUN'}{options}`"
    if not name or (home() / "runs" / name).is_dir():
        return command
    return f"{command} (where that run lies; or `textgate submit{options}` for one on a cluster)"
