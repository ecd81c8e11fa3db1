"""Lineage on the screen: the facts of a run, and two trees, of what was before and of what came after."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from pipelines.lineage.graph import Graph, Node

BEFORE, AFTER = "made with", "what came of it"


def show(lines: Sequence[tuple[str, str]], graph: Graph) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False)
    for what, how in lines:
        table.add_row(Text(what, style="bold"), Text(how))
    if lines:
        console.print(table)
    for before, title in ((True, BEFORE), (False, AFTER)):
        tree = Tree(Text.assemble((str(graph.focus), "bold"), f": {title}"))
        _grow(tree, graph, graph.focus, before, {graph.focus.key})
        if tree.children:
            console.print(tree)
    for remark in graph.remarks:
        console.print(Text.assemble(("! ", "yellow"), remark))


def _grow(tree: Tree, graph: Graph, node: Node, before: bool, shown: set[tuple[str, str]]) -> None:
    """What is shown already is named again, without what is behind it."""
    for other, label in graph.beside(node, before):
        text = Text(f"{label}: " if label else "")
        text.append(str(other), style="bold")
        text.append("".join(f", {note}" for note in other.notes))
        known = other.key in shown
        behind = any(True for _ in graph.beside(other, before))
        branch = tree.add(text.append(" (see above)") if known and behind else text)
        if not known:
            shown.add(other.key)
            _grow(branch, graph, other, before, shown)
