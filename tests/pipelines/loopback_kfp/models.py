"""To and from JSON through the models of the published API."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import kfp_server_api as api

from tests.pipelines.loopback_kfp.state import Refused

_client = api.ApiClient()


def to_json(model: Any) -> bytes:
    """What is empty is left out, as protobuf's JSON does."""
    values = _client.sanitize_for_serialization(model)
    return json.dumps({key: value for key, value in values.items() if value not in (None, [], "", 0, False)}).encode()


def from_json(body: bytes, kind: str) -> Any:
    """Refuses fields that the model does not have."""
    known = getattr(api, kind).attribute_map.values()
    if unknown := sorted(set(json.loads(body)) - set(known)):
        raise Refused(400, f"{kind} has no field {unknown}")
    return _client.deserialize(SimpleNamespace(data=body.decode()), kind)
