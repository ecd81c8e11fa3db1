"""One self-contained page: it loads nothing, runs nothing, and is read in light and in dark."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.base.files import write_text

OPEN_ROWS = 20
LONG = 30


@dataclass(frozen=True)
class Cell:
    """`aside` stands smaller after the text; `mark` is a word that is set off, such as unreliable."""

    text: str
    aside: str = ""
    mark: str = ""
    numeric: bool = False

    @property
    def is_long(self) -> bool:
        """Whether its column keeps some width on a narrow screen."""
        return len(self.text) > LONG


@dataclass(frozen=True)
class Table:
    """The first cell of a row is its heading. Rows beyond the first `open_rows` are folded away."""

    caption: str
    headings: list[str]
    rows: list[list[Cell]]
    open_rows: int = OPEN_ROWS

    def is_numeric(self, column: int) -> bool:
        return any(row[column].numeric for row in self.rows)


@dataclass(frozen=True)
class Listing:
    """Short items, folded away."""

    title: str
    items: list[str]


@dataclass(frozen=True)
class Picture:
    """A PNG; `alt` says what can be seen, for those who cannot."""

    path: Path
    alt: str

    @property
    def uri(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.path.read_bytes()).decode()


@dataclass(frozen=True)
class Drawing:
    """An SVG, which stands in the page as it is: what made it has escaped what was not its own."""

    svg: str


@dataclass(frozen=True)
class Section:
    title: str
    texts: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    title: str
    summary: list[str]
    sections: list[Section]


def write_html(path: Path, page: Page) -> None:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write_text(path, environment.get_template("page.html").render(page=page) + "\n")
