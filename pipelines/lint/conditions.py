"""Branches that kfp's local runner passes over in silence: it ends SUCCESS with neither side run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.lint.compiled import Compiled

READ = re.compile(r"parameter_values\['([^']+)'\]")


def named_outputs_have_an_else(compiled: Compiled) -> Iterator[str]:
    """A condition on a named output stands beside its negation; one on the only, unnamed, output may stand alone."""
    named = {
        f"pipelinechannel--{given.task_output_parameter.producer_task}-{given.task_output_parameter.output_parameter_key}"
        for _, task, _ in compiled.tasks()
        for given in task.inputs.parameters.values()
        if given.task_output_parameter.output_parameter_key not in ("", "Output")
    }
    for where, task, graph in compiled.tasks():
        condition = task.trigger_policy.condition.rpartition(" && ")[2]
        beside = [one.trigger_policy.condition for one in graph.dag.tasks.values()]
        if condition.startswith("!(") or not named & set(READ.findall(condition)):
            continue
        if not any(f"!({condition})" in other for other in beside):
            yield f"{where}: is a condition on a named output, without its else"
