"""Base model, tokenization and training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.base.settings.section import Fraction, Positive, Section


class BaseModelSettings(Section):
    """One reference: a folder (relative to the config file), s3://bucket/prefix, or package://module/path."""

    reference: str


Truncation = Literal["head", "tail", "head_tail", "chunk"]


class TokenizationSettings(Section):
    """What a text longer than `max_length` tokens (special ones included) keeps.

    `head`: its start; `tail`: its end; `head_tail`: `head_share` of the tokens from its start and the rest from its
    end; `chunk`: everything, in windows of `max_length` tokens that overlap by `overlap`, whose logits are averaged.
    Of a pair the longer text is cut first, and `head_tail` and `chunk` are not for pairs or tags. `shards` spreads the
    work over so many tasks of a cluster; the result is the same for any number.
    """

    max_length: Annotated[int, Field(ge=8, le=512)] = 64
    truncation: Truncation = "head"
    head_share: Fraction = 0.25
    overlap: Annotated[int, Field(ge=0)] = 0
    max_unknown_share: Fraction = 0.1
    shards: Annotated[int, Field(ge=1, le=256)] = 1

    @model_validator(mode="after")
    def windows_advance(self) -> Self:
        if self.overlap * 2 > self.max_length:
            raise ValueError(f"overlap {self.overlap} is more than half of max_length {self.max_length}")
        return self


class TrainingSettings(Section):
    """`max_train_rows` 0 takes all rows. `learning_rate` is the peak after warm-up; decay is linear to 0."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    max_train_rows: Annotated[int, Field(ge=0)] = 0
    max_validation_rows: Annotated[int, Field(ge=0)] = 0
    epochs: Positive = 2
    batch_size: Positive = 32
    bucket_lengths: Annotated[list[Positive], Field(min_length=1)] = [16, 24, 32, 48, 64, 96, 128, 256, 512]
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 5e-5
    warmup_share: Fraction = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    threads: Annotated[int, Field(ge=0)] = 2

    @model_validator(mode="after")
    def buckets_grow(self) -> Self:
        if sorted(set(self.bucket_lengths)) != self.bucket_lengths:
            raise ValueError("bucket_lengths must grow from each to the next")
        return self

    def bucket_for(self, length: int) -> int:
        """The shortest bucket that holds `length` tokens."""
        return next(bucket for bucket in self.bucket_lengths if bucket >= length)
