"""Names that only a cluster resolves."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

INNER = (".svc", ".cluster.local", ".internal", ".local")


def of_a_cluster(url: str) -> str:
    """The URL's host, where it is a name that this machine does not resolve and a cluster may; else empty."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if not host or host == "localhost" or not (host.endswith(INNER) or "." not in host) or _is_address(host):
        return ""
    try:
        socket.getaddrinfo(host, None)
    except UnicodeError:
        return ""
    except OSError:
        return host
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
