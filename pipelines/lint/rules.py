"""Every rule that a compiled pipeline is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipelines.lint import conditions, containers, documents, references, secrets
from pipelines.lint.compiled import Compiled


@dataclass(frozen=True)
class Rule:
    """`find` gives a line for each fault; `local` where runs of this machine are held against it too."""

    name: str
    find: Callable[[Compiled], Iterator[str]]
    local: bool = True


RULES = (
    Rule("each component is there", references.components_are_there),
    Rule("each executor is there", references.executors_are_there),
    Rule("each producer is there", references.producers_are_there),
    Rule("nothing is installed at run time", containers.installs_nothing),
    Rule("each executor has an image", containers.has_an_image),
    Rule("each image is pinned by digest", containers.image_is_pinned, local=False),
    Rule("a GPU step has accelerator and memory limit", containers.gpu_is_whole),
    Rule("a condition on a named output has its else", conditions.named_outputs_have_an_else),
    Rule("no value looks like a secret", secrets.no_secret_like_value),
    Rule("each entry of the platform is of an executor", documents.platform_matches),
    Rule("the file is within the cluster's limits", documents.size_is_within_limits),
    Rule("objects belong together", documents.objects_belong_together),
)


def find_faults(compiled: Compiled, local: bool = False) -> Iterator[str]:
    """A line for each fault; `local` for a pipeline that only this machine runs."""
    for rule in RULES:
        if rule.local or not local:
            yield from rule.find(compiled)
