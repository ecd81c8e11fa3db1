"""The verdict as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.gate.entries import shown_figure, state

TEMPLATE = "verdict.html"


def render(verdict: Mapping[str, Any]) -> str:
    """`verdict` as verdict.json holds it. What it says is text: markup in it is shown, not obeyed."""
    here = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=here, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters.update(figure=shown_figure, state=state)
    return environment.get_template(TEMPLATE).render(verdict=verdict)
