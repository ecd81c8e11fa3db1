"""Addresses of servers, as messages show them."""

from __future__ import annotations

import re


def without_credentials(text: str) -> str:
    """The text, with no name and no password in its addresses."""
    return re.sub(r"://[^/\s]*@", "://", text)
