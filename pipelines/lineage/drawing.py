"""The graph as one SVG: a column for each generation, what was there first at the left."""

from __future__ import annotations

from html import escape

from pipelines.lineage.graph import Graph, Node

WIDE, HIGH, ACROSS, DOWN = 216, 46, 72, 18
MARGIN = 9
# What a box holds, and from how many on letters are drawn closer where a font is wide.
LETTERS, MANY = 26, 20


def draw(graph: Graph) -> str:
    """Takes its colours from the page that it stands in."""
    layers = graph.layers()
    places = {
        node.key: (column * (WIDE + ACROSS) + 1, row * (HIGH + DOWN) + 1)
        for column, layer in enumerate(layers)
        for row, node in enumerate(layer)
    }
    width = len(layers) * (WIDE + ACROSS) - ACROSS + 2
    height = max(map(len, layers)) * (HIGH + DOWN) - DOWN + 2
    lines = [_line(places[edge.source.key], places[edge.target.key], edge.label) for edge in graph.edges]
    boxes = [_box(node, places[node.key], node.key == graph.focus.key) for node in graph.nodes.values()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' role="img" aria-label="{escape(f"what {graph.focus} was made with, and what came of it")}">'
        f"{''.join([*lines, *boxes])}</svg>"
    )


def _line(source: tuple[int, int], target: tuple[int, int], label: str) -> str:
    (left, top), (right, bottom) = source, target
    left, top, bottom = left + WIDE, top + HIGH // 2, bottom + HIGH // 2
    bend = ACROSS // 2
    path = f"M{left} {top}C{left + bend} {top} {right - bend} {bottom} {right} {bottom}"
    title = f"<title>{escape(label)}</title>" if label else ""
    return f'<path d="{path}" fill="none" stroke="var(--faint)" stroke-width="1.5">{title}</path>'


def _box(node: Node, place: tuple[int, int], focused: bool) -> str:
    x, y = place
    border = 'stroke="var(--mark)" stroke-width="2.5"' if focused else 'stroke="var(--line)" stroke-width="1.5"'
    first, name = _cut(", ".join([node.kind, *node.notes[:1]])), _cut(node.name)
    return (
        f'<g><title>{escape(chr(10).join([str(node), *node.notes]))}</title><rect x="{x}" y="{y}" width="{WIDE}"'
        f' height="{HIGH}" rx="5" fill="var(--stripe)" {border}/>'
        f'<text x="{x + MARGIN}" y="{y + 18}" font-size="11" fill="var(--faint)">{escape(first)}</text>'
        f'<text x="{x + MARGIN}" y="{y + 35}" font-size="13" fill="var(--text)"{_fitted(name)}>'
        f"{escape(name)}</text></g>"
    )


def _fitted(text: str) -> str:
    return f' textLength="{WIDE - 2 * MARGIN}" lengthAdjust="spacingAndGlyphs"' if len(text) > MANY else ""


def _cut(text: str) -> str:
    """Beginning and end of what is too long for a box."""
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 9]}…{text[-8:]}"
