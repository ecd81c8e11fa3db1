"""What a person asks of a registered version, checked before anything is asked of a server."""

from __future__ import annotations

import re

from components.base.errors import TextgateError
from components.base.settings import PromotionRequest
from components.base.user import current_user


def make_request(reason: str, expect: str = "", allow_signature_change: bool = False) -> PromotionRequest:
    """By the person who is at work."""
    return PromotionRequest(
        reason=reason, who=current_user(), expect=expect, allow_signature_change=allow_signature_change
    )


def check_version(version: str) -> None:
    if not re.fullmatch(r"[1-9]\d*", version):
        raise TextgateError(f"a version is a whole number from 1, as MLflow shows it; got {version!r}")
