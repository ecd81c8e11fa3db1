from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def tokenize(
    tables: dsl.Input[dsl.Dataset], base_model: dsl.Input[dsl.Model], settings: str, encoded: dsl.Output[dsl.Dataset]
) -> None:
    """Encodes training and validation texts with the base model's tokenizer; health figures cover every split."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("tokenize"):
        from components.base.settings import TokenizeStep, from_json
        from components.tokenize.tokenize import tokenize

        tokenize(Path(tables.path), Path(base_model.path), from_json(TokenizeStep, settings), Path(encoded.path))
