"""What makes two texts the same text."""

from __future__ import annotations

import unicodedata


def normalise(text: str) -> str:
    """NFKC, casefolded, whitespace collapsed: copies that differ only in these count as one text."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
