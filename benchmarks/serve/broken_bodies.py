"""Bodies of requests, to a server of one label for each text, that are not as they should be; drawn by a Random."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from random import Random
from typing import Any, Literal, NamedTuple

Outcome = Literal["refused", "answered", "either"]


class Body(NamedTuple):
    content: bytes
    expected: Outcome
    older: bool = False
    headers: str = ""


WRONG: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 1.0, 1.5, 1e308, 10**18, 10**30, "", "x", "BYTES", "FP32", "text", "\0"),
    *([], [[]], [None], [1], [1, 1], ["good", 7], [[["good"]]], {}, {"a": None}, {"name": "text"}, "é" * 1000),
)
NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000, "1" + "0" * 400, "0x10", "01", "1.", "+1")
NOT_UTF8 = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80", b"\xfe\xff")
TENSOR = '{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}]}'


def infer(*texts: Any, **more: Any) -> dict[str, Any]:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return {"inputs": [tensor], **more}


def whole(random: Random) -> dict[str, Any]:
    """A request that is answered."""
    texts = [random.choice(("good", "bad so", "so", "", "ünheard 🙂")) for _ in range(random.randint(1, 4))]
    if random.random() < 0.3:
        return {"instances": [*texts, {"text": "good"}], "parameters": {"top_k": random.randint(1, 3)}}
    chosen = random.sample(["label", "probability", "abstain", "probabilities"], random.randint(1, 4))
    outputs = [{"name": name, "parameters": {"binary_data": False}} for name in chosen]
    return infer(*texts, id="a", parameters={"top_k": 2, "timeout": 10_000_000}, outputs=outputs)


def changed(random: Random, allowed: Callable[[dict[str, Any]], bool]) -> Body:
    """With another value, type or null in one place, or without it; refused unless `allowed` says that it may be."""
    while _hurried(body := _changed(random)):
        pass
    return Body(json.dumps(body).encode(), "either" if allowed(body) else "refused", "instances" in body)


def _hurried(body: dict[str, Any]) -> bool:
    """Whether it is too late for an answer before it is read, which is no fault of the server."""
    parameters = body.get("parameters")
    timeout = parameters.get("timeout") if isinstance(parameters, dict) else None
    return isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout < 1_000_000


def _changed(random: Random) -> dict[str, Any]:
    body = whole(random)
    at: Any = body
    while True:
        key = random.choice(list(at)) if isinstance(at, dict) else random.randrange(len(at))
        if not isinstance(at[key], dict | list) or not at[key] or random.random() < 0.25:
            break
        at = at[key]
    if random.random() < 0.15:
        del at[key]
    else:
        at[key] = random.choice(WRONG)
    return body


def nested(random: Random) -> Body:
    """Up to 100,000 levels deep, closed or not, in any place that is read."""
    levels = random.choice((10, 200, 300, 900, 1100, 10_000, 100_000))
    opened, closed = random.choice((("[", "]"), ('{"a":', "}")))
    deep = opened * levels + "1" + closed * random.choice((levels, levels - 1, 0))
    wrong = [deep, *(f'{TENSOR[:-1]}, "{place}": {deep}}}' for place in ("id", "inputs", "outputs"))]
    wrong.append(f'{TENSOR[:-1]}, "parameters": {{"top_k": {deep}}}}}')
    wrong += [TENSOR.replace("[1]", deep), TENSOR.replace('"good"', deep), TENSOR.replace('"text"', deep)]
    older = random.random() < 0.3
    text = random.choice([f'{{"instances": [{deep}]}}', f'{{"instances": {deep}}}'] if older else wrong)
    return Body(text.encode(), "refused", older)


def numbers(random: Random) -> Body:
    """NaN, infinities, and numbers that no machine has."""
    number = random.choice(NUMBERS)
    places = (
        TENSOR.replace("[1]", f"[{number}]"),
        TENSOR.replace('"good"', number),
        f'{TENSOR[:-1]}, "id": {number}}}',
        f'{TENSOR[:-1]}, "parameters": {{"top_k": {number}}}}}',
        f'{TENSOR[:-1]}, "parameters": {{"timeout": {number}}}}}',
    )
    return Body(random.choice(places).encode(), "refused")


def beyond_limits(random: Random) -> Body:
    """Too many texts, too long a text, too large a body."""
    kind = random.randrange(4)
    if kind == 0:
        return Body(json.dumps(infer(*["good"] * random.randint(257, 5_000))).encode(), "refused")
    if kind == 1:
        return Body(json.dumps({"instances": ["good"] * random.randint(257, 5_000)}).encode(), "refused", older=True)
    if kind == 2:
        return Body(json.dumps(infer("a" * random.randint(20_001, 200_000))).encode(), "refused")
    return Body(b" " * ((4 << 20) + random.randint(1, 1 << 20)), "refused")


def not_utf8(random: Random) -> Body:
    """Bytes that are none, halves of characters, other encodings."""
    good = json.dumps(infer("good", id="abc")).encode()
    place = good.index(random.choice((b"good", b"abc", b"BYTES", b"inputs"))) + 1
    odd = [good[:place] + random.choice(NOT_UTF8) + good[place:], random.randbytes(random.randint(1, 300)) + b"\xff"]
    odd += [good.decode().encode(name) for name in ("utf-16", "utf-32", "utf-16-be")] + [b"\xef\xbb\xbf\xff" + good]
    return Body(random.choice(odd), "refused")


def surrogates(random: Random) -> Body:
    """Halves of characters, as JSON escapes them."""
    half = random.choice(("\\ud800", "\\udfff", "\\udc00\\ud800", "good \\ud83d"))
    places = (TENSOR.replace("good", half), f'{TENSOR[:-1]}, "id": "{half}"}}', TENSOR.replace("BYTES", half))
    return Body(random.choice(places).encode(), "refused")


def twice(random: Random) -> Body:
    """A key that stands twice: which one counts is not said, but one of them does."""
    key, value = random.choice(
        (("inputs", "7"), ("id", '"b", "id": "c"'), ("inputs", '[], "inputs": null'), ("x", "1"))
    )
    return Body(f'{{"{key}": {value}, {TENSOR[1:-1]}, "{key}": {value}}}'.encode(), "either")


def not_json(random: Random) -> Body:
    """Cut off, something else, or with something behind it."""
    good = json.dumps(whole(random)).encode()
    other = (b"", b" ", b"null", b"7", b'"good"', b"[]", b"<xml/>", b"text=good", b"{'inputs': []}", b"\0" * 10)
    cut = good[: random.randrange(len(good))]
    return Body(random.choice((cut, cut, good + b"}", good + good, random.choice(other))), "refused")


def packed(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def raw(random: Random) -> Body:
    """Raw tensors whose sizes, lengths or bytes do not fit."""
    tensors = packed(b"good", b"bad")
    size: Any = len(tensors)
    change = random.randrange(7)
    if change == 0:
        size = random.choice((-1, 0, 1, size - 1, size + 1, 1 << 40, 1.5, "16", True, [], {}))
    elif change == 1:
        tensors = tensors[: random.randrange(len(tensors))]
        size = random.choice((size, len(tensors)))
    elif change == 2:
        tensors = random.choice((packed(b"good", b"\xff"), packed(b"good"), packed(b"a", b"b", b"c")))
        size = len(tensors)
    elif change == 3:
        tensors = struct.pack("<I", random.choice(((1 << 32) - 1, 1 << 31, 20))) + tensors[4:]
    elif change == 4:
        tensors += random.randbytes(random.randint(1, 20))
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    length = str(len(head))
    if change >= 5:
        odd = ("", "-1", "+5", "1e3", "0x10", "٣", "9" * 30, "0", str(len(head) - 1), str(len(head) + 1), str(1 << 40))
        length = random.choice(odd)
    return Body(head + tensors, "refused", headers=f"Inference-Header-Content-Length: {length}\r\n")
