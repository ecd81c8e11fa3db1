"""Base model, tokenization and training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.base.settings.section import Fraction, Positive, Section


class BaseModelSettings(Section):
    """`reference`: a folder (relative to the config file), package://module/path, s3://bucket/prefix,
    hf://org/name@revision, or mlflow://NAME/VERSION.

    hf:// is the hub that HF_ENDPOINT names, huggingface.co without it; HF_TOKEN holds the token for models that are not
    public. A branch, or no revision, is pinned to its commit when a run begins. mlflow:// is the checkpoint that a
    registered version keeps. `warm_start` champion begins from that of the champion, and from `reference` where there
    is no champion yet, or it keeps none.
    """

    reference: str
    warm_start: Literal["champion", "none"] = "none"


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


class CheckpointSettings(Section):
    """Where training is taken up after it was stopped: a folder or s3://bucket/prefix of this model alone, "" for none.

    Saved every `minutes` of training, every `steps` updates (0 for neither), and when told to stop (SIGTERM). With a
    place, the pipeline tries the step up to `retries` times more, on a cluster with the waits that
    cluster.resources.steps.finetune gives.
    """

    place: str = ""
    minutes: Annotated[float, Field(ge=0)] = 10.0
    steps: Annotated[int, Field(ge=0)] = 0
    retries: Annotated[int, Field(ge=0, le=100)] = 3


BATCH_SIZE = 32


class TrainingSettings(Section):
    """`max_train_rows` 0 takes all rows. A batch has at most `batch_size` rows, and `batch_tokens` tokens with padding
    (0 for any number); `accumulate` batches make one update. `batch_size` "auto" is the largest power of two, up to
    256, of which memory holds a batch of the longest rows.

    `learning_rate` is the peak after warm-up; `schedule` says how it falls to 0 from there, or that it stays.
    `weight_decay` is decoupled, and not for biases and normalisation. `layer_decay` multiplies the rate once for each
    layer below the head. `embeddings`: `rows` updates the word vectors of an update's own tokens only, with moments
    that rest meanwhile; `all` updates every word's each time; `frozen` none. `frozen_layers` counts from the input;
    together with frozen embeddings, what these layers give is computed once.

    `class_weights` `balanced` weighs a label by the inverse of its rows; `focal_gamma` is that of the focal loss.
    The epoch that is best on validation by `keep_best` is kept; training ends after `patience` epochs that are no
    better (0: never early). Of tags, F1 is that of entities.

    `deterministic` makes equal seeds and thread counts give equal weights, for a tenth more time. In `mixed_bfloat16`
    and `mixed_float16` the weights stay float32. `xla` compiles the `update` of the weights, or the whole `step`, whose
    shapes are then one for each bucket; `auto` does the latter on a GPU, where training is long enough to repay it.
    `devices` counts the GPUs that share a batch, 0 for all of this host; without any, more than one are logical devices
    of the processor, for trial.
    """

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    max_train_rows: Annotated[int, Field(ge=0)] = 0
    max_validation_rows: Annotated[int, Field(ge=0)] = 0
    epochs: Positive = 2
    batch_size: Positive | Literal["auto"] = BATCH_SIZE
    batch_tokens: Annotated[int, Field(ge=0)] = 0
    accumulate: Positive = 1
    bucket_lengths: Annotated[list[Positive], Field(min_length=1)] = [16, 24, 32, 48, 64, 96, 128, 256, 512]
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 5e-5
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup_share: Fraction = 0.1
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    embeddings: Literal["rows", "all", "frozen"] = "rows"
    frozen_layers: Annotated[int, Field(ge=0)] = 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    focal_gamma: Annotated[float, Field(ge=0)] = 0.0
    keep_best: Literal["macro_f1", "micro_f1", "accuracy", "loss"] = "macro_f1"
    patience: Annotated[int, Field(ge=0)] = 0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    xla: Literal["auto", "off", "update", "step"] = "auto"
    devices: Annotated[int, Field(ge=0)] = 0
    deterministic: bool = True
    threads: Annotated[int, Field(ge=0)] = 2
    checkpoint: CheckpointSettings = CheckpointSettings()

    @model_validator(mode="after")
    def buckets_grow(self) -> Self:
        if sorted(set(self.bucket_lengths)) != self.bucket_lengths:
            raise ValueError("bucket_lengths must grow from each to the next")
        return self

    @model_validator(mode="after")
    def batches_hold_a_row(self) -> Self:
        if self.batch_tokens and self.batch_tokens < self.bucket_lengths[-1]:
            raise ValueError(
                f"batch_tokens {self.batch_tokens} does not hold one row of the longest bucket,"
                f" {self.bucket_lengths[-1]}"
            )
        if self.label_smoothing and self.focal_gamma:
            raise ValueError("label_smoothing and focal_gamma exclude each other; set one of them to 0")
        return self

    def bucket_for(self, length: int) -> int:
        """The shortest bucket that holds `length` tokens."""
        return next(bucket for bucket in self.bucket_lengths if bucket >= length)
