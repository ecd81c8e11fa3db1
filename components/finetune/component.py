from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def finetune(
    encoded: dsl.Input[dsl.Dataset], base_model: dsl.Input[dsl.Model], settings: str, checkpoint: dsl.Output[dsl.Model]
) -> None:
    """Trains the classifier; the checkpoint holds Keras weights, a Hugging Face checkpoint and the float ONNX."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("finetune"):
        from components.base.settings import FinetuneStep, from_json
        from components.finetune.finetune import finetune

        step = from_json(FinetuneStep, settings)
        finetune(Path(encoded.path), Path(base_model.path), step, Path(checkpoint.path))
