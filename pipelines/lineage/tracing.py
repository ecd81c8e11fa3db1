"""Follows runs and versions through MLflow and the promotion log: back to what they were made of, on to what came of
them."""

from __future__ import annotations

from components.base import registry
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, open_log
from components.base.registered_checkpoint import REFERENCE, reference_to
from components.base.settings import DeployStep, RunStep, from_json
from pipelines.lineage.graph import Graph, Node
from pipelines.lineage.recorded import RecordedRun, find, find_all


def trace_run(run: RecordedRun) -> Graph:
    tracing = _Tracing(Graph(_run_node(run)))
    tracing.back_from_run(run)
    tracing.on_from_run(run)
    return tracing.graph


def trace_version(name: str, version: str) -> Graph:
    """Raises TextgateError where there is none, or its run is not known."""
    run = find(name, version)
    tracing = _Tracing(Graph(_version_node(name, version)))
    node = tracing.graph.add(_run_node(run))
    tracing.graph.connect(node, tracing.graph.focus, "registered")
    tracing.back_from_run(run)
    tracing.on_from_version(name, version, run)
    return tracing.graph


def trace_data(md5: str) -> Graph:
    """Raises TextgateError where no run is of this data."""
    runs = find_all("data_md5", md5)
    if not runs:
        raise TextgateError(f"MLflow has no run of the data {md5}; `textgate data status` shows that of a DVC file")
    tracing = _Tracing(Graph(Node("data", md5)))
    for run in runs:
        node = tracing.graph.add(_run_node(run))
        tracing.graph.connect(tracing.graph.focus, node)
        tracing.on_from_run(run)
    return tracing.graph


class _Tracing:
    """Each run and each version is followed once in each direction."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.done: set[tuple[str, ...]] = set()
        self.logs: dict[str, list[Entry]] = {}

    def back_from_run(self, run: RecordedRun) -> None:
        if not self._first("back", run.run_id):
            return
        node = _run_node(run)
        for kind, tag in (("data", "data_md5"), ("code", "git_commit")):
            if name := run.tag(tag):
                self._before(node, Node(kind, name))
        reference = run.tag("base_model")
        if begun := REFERENCE.fullmatch(reference):
            self._back_from_version(node, begun[1], begun[2], "begun from")
        elif reference:
            self._before(node, Node("base model", reference, (run.tag("base_model_digest"),)))
        if version := run.tag("champion_version"):
            self._before(node, _version_node(run.name, version), "compared with")
        for tag, label in (("parent_run", "steps reused"), ("reproduces", "reproduced")):
            if earlier := run.tag(tag):
                self._before(node, self._known_run(earlier), label)

    def on_from_run(self, run: RecordedRun) -> None:
        if not self._first("on", run.run_id):
            return
        node = _run_node(run)
        if version := run.tag("version"):
            self._after(node, _version_node(run.name, version), "registered")
            self.on_from_version(run.name, version, run)
        for later in find_all("parent_run", run.run_name) if run.run_name else []:
            self._after(node, _run_node(later), "steps reused")
            self.on_from_run(later)
        for later in find_all("reproduces", run.run_id):
            self._after(node, _run_node(later), "reproduced")

    def on_from_version(self, name: str, version: str, run: RecordedRun) -> None:
        """`run` is one that made it, whose settings say where its promotions and its deployment are."""
        if not self._first("on", name, version):
            return
        node = _version_node(name, version)
        self._promotions(node, version, run)
        for later in find_all("base_model", reference_to(name, version)):
            self._after(node, _run_node(later), "begun from")
            self.on_from_run(later)

    def _back_from_version(self, node: Node, name: str, version: str, label: str) -> None:
        source = _version_node(name, version)
        self._before(node, source, label)
        if not self._first("back", name, version):
            return
        try:
            run = find(name, version)
        except TextgateError as error:
            self.graph.remark(str(error))
            return
        self._before(source, _run_node(run), "registered")
        self.back_from_run(run)

    def _promotions(self, node: Node, version: str, run: RecordedRun) -> None:
        try:
            arguments = run.arguments()
            entries = self._log(from_json(RunStep, arguments["run"]))
            promoted = [entry for entry in entries if entry.version == version]
            for entry in promoted:
                self._after(node, _promotion_node(entry), "promoted")
            if promoted:
                self._deployment(node, run.name, version, from_json(DeployStep, arguments["deploy_settings"]))
        except TextgateError as error:
            self.graph.remark(f"promotions and deployments of {node.name} are not known: {error}")

    def _deployment(self, node: Node, name: str, version: str, step: DeployStep) -> None:
        from components.deploy.status import deployed

        lines, there = deployed(name, step)
        if there == version:
            where = "of this machine" if step.options.target == "local" else step.options.kserve.namespace
            self._after(node, Node("deployment", f"{name} {where}", tuple(how for _, how in lines)), "deployed")

    def _log(self, run: RunStep) -> list[Entry]:
        key = f"{run.log}\0{run.name}"
        if key not in self.logs:
            self.logs[key] = open_log(run).entries()
        return self.logs[key]

    def _known_run(self, reference: str) -> Node:
        try:
            return _run_node(find(reference))
        except TextgateError:
            return Node("run", reference, ("not in MLflow",))

    def _before(self, node: Node, source: Node, label: str = "") -> None:
        self.graph.add(source)
        self.graph.connect(source, node, label)

    def _after(self, node: Node, product: Node, label: str = "") -> None:
        self.graph.add(product)
        self.graph.connect(node, product, label)

    def _first(self, *visit: str) -> bool:
        if visit in self.done:
            return False
        self.done.add(visit)
        return True


def _run_node(run: RecordedRun) -> Node:
    outcome = run.tag("outcome") or run.tag("state") or "not ended"
    return Node("run", run.shown, (outcome,))


def _version_node(name: str, version: str) -> Node:
    try:
        tags = registry.version_tags(name, version)
    except registry.UnusableVersion:
        return Node("version", f"{name} {version}", ("deleted",))
    state = tags.get("textgate.state") or tags.get(registry.VERDICT, "")
    return Node("version", f"{name} {version}", (state,) if state else ())


def _promotion_node(entry: Entry) -> Node:
    return Node("promotion", f"{entry.name} #{entry.number}", (f"{entry.when[:19]} by {entry.who}", entry.why))
