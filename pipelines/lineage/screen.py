"""Lineage on the screen: the facts of a run, and two trees, of what was before and of what came after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from pipelines.lineage.graph import Graph, Node

WIDE = 20
BEFORE, AFTER = "made with", "what came of it"


def show(lines: Sequence[tuple[str, str]], graph: Graph) -> None:
    """A line is as long as it has to be."""
    console = Console(highlight=False, soft_wrap=True)
    for what, how in lines:
        console.print(Text.assemble((f"{what:<{WIDE}}", "bold"), how))
    for before, title in ((True, BEFORE), (False, AFTER)):
        if grown := list(_grow(graph, graph.focus, before, "", {graph.focus.key})):
            console.print(Text.assemble((str(graph.focus), "bold"), f": {title}"))
        for line in grown:
            console.print(line)
    for remark in graph.remarks:
        console.print(Text.assemble(("! ", "yellow"), remark))


def _grow(graph: Graph, node: Node, before: bool, indent: str, shown: set[tuple[str, str]]) -> Iterator[Text]:
    """The lines below a node. What is shown already is named again, without what is behind it."""
    beside = list(graph.beside(node, before))
    for number, (other, label) in enumerate(beside, start=1):
        last, known = number == len(beside), other.key in shown
        named: list[str | tuple[str, str]] = [
            f"{label}: " if label else "",
            (str(other), "bold"),
            *(f", {note}" for note in other.notes),
        ]
        again = " (see above)" if known and any(graph.beside(other, before)) else ""
        yield Text.assemble(indent, "└─ " if last else "├─ ", *named, again)
        if not known:
            shown.add(other.key)
            yield from _grow(graph, other, before, indent + ("   " if last else "│  "), shown)
