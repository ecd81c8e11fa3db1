"""What came from what: data, code, base models, runs, versions, promotions and deployments, and what lies between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    """`kind` and `name` tell it from all others; `notes` say more."""

    kind: str
    name: str
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Edge:
    """From what was there first to what was made with it; `label` says how."""

    source: Node
    target: Node
    label: str = ""


@dataclass
class Graph:
    """Around `focus`. `remarks` say what could not be asked."""

    focus: Node
    nodes: dict[tuple[str, str], Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes.setdefault(self.focus.key, self.focus)

    def add(self, node: Node) -> Node:
        """The node as it is kept: as it was first added."""
        return self.nodes.setdefault(node.key, node)

    def connect(self, source: Node, target: Node, label: str = "") -> None:
        edge = Edge(self.nodes[source.key], self.nodes[target.key], label)
        if edge not in self.edges:
            self.edges.append(edge)

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)

    def beside(self, node: Node, before: bool) -> Iterator[tuple[Node, str]]:
        """What the node was made with, or what was made with it, each with how."""
        for edge in self.edges:
            here, there = (edge.target, edge.source) if before else (edge.source, edge.target)
            if here.key == node.key:
                yield there, edge.label

    def layers(self) -> list[list[Node]]:
        """The nodes, each behind all that it was made with; a circle is cut where it is met."""
        depths: dict[tuple[str, str], int] = {}

        def depth(node: Node, above: tuple[tuple[str, str], ...] = ()) -> int:
            if node.key not in depths:
                inner = (*above, node.key)
                sources = [one for one, _ in self.beside(node, before=True) if one.key not in inner]
                found = 1 + max((depth(one, inner) for one in sources), default=-1)
                depths.setdefault(node.key, found)
            return depths[node.key]

        layers: dict[int, list[Node]] = {}
        for node in self.nodes.values():
            layers.setdefault(depth(node), []).append(node)
        return [layers[number] for number in sorted(layers)]
