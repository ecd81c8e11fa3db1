"""The one exception that users are meant to read."""

from __future__ import annotations


class TextgateError(Exception):
    """Bad input or surroundings: the message says what, where, and what to do.

    The command line and the pipeline steps print it alone, without a stack trace, and exit with a non-zero status.
    """
