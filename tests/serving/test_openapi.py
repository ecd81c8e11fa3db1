"""The server's own description: valid, of every route, and its examples and schemas hold of what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from starlette.routing import Route

from serving import page
from serving.app import create_app
from serving.models import Slot, load_folder
from serving.openapi import document
from serving.options import Options
from serving.tasks import TASKS
from tests.serving import tiny_tasks

OPTIONS = Options(max_texts=3, max_characters=50, max_body_bytes=2_000)


@pytest.fixture(scope="module")
def slots(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Slot]:
    root = tmp_path_factory.mktemp("bundles")
    tiny.write_bundle(root / "single-label")
    for task in tiny_tasks.LABELS:
        tiny_tasks.write_bundle(root / task, task)
    return {task: Slot(load_folder(root / task, "tiny", "7")) for task in TASKS}


def ask(slot: Slot, questions: Callable[[httpx.AsyncClient], Any]) -> Any:
    app = create_app(slot, OPTIONS)

    async def run() -> Any:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            return await questions(http)

    return asyncio.run(run())


def post(slot: Slot, path: str, **sent: Any) -> httpx.Response:
    return ask(slot, lambda http: http.post(path, **sent))


def validator(found: dict[str, Any], name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **found})


def routes(slot: Slot) -> dict[str, set[str]]:
    listed = [route for route in create_app(slot, OPTIONS).routes if isinstance(route, Route)]
    return {
        route.path: {method.lower() for method in (route.methods or set()) - {"HEAD"}}
        for route in listed
        if route.path not in page.FILES
    }


@pytest.mark.parametrize("task", TASKS)
def test_the_document_is_valid_and_has_every_route(slots: dict[str, Slot], task: str) -> None:
    found = ask(slots[task], lambda http: http.get("/openapi.json")).json()
    assert found == document(slots[task].current, OPTIONS)
    schemathesis.openapi.from_dict(found).validate()
    for schema in found["components"]["schemas"]:
        jsonschema_rs.meta.validate(found["components"]["schemas"][schema])
    described = {path: set(entry) - {"parameters"} for path, entry in found["paths"].items()}
    assert described == routes(slots[task])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("path", "asked", "answered"),
    [
        ("/v2/models/tiny/infer", "Infer", "Inferred"),
        ("/v2/models/tiny/versions/7/infer", "Infer", "Inferred"),
        ("/v1/models/tiny:predict", "Predict", "Predictions"),
    ],
)
def test_examples_work(slots: dict[str, Slot], task: str, path: str, asked: str, answered: str) -> None:
    found = document(slots[task].current, OPTIONS)
    for example in found["components"]["schemas"][asked]["examples"]:
        validator(found, asked).validate(example)
        answer = post(slots[task], path, json=example)
        assert answer.status_code == 200, answer.text
        validator(found, answered).validate(answer.json())


def tensors(*names: str, **changes: Any) -> dict[str, Any]:
    tensor = {"datatype": "BYTES", "shape": [1], "data": ["good"]} | changes
    return {"inputs": [{"name": name, **tensor} for name in names]}


REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("single-label", tensors("text")),
    ("single-label", tensors("text", shape=[3], data=["a", "b", "c"])),
    ("single-label", tensors("text", data=["a" * 50])),
    ("single-label", tensors("text") | {"parameters": {"top_k": 3}, "outputs": None}),
    ("single-label", tensors("text") | {"parameters": None, "outputs": [{"name": "abstain", "parameters": None}]}),
    ("single-label", tensors("text", shape=[4], data=["a", "b", "c", "d"])),
    ("single-label", tensors("text", data=["a" * 51])),
    ("single-label", tensors("text", shape=[0], data=[])),
    ("single-label", tensors("text", data=[None])),
    ("single-label", tensors("text", datatype="FP32")),
    ("single-label", tensors("text_pair")),
    ("single-label", tensors("text", "text")),
    ("single-label", tensors("text") | {"id": 7}),
    ("single-label", tensors("text") | {"parameters": {"top_k": 4}}),
    ("single-label", tensors("text") | {"parameters": {"top_k": 0}}),
    ("single-label", tensors("text") | {"parameters": {"timeout": -1}}),
    ("single-label", tensors("text") | {"parameters": {"binary_data_output": "yes"}}),
    ("single-label", tensors("text") | {"outputs": [{"name": "label", "parameters": {"binary_data": 1}}]}),
    ("single-label", tensors("text") | {"outputs": [{"name": "labels"}]}),
    ("single-label", tensors("text") | {"outputs": {}}),
    ("text-pair", tensors("text_pair", "text")),
    ("text-pair", tensors("text", "text")),
    ("text-pair", tensors("text")),
    ("text-pair", tensors("text", "text_pair") | {"parameters": {"top_k": 2}}),
    ("text-pair", tensors("text", "text_pair") | {"parameters": {"top_k": 3}}),
    ("multi-label", tensors("text") | {"outputs": [{"name": "labels"}]}),
    ("multi-label", tensors("text") | {"parameters": {"top_k": 1}}),
    ("token-tags", tensors("text", data=["Anna, new york!"])),
    ("token-tags", tensors("text") | {"parameters": {"top_k": 1}}),
    ("single-label", {"instances": ["good", {"text": "bad"}], "parameters": {"top_k": 2}}),
    ("single-label", {"instances": [{"text": "bad", "more": "x"}]}),
    ("single-label", {"instances": ["a"] * 4}),
    ("single-label", {"instances": [], "parameters": {}}),
    ("single-label", {"instances": ["a"], "parameters": None}),
    ("text-pair", {"instances": [{"text": "good", "text_pair": "good"}]}),
    ("text-pair", {"instances": ["good"]}),
    ("multi-label", {"instances": ["good bad"]}),
    ("token-tags", {"instances": ["Anna, new york!"]}),
]


@pytest.mark.parametrize(("task", "body"), REQUESTS)
def test_what_the_schemas_allow_is_answered_and_nothing_else(
    slots: dict[str, Slot], task: str, body: dict[str, Any]
) -> None:
    found = document(slots[task].current, OPTIONS)
    older = "instances" in body
    path, asked = ("/v1/models/tiny:predict", "Predict") if older else ("/v2/models/tiny/infer", "Infer")
    answer = post(slots[task], path, json=body)
    assert (answer.status_code == 200) == validator(found, asked).is_valid(body), answer.text
    answered = ("Predictions" if older else "Inferred") if answer.status_code == 200 else "Error"
    validator(found, answered).validate(answer.json())


def test_every_refusal_is_described(slots: dict[str, Slot]) -> None:
    responses = document(slots["single-label"].current, OPTIONS)["paths"]["/v2/models/{name}/infer"]["post"][
        "responses"
    ]
    assert set(responses) == {"200", "400", "404", "405", "408", "413", "415", "429", "503", "504"}


@pytest.mark.parametrize("task", TASKS)
def test_what_a_model_says_of_itself_is_as_described(slots: dict[str, Slot], task: str) -> None:
    found = document(slots[task].current, OPTIONS)
    for path, entry in found["paths"].items():
        if "get" in entry and path != "/metrics":
            asked = path.format(name="tiny", version="7")
            answer = ask(slots[task], lambda http, asked=asked: http.get(asked))
            schema = entry["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            jsonschema_rs.Draft202012Validator({**schema, "components": found["components"]}).validate(answer.json())
