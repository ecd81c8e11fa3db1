"""What goes wrong on the way to Kubeflow: what it says, whether it may pass, and how long to wait then."""

from __future__ import annotations

import json
import re

import kfp_server_api as api
from urllib3.exceptions import HTTPError, LocationValueError

# An error page that is not UTF-8 breaks the client's own handling of errors.
TROUBLE = (api.ApiException, HTTPError, UnicodeDecodeError)
# What TLS says of a server that speaks plain HTTP.
PLAIN = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
CONFLICT = 409
PASSING = {408, 429, 500, 502, 503, 504}
REDIRECTS = {301, 302, 303, 307, 308}
# Seconds between the tries of a request.
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE_S = 60.0
# From the first try to the last at most, and how much of that is waited without a word.
PATIENCE_S = 300.0
QUIET_S = 5.0


def may_pass(error: Exception) -> bool:
    """Not of a certificate that is not trusted, which is status 0, nor of an address that can be none."""
    return not isinstance(error, LocationValueError) and getattr(error, "status", None) in {None, *PASSING}


def no_tls(said: str) -> str:
    """Why there is no connection over TLS, from what the library said, and what to do."""
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return f"has a certificate that is not trusted ({said}); see cluster.auth.ca_bundle"
    if any(sign in said for sign in PLAIN):
        return (
            f"speaks no TLS there ({said}), so that this is no Kubeflow Pipelines API over https; try --host http://..."
        )
    return f"makes no connection over TLS ({said}); check --host and the proxies on the way"


def reason(error: Exception) -> str:
    """The server's own words in one line, where it has some."""
    if isinstance(error, HTTPError):
        return re.sub(r"^(<[^>]*>|HTTPS?Connection\w*\(.*?\)): ", "", " ".join(str(error).split()))
    if isinstance(error, UnicodeDecodeError):
        return "an error page that is not UTF-8"
    status, line = getattr(error, "status", 0), " ".join(_said(error).split())[:400]
    if status in REDIRECTS:
        line = f"sent on to {(getattr(error, 'headers', None) or {}).get('Location', 'another place').split('?')[0]}"
    return f"HTTP {status}: {line}" if status else line


def _said(error: Exception) -> str:
    try:
        answer = json.loads(getattr(error, "body", None) or "")
        return next(str(answer[key]) for key in ("message", "error_message", "error") if answer.get(key))
    except (ValueError, AttributeError, StopIteration):
        return str(getattr(error, "reason", ""))
