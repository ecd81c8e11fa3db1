"""For each step of a run: whether it was taken from a cache, or ran, and what made it run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypedDict

from components.base.errors import TextgateError
from components.base.settings import STEP_NAMES
from components.base.workspace import home
from pipelines.caching.graph import StepInputs
from pipelines.caching.runs import (
    FAILED,
    REUSED,
    UNKNOWN,
    Seen,
    earlier_folders,
    earlier_records,
    of_folder,
    of_record,
)
from pipelines.comparing.comparing import find_run
from pipelines.comparing.inputs import differing, flattened
from pipelines.lineage.recorded import RecordedRun
from pipelines.local import folder

ACTS = "it acts, or asks how things are: it runs each time"
FIRST = "no earlier run came to this step"
ALONE = "the run took up no earlier one"
SAME = "nothing it is made from changed"

Kind = Literal["parameter", "input", "image", "code", "environment"]


class Change(TypedDict):
    """Of an `input`, `old` and `new` are empty: what it came from is another now."""

    kind: Kind
    what: str
    old: Any
    new: Any


class Explained(TypedDict):
    """`state` is ran, reused, failed, unknown or not reached; `compared` the run that `changes` are since."""

    step: str
    state: str
    compared: str
    why: str
    changes: list[Change]


def explain(reference: str, states: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`run`, `local` and `steps`, of a run's folder, MLflow id or job, or MODEL:VERSION; `states` of its steps, where
    Kubeflow told them.

    Raises TextgateError where there is no such run, or what it was made of is not recorded.
    """
    if states is None and _is_here(reference):
        seen, earlier = _local(folder.find_run(reference))
    else:
        recorded = find_run(reference)
        if states is None and _is_here(recorded.run_name):
            seen, earlier = _local(folder.find_run(recorded.run_name))
        else:
            seen, earlier = of_record(recorded, states), _seen(of_record, earlier_records(recorded))
    return {"run": seen.name, "local": seen.local, "steps": _explained(seen, earlier)}


def _is_here(name: str) -> bool:
    return bool(name) and (home() / "runs" / name / "run.json").exists()


def _local(run: folder.Run) -> tuple[Seen, list[Seen]]:
    before = [run.reused] if _is_here(run.reused) else []
    return of_folder(run), _seen(of_folder, map(folder.find_run, before) if run.reused else earlier_folders(run))


def _seen(read: Callable[[Any], Seen], runs: Iterable[folder.Run] | Iterable[RecordedRun]) -> list[Seen]:
    """Those that can be read."""
    found = []
    for run in runs:
        try:
            found.append(read(run))
        except TextgateError:
            continue
    return found


def _explained(run: Seen, earlier: list[Seen]) -> list[Explained]:
    since = [(other, changes(other, run)) for other in earlier]
    return [_step(run, run.graph[name], since) for name in STEP_NAMES if name in run.graph]


def _step(run: Seen, step: StepInputs, since: list[tuple[Seen, dict[str, list[Change]]]]) -> Explained:
    state = run.states.get(step.name, "not reached")
    if state == "not reached":
        return Explained(step=step.name, state=state, compared="", why="", changes=[])
    if not step.caches:
        return Explained(step=step.name, state=state, compared="", why=ACTS, changes=[])
    able = [(other, found[step.name]) for other, found in since if step.name in found and other.has(step.name)]
    if not able:
        why = f"{run.taken} did not come to this step" if run.taken else FIRST
        return Explained(step=step.name, state=state, compared="", why=why, changes=[])
    other, found = next(((other, found) for other, found in able if not found), able[0])
    return Explained(
        step=step.name, state=state, compared=other.name, why=_why(run, step.name, state, other, found), changes=found
    )


def _why(run: Seen, step: str, state: str, other: Seen, found: list[Change]) -> str:
    if state == REUSED:
        return f"taken from {other.name}" if not found else "taken from a cache, although an earlier step ran again"
    if run.local and not run.taken:
        return ALONE if found else f"{ALONE}; --reuse {other.name} would have given it this step"
    if run.local and step not in run.offered:
        return f"what it made in {other.name} was not taken over: --from asked for it again, or it is gone"
    if found:
        return f"changed since {other.name}"
    if state == UNKNOWN:
        return f"{SAME} since {other.name}: a cache that has that gives it"
    return f"{SAME} since {other.name}" + ("" if state == FAILED else ", and no cache had it any more")


def changes(old: Seen, new: Seen) -> dict[str, list[Change]]:
    """Of each step that both have, what it is made from that changed; an output counts as changed where its step ran
    again, or would have to."""
    found: dict[str, list[Change]] = {}
    for name in STEP_NAMES:
        if name not in old.graph or name not in new.graph:
            continue
        one, other = old.graph[name], new.graph[name]
        found[name] = [
            *_whole(one, other),
            *(change for key in sorted(other.parameters) for change in _parameter(key, name, old, new)),
            *_inputs(other, old, new, found),
        ]
    return found


def _whole(old: StepInputs, new: StepInputs) -> list[Change]:
    found = []
    if old.image != new.image:
        found.append(Change(kind="image", what="image", old=old.image, new=new.image))
    if old.code != new.code:
        found.append(Change(kind="code", what="the step's lines in the pipeline", old=old.code[:12], new=new.code[:12]))
    for one in differing(old.env, new.env):
        found.append(Change(kind="environment", what=one["key"], old=one.get("old"), new=one.get("new")))
    return found


def _parameter(key: str, step: str, old: Seen, new: Seen) -> list[Change]:
    """By the keys that differ, where the parameter is a section of settings."""
    source = old.graph[step].parameters.get(key)
    before, after = (old.value(source) if source else ""), new.value(new.graph[step].parameters[key])
    if before == after:
        return []
    sections = [_section(before), _section(after)]
    if all(sections):
        found = differing(*map(flattened, sections))
        return [Change(kind="parameter", what=one["key"], old=one.get("old"), new=one.get("new")) for one in found]
    return [Change(kind="parameter", what=key, old=before, new=after)]


def _section(value: str) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _inputs(step: StepInputs, old: Seen, new: Seen, found: Mapping[str, list[Change]]) -> list[Change]:
    changed = []
    for name, source in sorted(step.artifacts.items()):
        known = UNKNOWN if new.local and not new.taken else new.states.get(source.step, UNKNOWN)
        again = found.get(source.step, []) if known == UNKNOWN else known != REUSED
        if again or old.graph[step.name].artifacts.get(name) != source:
            changed.append(Change(kind="input", what=f"{name} of {source.step}", old=None, new=None))
    return changed
