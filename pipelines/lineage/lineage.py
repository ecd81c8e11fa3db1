"""The lineage of a run, of a version, or of a version of the data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from components.base.errors import TextgateError
from components.base.files import canonical_json
from pipelines.data.version import read_version
from pipelines.lineage.facts import facts
from pipelines.lineage.graph import Graph, Node
from pipelines.lineage.recorded import find
from pipelines.lineage.tracing import trace_data, trace_run, trace_version


@dataclass(frozen=True)
class Lineage:
    """`facts` are those of the run, and none for data."""

    facts: list[tuple[str, str]]
    graph: Graph

    def as_json(self) -> str:
        graph = self.graph
        content = {
            "focus": str(graph.focus),
            "recorded": dict(self.facts),
            "nodes": [_plain(node) for node in graph.nodes.values()],
            "edges": [
                {"source": str(edge.source), "target": str(edge.target), "label": edge.label} for edge in graph.edges
            ],
            "remarks": graph.remarks,
        }
        return canonical_json(content)


def lineage_of(reference: str, version: str, data: str) -> Lineage:
    """`data` is an md5, with or without .dir, or a DVC file; else `reference` is a run, or with `version` a model.

    Raises TextgateError where there is none.
    """
    if data:
        return Lineage([], trace_data(_md5(data)))
    run = find(reference, version)
    return Lineage(facts(run), trace_version(reference, version) if version else trace_run(run))


def _md5(data: str) -> str:
    if re.fullmatch(r"[0-9a-f]{32}(\.dir)?", data):
        return data if data.endswith(".dir") else f"{data}.dir"
    if data.endswith(".dvc"):
        return read_version(Path(data)).md5
    raise TextgateError(f"--data takes an md5 (32 hex digits) or a .dvc file, got {data!r}")


def _plain(node: Node) -> dict[str, object]:
    return {"kind": node.kind, "name": node.name, "notes": list(node.notes)}
