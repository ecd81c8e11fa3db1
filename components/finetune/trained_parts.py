"""Which of an encoder's weights are trained: all, all but the lower ones, or low-rank additions to some."""

from __future__ import annotations

from typing import Any

import keras

from components.base.errors import TextgateError
from components.base.settings import ModelSettings, TrainingSettings


def choose_trained(model: keras.Model, chosen: ModelSettings, settings: TrainingSettings) -> None:
    """Frozen layers do not drop anything either: what they give is the same each time.

    Raises TextgateError where there are fewer layers than are to be frozen.
    """
    backbone, layers = model.backbone, flat_layers(model.backbone)
    if settings.frozen_layers > len(layers):
        raise TextgateError(
            f"training.frozen_layers is {settings.frozen_layers}, and the base model has {len(layers)} layers"
        )
    pooler: Any = getattr(backbone, "pooled_dense", None)
    if chosen.lora_rank:
        scores = pooler.trainable if pooler else False
        backbone.enable_lora(chosen.lora_rank)
        if pooler:
            pooler.trainable = scores
        return
    frozen = layers[: settings.frozen_layers]
    if settings.embeddings == "frozen":
        inner = {id(layer) for layer in layers}
        frozen += [layer for layer in backbone.layers if id(layer) not in inner and layer is not pooler]
    for layer in frozen:
        layer.trainable = False
        for part in layer._flatten_layers():
            if isinstance(part, keras.layers.Dropout):
                part.rate = 0.0


def flat_layers(backbone: keras.Model) -> list[Any]:
    """The transformer layers, each once, from the input up."""
    return [layer for group in backbone.transformer_layers for layer in (group if isinstance(group, list) else [group])]
