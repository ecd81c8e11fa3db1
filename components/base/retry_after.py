"""How long a server asks to be left alone."""

from __future__ import annotations

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry


def pause_after(error: Exception, pause: float, longest: float) -> float:
    """Seconds from an answer to the next request: `pause`, or what its Retry-After asks for where that is longer.

    That header has seconds or a date (RFC 9110, section 10.2.3); more than `longest` is not waited for it, and nothing
    where it has neither.
    """
    asked = (getattr(error, "headers", None) or {}).get("Retry-After")
    if not asked:
        return pause
    try:
        return max(pause, min(Retry().parse_retry_after(asked), longest))
    except (InvalidHeader, ValueError, OverflowError):
        return pause
