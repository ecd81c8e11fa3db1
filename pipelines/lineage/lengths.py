"""How long the parameters of a run may be together, which travel from process to process."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping

from components.base.errors import TextgateError

# Linux takes no argument above 128 KiB, and on this machine kfp gives a step's inputs as one.
MOST_HERE = 120_000
# Argo gives a template as one variable, bounded alike: that of a run's first driver has all of them, beside 14 KB, and
# before Argo 3.6 twice.
MOST_ON_CLUSTER = 110_000
MOST_OF_OLD = 58_000
FILES, SETTINGS = "lineage_files", "_settings"


def too_long(parameters: Mapping[str, str], on_cluster: bool) -> bool:
    """For some cluster, or for this machine."""
    return _length(parameters, on_cluster) > (MOST_OF_OLD if on_cluster else MOST_HERE)


def check_length(parameters: Mapping[str, str], on_cluster: bool) -> str:
    """What is to be said where they are too long for some clusters, empty where not. Raises TextgateError, with what of
    the settings takes the most, where they are for all, or for this machine."""
    if not too_long(parameters, on_cluster):
        return ""
    length, most = _length(parameters, on_cluster), MOST_ON_CLUSTER if on_cluster else MOST_HERE
    if length <= most:
        return f"the run's parameters take {length:,} bytes: before Argo Workflows 3.6, {MOST_OF_OLD:,} are the most"
    keys, steps = _longest(parameters)
    where, else_ = ("a run on a cluster", ", or run it on this machine") if on_cluster else ("a step", "")
    raise TextgateError(
        f"the settings are too long to travel with the run: they would take {length:,} bytes, and {where} can be given"
        f" {most:,}; shorten {keys}, which takes the most of that (for {', '.join(steps)}){else_}"
    )


def _length(parameters: Mapping[str, str], on_cluster: bool) -> int:
    """On a cluster they are one text of JSON in a template of JSON. Here resolve alone gets FILES, and no section of
    the settings, of which other steps get one at most."""
    if on_cluster:
        text = json.dumps(dict(parameters), ensure_ascii=False)
        return len(json.dumps(text, ensure_ascii=False).encode())
    sections = [len(json.dumps(text)) for name, text in parameters.items() if name.endswith(SETTINGS)]
    others = {name: len(json.dumps(text)) for name, text in parameters.items() if not name.endswith(SETTINGS)}
    return sum(others.values()) + max(max(sections, default=0) - others.get(FILES, 0), 0)


def _longest(parameters: Mapping[str, str]) -> tuple[str, list[str]]:
    """The key that takes the most in the sections of all steps, and those steps."""
    lengths: dict[str, dict[str, int]] = defaultdict(dict)
    for name, text in parameters.items():
        if name.endswith(SETTINGS):
            for key, length in _keys(text):
                lengths[key][name.removesuffix(SETTINGS)] = length
    longest = max(lengths, key=lambda key: sum(lengths[key].values()))
    return longest, list(lengths[longest])


def _keys(section: str) -> Iterator[tuple[str, int]]:
    """Of one section and of those in it, as a.b, with their lengths."""
    for key, value in json.loads(section).items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", len(json.dumps(content))) for inner, content in value.items())
        else:
            yield key, len(json.dumps(value))
