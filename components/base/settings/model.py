"""Which network is trained."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.base.settings.section import Positive, Section

Architecture = Literal["encoder", "text-cnn", "bilstm", "linear"]


class ModelSettings(Section):
    """`architecture`: `encoder` is the base model; the others take nothing of it but its tokenizer, and begin without
    pretraining: `text-cnn` and `bilstm` have word vectors of `embedding` numbers and `units` filters of each width, or
    cells of each direction; `linear` is a TF-IDF model, which every other is compared with besides.

    `pooling`: an encoder's texts are scored by their `first` token, or by the `mean` of all. `head`: `auto` begins with
    the base model's own scores of labels of the same names, where it has any; `fresh` does not; `probe` begins with a
    logistic regression on what the encoder gives before it is trained. `lora_rank` above 0 trains low-rank additions
    to the encoder's attention in place of its weights, which they are added to at the end.
    """

    architecture: Architecture = "encoder"
    pooling: Literal["first", "mean"] = "first"
    head: Literal["auto", "fresh", "probe"] = "auto"
    lora_rank: Annotated[int, Field(ge=0)] = 0
    embedding: Positive = 128
    units: Positive = 128

    @model_validator(mode="after")
    def belong_to_an_encoder(self) -> Self:
        if self.architecture != "encoder":
            defaults = {"pooling": "first", "head": "auto", "lora_rank": 0}
            if wrong := [key for key, value in defaults.items() if getattr(self, key) != value]:
                raise ValueError(f"{', '.join(wrong)} is for the architecture encoder, not for {self.architecture}")
        return self
