"""Pages of HTML that steps write beside their reports."""

from components.base.page.cells import count, difference, estimate, number
from components.base.page.page import Cell, Drawing, Listing, Page, Picture, Section, Table, write_html

__all__ = [
    "Cell",
    "Drawing",
    "Listing",
    "Page",
    "Picture",
    "Section",
    "Table",
    "count",
    "difference",
    "estimate",
    "number",
    "write_html",
]
