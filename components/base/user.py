"""Who acts, for what has to name a person."""

from __future__ import annotations

import getpass
import os
import socket


def current_user() -> str:
    """user@host of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
