from typing import NamedTuple

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def resolve(run: str, job_id: str, data_md5: str, base_model: str, lineage: str, lineage_files: str) -> NamedTuple(
    "Outputs",
    [
        ("data_md5", str),
        ("base_model", str),
        ("base_model_digest", str),
        ("champion_version", str),
        ("champion_digest", str),
        ("champion_data", str),
    ],
):
    """Opens the MLflow run and pins data, base model and champion; without a champion its strings are empty."""
    import json

    from components.base.failures import reported

    with reported("resolve"):
        from components.base.lineage_files import unpack
        from components.base.settings import BaseModelSettings, RunStep, from_json
        from components.resolve.resolve import resolve

        wanted, files = from_json(BaseModelSettings, base_model), unpack(lineage_files)
        return resolve(from_json(RunStep, run), job_id, data_md5, wanted, json.loads(lineage), files)
