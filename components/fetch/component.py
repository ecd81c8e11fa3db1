from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def fetch(
    data_md5: str,
    reference: str,
    base_model_digest: str,
    settings: str,
    tables: dsl.Output[dsl.Dataset],
    base_model: dsl.Output[dsl.Model],
) -> None:
    """Fetches the data named by its DVC hash and the base model that `reference` leads to, and verifies both."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("fetch"):
        from components.base.settings import FetchStep, from_json
        from components.fetch.fetch import fetch

        model = reference, base_model_digest
        fetch(data_md5, *model, from_json(FetchStep, settings), Path(tables.path), Path(base_model.path))
