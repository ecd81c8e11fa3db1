from typing import List  # noqa: UP035

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


@dsl.component(**COMPONENT)
def tokenize_shard(
    number: int,
    tables: dsl.Input[dsl.Dataset],
    base_model: dsl.Input[dsl.Model],
    settings: str,
    part: dsl.Output[dsl.Dataset],
) -> None:
    """Encodes one shard of the rows, which merged with the others gives what tokenize does."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("tokenize"):
        from components.base.settings import TokenizeStep, from_json
        from components.tokenize.tokenize import tokenize_shard

        step = from_json(TokenizeStep, settings)
        tokenize_shard(Path(tables.path), Path(base_model.path), step, number, Path(part.path))


@dsl.component(**COMPONENT)
def tokenize_merge(
    parts: dsl.Input[List[dsl.Dataset]],  # noqa: UP006
    settings: str,
    encoded: dsl.Output[dsl.Dataset],
) -> None:
    """Puts the shards' parts together; health figures cover every split."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("tokenize"):
        from components.base.settings import TokenizeStep, from_json
        from components.tokenize.tokenize import merge

        merge([Path(part.path) for part in parts], from_json(TokenizeStep, settings), Path(encoded.path))
