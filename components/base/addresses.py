"""Addresses of servers, as messages show them, and whose they are."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit


def without_credentials(text: str) -> str:
    """The text, with no name and no password in its addresses."""
    return re.sub(r"://[^/\s]*@", "://", text)


def is_loopback(url: str) -> bool:
    """Whether it leads each machine, and each pod, to itself."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("localhost", "localhost.localdomain") or host.endswith(".localhost")
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
