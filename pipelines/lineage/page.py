"""Lineage as one page of HTML: the drawing, the facts of the run, and every link as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from components.base.page import Cell, Drawing, Page, Section, Table, write_html
from pipelines.lineage.drawing import draw
from pipelines.lineage.graph import Graph, Node


def write_page(path: Path, lines: Sequence[tuple[str, str]], graph: Graph) -> None:
    recorded = Table("What the run recorded", ["what", "how"], [[Cell(what), Cell(how)] for what, how in lines], 40)
    rows = [[_cell(edge.source), Cell(edge.label), _cell(edge.target)] for edge in graph.edges]
    links = Table("Links", ["from", "how", "to"], rows, 0)
    page = Page(
        title=f"Lineage of {graph.focus}",
        summary=["What was there first stands at the left.", *graph.remarks],
        sections=[
            Section("Graph", drawings=[Drawing(draw(graph))], tables=[links] if rows else []),
            *([Section("Run", tables=[recorded])] if lines else []),
        ],
    )
    write_html(path, page)


def _cell(node: Node) -> Cell:
    return Cell(str(node), ", ".join(node.notes))
