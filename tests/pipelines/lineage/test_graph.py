from __future__ import annotations

from pipelines.lineage.graph import Graph, Node


def _graph(*edges: str) -> Graph:
    graph = Graph(Node("run", edges[0][0]))
    for source, target in edges:
        for name in (source, target):
            graph.add(Node("run", name))
        graph.connect(Node("run", source), Node("run", target))
    return graph


def _names(layers: list[list[Node]]) -> list[str]:
    return ["".join(node.name for node in layer) for layer in layers]


def test_each_stands_behind_all_that_it_was_made_with() -> None:
    assert _names(_graph("ab", "ac", "bd", "cd", "ad", "de").layers()) == ["a", "bc", "d", "e"]


def test_a_circle_ends() -> None:
    assert sorted("".join(_names(_graph("ab", "bc", "ca").layers()))) == ["a", "b", "c"]


def test_what_is_known_is_kept_once() -> None:
    graph = _graph("ab", "ab")
    node = graph.add(Node("run", "a", ("other notes",)))
    assert (node.notes, len(graph.nodes), len(graph.edges)) == ((), 2, 1)
