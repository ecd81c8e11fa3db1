"""Runs as a cache sees them: of this machine, by their folders, and of anywhere, as MLflow recorded them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from components.base import tracking
from components.base.errors import TextgateError
from components.base.files import read_json
from components.base.settings import STEP_NAMES
from components.base.workspace import home
from pipelines.caching.graph import Source, StepInputs, read_graph
from pipelines.lineage.recorded import RecordedRun, find_all
from pipelines.local.folder import Run, entries, find_run, is_whole, steps_to

# So many earlier runs are looked through, the latest first.
LOOKED_THROUGH = 20
# What the step resolve gives, which MLflow keeps as tags.
PINS = ("data_md5", "base_model", "base_model_digest", "champion_version", "champion_digest", "champion_data")
RAN, REUSED, FAILED, UNKNOWN = "ran", "reused", "failed", "unknown"


@dataclass
class Seen:
    """`states` are ran, reused, failed or, where only what was recorded is known, unknown; a step that was not reached
    has none. `taken` is the run that this one took up, of whose steps `offered` were in its cache."""

    name: str
    local: bool
    graph: dict[str, StepInputs]
    arguments: Mapping[str, str]
    outputs: Mapping[tuple[str, str], str]
    states: dict[str, str]
    taken: str = ""
    offered: set[str] = field(default_factory=set)

    def value(self, source: Source) -> str:
        """As the step gets it; empty where it is not known."""
        if source.kind == "constant":
            return source.name
        if source.kind == "argument":
            return self.arguments.get(source.name, "")
        return self.outputs.get((source.step, source.name), "")

    def has(self, step: str) -> bool:
        """Whether another run could take the step from this one."""
        return self.states.get(step, FAILED) != FAILED


def of_folder(run: Run) -> Seen:
    """Raises TextgateError where the run ended before its pipeline was compiled."""
    pipeline, arguments = run.folder / "pipeline.yaml", run.folder / "arguments.json"
    if not pipeline.exists() or not arguments.exists():
        raise TextgateError(f"the run {run.id} ended before it had a pipeline: {run.failure or 'no cause known'}")
    graph = read_graph(pipeline.read_text(encoding="utf-8"))
    given = read_json(arguments)
    known = {"done": RAN, "reused": REUSED, "failed": FAILED, "running": FAILED}
    return Seen(
        run.id,
        True,
        graph,
        given,
        _given_out(run, graph),
        {step.name: known[step.state] for step in run.steps},
        run.reused,
        _offered(run),
    )


def _given_out(run: Run, graph: Mapping[str, StepInputs]) -> dict[tuple[str, str], str]:
    sources = {source for step in graph.values() for source in step.parameters.values() if source.kind == "output"}
    return {(source.step, source.name): run.output(source.step, source.name) for source in sources}


def _offered(run: Run) -> set[str]:
    """The steps of which the run that was taken up has an entry that this one's cache got."""
    if not run.reused:
        return set()
    try:
        old = find_run(run.reused)
    except TextgateError:
        return set()
    # By content: the step run again puts an entry of its own under the same name.
    copied = {entry.read_bytes() for entry in entries(run)}
    return {step for entry, step in entries(old).items() if entry.read_bytes() in copied and is_whole(entry)}


def earlier_folders(run: Run) -> Iterator[Run]:
    """The model's runs on this machine that began before, the latest first."""
    name = read_json(run.folder / "settings.json")["name"]
    others = []
    for folder in (path.parent for path in home().glob("runs/*/run.json")):
        try:
            other = find_run(folder.name)
            if read_json(folder / "settings.json")["name"] == name:
                others.append(other)
        except (TextgateError, KeyError):
            continue
    before = [other for other in others if (other.started, other.id) < (run.started, run.id)]
    yield from sorted(before, key=lambda other: (other.started, other.id), reverse=True)


def of_record(run: RecordedRun, states: Mapping[str, str] | None = None) -> Seen:
    """`states` where somebody knows them. Raises TextgateError where its pipeline was not recorded."""
    graph = read_graph(run.pipeline())
    pins = {("resolve", key): run.tag(key) for key in PINS}
    return Seen(run.shown, False, graph, run.arguments(), pins, dict(states or _reached(run, graph)))


def _reached(run: RecordedRun, graph: Mapping[str, StepInputs]) -> dict[str, str]:
    """What a run came to is known by its outcome, or by the step that failed."""
    outcome, failed = run.tag("outcome"), run.tag("failed_step")
    order = [step for step in STEP_NAMES if step in graph]
    if failed in order:
        return {**dict.fromkeys([*order[: order.index(failed)], "close"], UNKNOWN), failed: FAILED}
    return dict.fromkeys(steps_to(outcome, order) if outcome else ["resolve"], UNKNOWN)


def earlier_records(run: RecordedRun) -> Iterator[RecordedRun]:
    """The model's runs that MLflow has from before, the latest first."""
    known = find_all(tracking.MODEL.removeprefix("textgate."), run.name)
    before = known[: next((at for at, one in enumerate(known) if one.run_id == run.run_id), 0)]
    yield from reversed(before[-LOOKED_THROUGH:])
