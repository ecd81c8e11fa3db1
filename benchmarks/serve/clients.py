"""KServe's and Triton's own clients against our server: see protocol_clients.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.harness import Figure
from benchmarks.peer_environment import KSERVE, NoPeer
from benchmarks.public_data import Absent
from benchmarks.serve.prepared import Prepared, prepare
from benchmarks.serve.servers import NAME, ours
from serving.predictor import Predictor

ROWS, VERSION = 8, "3"
SCRIPT = Path(__file__).with_name("protocol_clients.py")


def figures(data: Path | None) -> list[Figure]:
    what = "calls of KServe's and Triton's clients"
    try:
        prepared = prepare()
        with ours("--bundle", str(prepared.bundle), "--name", NAME, "--version", VERSION) as server:
            said = ask(server.url, NAME, VERSION, _examples(prepared))
    except (Absent, NoPeer) as reason:
        return [Figure(what, f"skipped: {reason}", "")]
    wrong = {call: why for call, why in said.items() if why}
    for call, why in wrong.items():
        print(f"{call}: {why}", file=sys.stderr)
    right = len(said) - len(wrong)
    return [Figure(f"{what}, answered right", right, "calls", f"all {len(said)}", not wrong)]


def ask(url: str, name: str, version: str, examples: dict[str, str]) -> dict[str, str]:
    """What is wrong with each call's answer, "" for nothing; `examples` are texts with the labels that the server must
    give. Raises NoPeer."""
    model = json.dumps({"name": name, "version": version})
    found: dict[str, str] = json.loads(KSERVE.run(SCRIPT, url, model, json.dumps(examples)).splitlines()[-1])
    return found


def _examples(prepared: Prepared) -> dict[str, str]:
    predictor, texts = Predictor(prepared.bundle), [row[0] for row in prepared.rows[:ROWS]]
    places = predictor.decide(predictor.logits(texts))
    return {text: predictor.labels[place] for text, place in zip(texts, places.tolist(), strict=True)}
