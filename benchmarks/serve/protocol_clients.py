"""KServe's and Triton's own HTTP clients ask a server everything that they can; run by a python of its own.

Arguments: the server's URL, its model and version as JSON {"name", "version"}, and texts with their labels as JSON.
Prints a JSON object: each call, and what is wrong with its answer ("" where nothing is).
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from tritonclient.http import InferenceServerClient, InferRequestedOutput
from tritonclient.http import InferInput as TritonInput
from tritonclient.utils import InferenceServerException

Call = tuple[str, Callable[[], Any], Any]


def kserve_calls(url: str, name: str, texts: list[str], labels: list[str]) -> Iterator[Call]:
    """What is called, the call, and what it must give."""

    def client(protocol: str) -> InferenceRESTClient:
        return InferenceRESTClient(RESTConfig(protocol=protocol))

    def ask(protocol: str, call: str, *arguments: Any) -> Any:
        async def asked() -> Any:
            async with client(protocol) as open_client:
                return await getattr(open_client, call)(url, *arguments)

        return asyncio.run(asked())

    def infer(model: str, binary: bool) -> Any:
        tensor = InferInput("text", [len(texts)], "BYTES")
        tensor.set_data_from_numpy(np.array([text.encode() for text in texts], object), binary_data=binary)
        request = InferRequest(model, [tensor], request_id="from-kserve", parameters={"binary_data_output": binary})
        answer = ask("v2", "infer", request, model)
        found = {output.name: list(output.as_numpy()) for output in answer.outputs}
        return answer.id, answer.model_name, [_text(label) for label in found["label"]]

    for call in ("is_server_live", "is_server_ready"):
        yield f"kserve v2 {call}", lambda call=call: ask("v2", call), True
    yield "kserve v2 is_model_ready", lambda: ask("v2", "is_model_ready", name), True
    yield "kserve v2 is_model_ready, unknown model", lambda: ask("v2", "is_model_ready", f"{name}-x"), False
    expected = "from-kserve", name, labels
    yield "kserve v2 infer", lambda: infer(name, False), expected
    yield "kserve v2 infer, raw tensors", lambda: infer(name, True), expected
    yield "kserve v2 infer, unknown model", lambda: _status(lambda: infer(f"{name}-x", False)), 404
    yield "kserve v1 is_server_live", lambda: ask("v1", "is_server_live"), True
    yield "kserve v1 is_model_ready", lambda: ask("v1", "is_model_ready", name), True
    yield (
        "kserve v1 infer",
        lambda: [one["label"] for one in ask("v1", "infer", {"instances": texts}, name)["predictions"]],
        labels,
    )


def triton_calls(url: str, name: str, version: str, texts: list[str], labels: list[str]) -> Iterator[Call]:
    client = InferenceServerClient(urlsplit(url).netloc)

    def infer(binary: bool, model: str = name, **options: Any) -> Any:
        tensor = TritonInput("text", [len(texts)], "BYTES")
        tensor.set_data_from_numpy(np.array([text.encode() for text in texts], object), binary_data=binary)
        outputs = [InferRequestedOutput("label", binary_data=binary), InferRequestedOutput("probability", binary)]
        answer = client.infer(model, [tensor], outputs=outputs, request_id="from-triton", **options)
        found = [_text(label) for label in answer.as_numpy("label")]
        sound = answer.as_numpy("probability").dtype == np.float32
        return answer.get_response()["id"], answer.get_response()["model_version"], found, bool(sound)

    def described() -> Any:
        metadata = client.get_model_metadata(name)
        return metadata["name"], metadata["versions"], metadata["inputs"][0]["name"]

    yield "triton is_server_live", client.is_server_live, True
    yield "triton is_server_ready", client.is_server_ready, True
    yield "triton is_model_ready", lambda: client.is_model_ready(name), True
    yield "triton is_model_ready, by version", lambda: client.is_model_ready(name, version), True
    yield "triton is_model_ready, unknown model", lambda: client.is_model_ready(f"{name}-x"), False
    yield "triton get_server_metadata", lambda: sorted(client.get_server_metadata()), ["extensions", "name", "version"]
    yield "triton get_model_metadata", described, (name, [version], "text")
    expected = "from-triton", version, labels, True
    yield "triton infer", lambda: infer(False), expected
    yield "triton infer, raw tensors", lambda: infer(True), expected
    yield "triton infer, by version", lambda: infer(True, model_version=version), expected
    yield "triton infer, with a timeout", lambda: infer(True, timeout=5_000_000), expected
    yield "triton infer, compressed answer", lambda: infer(True, response_compression_algorithm="gzip"), expected
    yield "triton infer, unknown model", lambda: _status(lambda: infer(True, model=f"{name}-x")), 404
    yield "triton async_infer", lambda: _awaited(client, name, texts), labels


def _awaited(client: InferenceServerClient, name: str, texts: list[str]) -> list[str]:
    tensor = TritonInput("text", [len(texts)], "BYTES")
    tensor.set_data_from_numpy(np.array([text.encode() for text in texts], object))
    return [_text(label) for label in client.async_infer(name, [tensor]).get_result().as_numpy("label")]


def _text(label: Any) -> str:
    return label.decode() if isinstance(label, bytes) else str(label)


def _status(call: Callable[[], Any]) -> int:
    """That a call is refused with."""
    try:
        call()
    except httpx.HTTPStatusError as error:
        return error.response.status_code
    except InferenceServerException as error:
        return int(error.status() or 0)
    return 200


def main() -> None:
    url, model, examples = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    texts, labels = list(examples), list(examples.values())
    said = {}
    calls = [
        *kserve_calls(url, model["name"], texts, labels),
        *triton_calls(url, model["name"], model["version"], texts, labels),
    ]
    for what, call, expected in calls:
        try:
            found = call()
        except Exception as error:
            said[what] = f"{type(error).__name__}: {error}"
            continue
        said[what] = "" if found == expected else f"gave {found}, not {expected}"
    print(json.dumps(said))


main()
