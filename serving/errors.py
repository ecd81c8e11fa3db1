"""What a request is refused with."""

from __future__ import annotations


class RequestError(Exception):
    """A request that is not answered: an HTTP status, one sentence for the caller, and, where it may be tried again,
    after how many seconds."""

    def __init__(self, status: int, message: str, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.status, self.retry_after_s = status, retry_after_s
