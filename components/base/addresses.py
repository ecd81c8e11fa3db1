"""Addresses of servers, as messages show them, and whose they are."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit


def without_credentials(text: str) -> str:
    """The text, with no name and no password in its addresses."""
    return re.sub(r"://[^/\s]*@", "://", text)


def without_query(address: str) -> str:
    """The address up to what a browser shows from ? or # on."""
    return urlsplit(address)._replace(query="", fragment="").geturl()


def web_fault(address: str, credentials: str) -> str:
    """Why this is no address of a server for HTTP, without what a user or a query hold; empty where it is one.

    `credentials` is why it must hold none, or where they belong.
    """
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        if "@" in (parts.netloc if is_web else address):
            return f"must hold no credentials; {credentials}"
        if parts.port == 0:
            raise ValueError("Port out of range 1-65535")
    except ValueError as error:
        return f"takes a URL with a port of 1 to 65535, if any: {error}"
    return "" if is_web else f"must begin with http:// or https://, got {without_query(address)}"


def is_loopback(url: str) -> bool:
    """Whether it leads each machine, and each pod, to itself."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("localhost", "localhost.localdomain") or host.endswith(".localhost")
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
