"""The certificates to trust that a setting names: what libraries say of a file that holds none is no help."""

from __future__ import annotations

import ssl

from components.base.errors import TextgateError


def check_ca_bundle(path: str, key: str) -> None:
    """`key` is the setting's. Raises TextgateError where the file cannot be read or holds no certificate; an empty path
    names none."""
    if not path:
        return
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise TextgateError(f"{key} {path} holds no certificate in PEM form") from None
    except OSError as error:
        raise TextgateError(f"{key} {path} cannot be read: {error.strerror}") from None
