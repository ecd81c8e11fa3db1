"""The pipeline, as drawn in the design: data version in, deployed champion out, a record at every way out."""

from collections.abc import Callable, Mapping
from typing import Any

from kfp import dsl

from components.canary.component import canary
from components.close.component import close
from components.deploy.component import deploy
from components.evaluate.component import evaluate
from components.fetch.component import fetch
from components.finetune.component import finetune
from components.gate.component import gate
from components.promote.component import promote
from components.quantize.component import quantize
from components.record.component import record
from components.register.component import register
from components.resolve.component import resolve
from components.tokenize.component import tokenize, tokenize_merge, tokenize_shard
from components.validate.component import validate

NAME = "textgate-finetune"


def build(
    auto_promote: bool,
    auto_deploy: bool,
    shards: int,
    to: str,
    pods: Callable[[], None],
    limits: Mapping[str, Any],
) -> Any:
    """The kfp pipeline; without `auto_promote` it ends at the challenger, without `auto_deploy` at the champion.

    `shards` above 1 spread tokenization over as many tasks, and one that puts their parts together. With `to`, a
    reproduction ends after that step. `pods` gives the tasks that are there what a cluster needs, `limits` the run.
    """

    @dsl.pipeline(name="steps")
    def steps(
        run: str,
        job_id: str,
        data_md5: str,
        base_model: str,
        lineage: str,
        lineage_files: str,
        fetch_settings: str,
        validate_settings: str,
        tokenize_settings: str,
        finetune_settings: str,
        quantize_settings: str,
        evaluate_settings: str,
        gate_settings: str,
        override: str,
        canary_settings: str,
        deploy_settings: str,
    ):
        pins = acting(
            resolve(
                run=run,
                job_id=job_id,
                data_md5=data_md5,
                base_model=base_model,
                lineage=lineage,
                lineage_files=lineage_files,
            )
        )
        fetched = fetch(
            data_md5=pins.outputs["data_md5"],
            reference=pins.outputs["base_model"],
            base_model_digest=pins.outputs["base_model_digest"],
            settings=fetch_settings,
        )
        tables, encoder = fetched.outputs["tables"], fetched.outputs["base_model"]
        checked = validate(
            tables=tables,
            base_model=encoder,
            champion_version=pins.outputs["champion_version"],
            champion_digest=pins.outputs["champion_digest"],
            settings=validate_settings,
        )
        validation = checked.outputs["report"]

        def go_on() -> None:
            encoded = encode(tables, encoder, tokenize_settings, shards)
            reports = {"run": run, "job_id": job_id, "validation": validation, "encoded": encoded}
            if to == "tokenize":
                return end(reports)
            trained = finetune(encoded=encoded, base_model=encoder, settings=finetune_settings)
            checkpoint = reports["checkpoint"] = trained.outputs["checkpoint"]
            if to == "finetune":
                return end(reports)
            quantized = quantize(
                checkpoint=checkpoint, tables=tables, validation=validation, settings=quantize_settings
            )
            bundle, reports["quantization"] = quantized.outputs["bundle"], quantized.outputs["report"]
            if to == "quantize":
                return end(reports)
            evaluated = evaluate(
                bundle=bundle,
                checkpoint=checkpoint,
                tables=tables,
                champion_version=pins.outputs["champion_version"],
                champion_digest=pins.outputs["champion_digest"],
                champion_data=pins.outputs["champion_data"],
                data_md5=pins.outputs["data_md5"],
                settings=evaluate_settings,
            )
            evaluation, timing = evaluated.outputs["evaluation"], evaluated.outputs["timing"]
            reports |= {"evaluation": evaluation, "timing": timing}
            if to == "evaluate":
                return end(reports)
            judged = acting(
                gate(
                    evaluation=evaluation,
                    timing=timing,
                    validation=validation,
                    settings=gate_settings,
                    override=override,
                )
            )
            reports["verdict"] = judged.outputs["verdict"]
            with dsl.If(judged.outputs["Output"] == True, "passed"):  # noqa: E712
                registered = acting(
                    register(
                        run=run,
                        job_id=job_id,
                        bundle=bundle,
                        checkpoint=checkpoint,
                        evaluation=evaluation,
                        verdict=judged.outputs["verdict"],
                        lineage=lineage,
                    )
                )
                version = registered.outputs["version"]
                if not auto_promote:
                    acting(record(outcome="registered", **reports)).after(registered)
                else:
                    tried = acting(canary(version=version, run=run, settings=canary_settings))
                    asked = {**reports, "canary": tried.outputs["report"]}
                    with dsl.If(tried.outputs["Output"] == True, "answers"):  # noqa: E712
                        recorded = acting(record(outcome="registered", **asked))
                        promoted = acting(
                            promote(
                                version=version,
                                run=run,
                                expected_champion=pins.outputs["champion_version"],
                                job_id=job_id,
                            )
                        ).after(recorded)
                        if auto_deploy:
                            acting(
                                deploy(
                                    version=version,
                                    digest=registered.outputs["digest"],
                                    run=run,
                                    settings=deploy_settings,
                                )
                            ).after(promoted)
                    with dsl.Else("does not answer"):
                        acting(record(outcome="refused-by-canary", **asked))
            with dsl.Else("refused"):
                acting(record(outcome="refused-by-gate", **reports))

        with dsl.If(checked.outputs["Output"] == True, "valid"):  # noqa: E712
            go_on()
        with dsl.Else("invalid"):
            acting(record(run=run, job_id=job_id, outcome="refused-by-validation", validation=validation))
        pods()

    @dsl.pipeline(name=NAME, description="Labelled text in; a gated, quantized, served classifier out", **limits)
    def finetune_pipeline(
        run: str,
        data_md5: str,
        base_model: str,
        lineage: str,
        lineage_files: str,
        fetch_settings: str,
        validate_settings: str,
        tokenize_settings: str,
        finetune_settings: str,
        quantize_settings: str,
        evaluate_settings: str,
        gate_settings: str,
        override: str,
        canary_settings: str,
        deploy_settings: str,
        close_settings: str,
    ):
        job_id = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        with dsl.ExitHandler(acting(close(run=run, job_id=job_id, settings=close_settings)), name="closed"):
            steps(
                run=run,
                job_id=job_id,
                data_md5=data_md5,
                base_model=base_model,
                lineage=lineage,
                lineage_files=lineage_files,
                fetch_settings=fetch_settings,
                validate_settings=validate_settings,
                tokenize_settings=tokenize_settings,
                finetune_settings=finetune_settings,
                quantize_settings=quantize_settings,
                evaluate_settings=evaluate_settings,
                gate_settings=gate_settings,
                override=override,
                canary_settings=canary_settings,
                deploy_settings=deploy_settings,
            )
        pods()

    return finetune_pipeline


def encode(tables: Any, base_model: Any, settings: Any, shards: int) -> Any:
    """The encoded dataset, the same for any number of shards."""
    if shards == 1:
        return tokenize(tables=tables, base_model=base_model, settings=settings).outputs["encoded"]
    with dsl.ParallelFor(list(range(shards)), name="shards") as number:
        shard = tokenize_shard(number=number, tables=tables, base_model=base_model, settings=settings)
    return tokenize_merge(parts=dsl.Collected(shard.outputs["part"]), settings=settings).outputs["encoded"]


def end(reports: dict[str, Any]) -> None:
    """Of a reproduction that goes no further."""
    acting(record(outcome="reproduced", **reports))


def acting(task: Any) -> Any:
    """A step that acts, or asks the world how it is, runs each time."""
    return task.set_caching_options(False)
