"""The server's own description, OpenAPI 3.1: each route, what the model that is served reads and answers, the limits.

https://spec.openapis.org/oas/v3.1.1
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from serving.models import ServedModel
from serving.openapi_schemas import Schema, schemas
from serving.options import Options

JSON, RAW, TEXT = "application/json", "application/octet-stream", "text/plain"
REFUSALS = {
    400: "The request is not what the schema says, or not HTTP.",
    404: "The server serves another model, or another version of it.",
    405: "The path has no such method; the header Allow has those that it has.",
    408: "The body did not come in time.",
    413: "Too many texts, too many characters, or too long a body.",
    415: "The body has a content-encoding.",
    429: "Too many texts wait; ask again after Retry-After.",
    503: "The server is stopping; ask another one, or again after Retry-After.",
    504: "Not answered within the request's timeout, or the server's.",
}
RETRY = {"retry-after": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
ASKING: Schema = {
    "x-request-id": {
        "description": "The body's id, else the header of the request, else one that was made.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
    },
    "x-model-version": {
        "description": "Of the model that answered.",
        "required": True,
        "schema": {"type": "string"},
    },
}
RAW_ASKED = (
    "The JSON of a request, as many bytes as the header Inference-Header-Content-Length says, and behind it the data of"
    " the inputs whose `parameters` have a `binary_data_size`: each text is its length (four bytes, the least first)"
    " and its UTF-8."
)
RAW_ANSWERED = "Where raw outputs were asked for: the JSON, and behind it the data of those with a `binary_data_size`."


def document(model: ServedModel, options: Options) -> Schema:
    """Of the model that is served now, with this version as an example and as what a path may name."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"textgate: {model.name}",
            "summary": "The Open Inference Protocol v2, and the older v1",
            "version": own_version(),
        },
        "paths": _health_paths() | _model_paths() | _other_paths(),
        "components": {
            "parameters": {
                "name": _path_parameter("name", model.name, "The model's name."),
                "version": _path_parameter("version", model.version, "The version that is served."),
                "request_id": {
                    "name": "X-Request-ID",
                    "in": "header",
                    "description": "Comes back where the body has no id, if it has 1 to 128 visible ASCII characters.",
                    "schema": {"type": "string"},
                },
            },
            "schemas": schemas(model, options),
            "responses": {str(status): _refusal(status, what) for status, what in REFUSALS.items()},
        },
    }


def own_version() -> str:
    try:
        return version("textgate")
    except PackageNotFoundError:
        return "unknown"


def _health_paths() -> dict[str, Schema]:
    return {
        "/v2": _read("server", "What the server is", _ref("Server")),
        "/v2/health/live": _read("live", "Whether the process answers", _ref("Live")),
        "/v2/health/ready": _read("ready", "Whether it takes requests", _ref("Ready"), _unready("Ready")),
    }


def _model_paths() -> dict[str, Schema]:
    paths = {
        "/v2/models": _read("models", "The model that is served", _ref("Models")),
        "/v1/models": _read("models_v1", "The model that is served", _ref("Models")),
        "/v1/models/{name}": _of_model(
            _read("model_ready_v1", "Whether the model answers", _ref("ModelReady"), _unready("ModelReady"))
        ),
        "/v1/models/{name}:predict": _of_model(_ask("predict", "Predict", {JSON: _media("Predictions")})),
    }
    for suffix, versioned in (("", False), ("_of_version", True)):
        path = "/v2/models/{name}" + "/versions/{version}" * versioned
        answered = {JSON: _media("Inferred"), RAW: {"schema": {"description": RAW_ANSWERED}}}
        paths |= {
            path: _of_model(_read(f"model{suffix}", "What the model reads and answers", _ref("Model")), versioned),
            f"{path}/ready": _of_model(
                _read(f"model_ready{suffix}", "Whether it answers", _ref("ModelReady"), _unready("ModelReady")),
                versioned,
            ),
            f"{path}/infer": _of_model(_ask(f"infer{suffix}", "Infer", answered, raw=True), versioned),
        }
    return paths


def _other_paths() -> dict[str, Schema]:
    return {
        "/metrics": _read("metrics", "For Prometheus", {"type": "string"}, media=TEXT),
        "/openapi.json": _read("openapi", "This document", {"type": "object"}),
    }


def _read(name: str, summary: str, schema: Schema, more: Schema | None = None, media: str = JSON) -> Schema:
    answered = {"description": summary, "content": {media: {"schema": schema}}}
    responses = {"200": answered, "405": _ref("405", "responses"), **(more or {})}
    return {"get": {"operationId": name, "summary": summary, "responses": responses}}


def _unready(schema: str) -> Schema:
    return {"503": {"description": "The server is stopping.", "content": {JSON: {"schema": _ref(schema)}}}}


def _ask(name: str, asked: str, answered: Schema, raw: bool = False) -> Schema:
    """`asked` is the schema of what is sent; `raw` says that raw data may come behind it, and in the answer."""
    content: Schema = {JSON: _media(asked)}
    if raw:
        content[RAW] = {"schema": {"description": RAW_ASKED}}
    headers = ASKING
    if raw:
        length = {"description": "Bytes of the JSON, where raw data follow.", "schema": {"type": "integer"}}
        headers = ASKING | {"inference-header-content-length": length}
    return {
        "post": {
            "operationId": name,
            "summary": "The model's answers to texts",
            "parameters": [_ref("request_id", "parameters")],
            "requestBody": {"required": True, "content": content},
            "responses": {
                "200": {"description": "An answer for each text, in order", "headers": headers, "content": answered},
                **{str(status): _ref(str(status), "responses") for status in REFUSALS},
            },
        }
    }


def _of_model(path: Schema, versioned: bool = False) -> Schema:
    for operation in path.values():
        operation["responses"]["404"] = _ref("404", "responses")
    names = ("name", "version") if versioned else ("name",)
    return {"parameters": [_ref(name, "parameters") for name in names], **path}


def _path_parameter(name: str, value: str, what: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": what,
        "schema": {"type": "string", "const": value},
        "example": value,
    }


def _refusal(status: int, what: str) -> Schema:
    headers = {"headers": RETRY} if status in (429, 503) else {}
    return {"description": what, **headers, "content": {JSON: {"schema": _ref("Error")}}}


def _media(schema: str) -> Schema:
    return {"schema": _ref(schema)}


def _ref(name: str, kind: str = "schemas") -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}
