"""The serve part: the server as clients see it."""

PARTS = ("malformed",)
