"""CoNLL: a token and its tag on each line, and a blank line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from components.base.errors import TextgateError
from components.base.settings import SourceSettings
from pipelines.data.sources.files import Source
from pipelines.data.sources.lines import Line, open_lines
from pipelines.data.sources.records import Broken, Reader, Record, shorten

DOCUMENT = "-DOCSTART-"
COLUMNS = "not as many columns as the lines before"
SPACES = re.compile(" +")
BLANK = " \t\r\n"
# As CoNLL-U has them; in a file with tabs every line is one that begins with # and has none.
COMMENT = re.compile(r"# *([\w.:]+ =|newdoc|newpar)")


@contextmanager
def open_conll(source: Source, settings: SourceSettings) -> Iterator[Reader]:
    """Sentences as records of `tokens` and `tags`, which stand at the line where they begin.

    Columns are parted by tabs, in lines without a tab by spaces (of other blanks a token may hold any). Sentences of
    -DOCSTART- and comments are passed over.
    """
    with open_lines(source, settings.encoding) as (encoding, lines, position):
        yield Reader(("tokens", "tags"), encoding.note, _Sentences(source, settings, lines).records(), position)


class _Sentences:
    def __init__(self, source: Source, settings: SourceSettings, lines: Iterator[Line]) -> None:
        self.source, self.lines = source, lines
        self.token_column, self.tag_column = settings.token_column, settings.tag_column
        self.width, self.tabs = 0, False

    def records(self) -> Iterator[Record | Broken]:
        begins, tokens, tags = 0, list[str](), list[str]()
        broken: Broken | None = None
        for line in self.lines:
            text = line.text.strip(BLANK)
            if text:
                begins = begins or line.number
                if broken is None:
                    pair = self._pair(line)
                    if isinstance(pair, Broken):
                        broken = pair
                    elif pair:
                        tokens.append(pair[0])
                        tags.append(pair[1])
                continue
            if broken or tokens:
                yield broken or Record(begins, {"tokens": tokens, "tags": tags})
            begins, tokens, tags, broken = 0, [], [], None
        if broken or tokens:
            yield broken or Record(begins, {"tokens": tokens, "tags": tags})

    def _pair(self, line: Line) -> tuple[str, str] | Broken | None:
        """Token and tag, what is wrong with the line, or None for a line that holds neither."""
        if line.fault:
            return Broken(line.number, *line.fault)
        text = line.text.rstrip("\r\n")
        columns = text.split("\t") if "\t" in text else SPACES.split(text.strip(" "))
        if columns[0] == DOCUMENT or self._is_comment(text):
            return None
        if not self.width:
            self._begin(line, columns)
        if len(columns) != self.width:
            return Broken(
                line.number,
                COLUMNS,
                f"{len(columns)} column{'s' * (len(columns) > 1)} instead of {self.width}: {shorten(text)}; each line"
                " holds a token and its tag, and a blank one ends the sentence",
            )
        return columns[self.token_column], columns[self.tag_column]

    def _is_comment(self, text: str) -> bool:
        return text.startswith("#") and "\t" not in text and bool(self.tabs or COMMENT.match(text))

    def _begin(self, line: Line, columns: list[str]) -> None:
        self.width, self.tabs = len(columns), "\t" in line.text
        places = [self.token_column, self.tag_column]
        if any(not -self.width <= place < self.width for place in places) or len({p % self.width for p in places}) < 2:
            raise TextgateError(
                f"{self.source.path}:{line.number} has {self.width} column{'s' * (self.width > 1)},"
                f" {shorten(line.text.strip())}, and data.source.token_column is {self.token_column},"
                f" tag_column {self.tag_column}, which must be two of them; is it a CoNLL file, with"
                " a token and its tag on each line?"
            )
