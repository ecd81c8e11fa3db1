"""Five families of one kind of encoder, and what transformers calls the parts of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

WORDS = "embeddings.word_embeddings.weight"
POSITIONS = "embeddings.position_embeddings.weight"
TYPES = "embeddings.token_type_embeddings.weight"
EMBEDDING_NORM = "embeddings.LayerNorm"


@dataclass(frozen=True)
class LayerNames:
    """The dense layers and normalisations of one transformer layer, in the order in which they act."""

    query: str
    key: str
    value: str
    attended: str
    attended_norm: str
    wide: str
    narrow: str
    norm: str


@dataclass(frozen=True)
class Head:
    """What stands between the first token's hidden state and the logits in `<classes>ForSequenceClassification`.

    `dense`, with its activation ("tanh" or "relu"), is the encoder's own pooler where the family has one.
    """

    dense: str
    activation: str
    logits: str


@dataclass(frozen=True)
class Family:
    """`prefix` stands before the encoder's tensors in transformers' task classes, `layer` before those of a layer.

    `keys` gives the names in config.json of what this family calls differently; `segments` says whether token types
    are an input, `shifted` whether positions count from the one after the padding token's id, with token type 0 added
    to each.
    """

    model_type: str
    classes: str
    prefix: str
    layer: str
    names: LayerNames
    head: Head
    pooler: str | None = None
    projection: str | None = None
    types: bool = True
    segments: bool = False
    shifted: bool = False
    pad: int = 0
    activation: str = "gelu"
    keys: Mapping[str, str] = field(default_factory=dict)


_BERT_LAYER = "encoder.layer.{layer}."
_BERT_NAMES = LayerNames(
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attended="attention.output.dense",
    attended_norm="attention.output.LayerNorm",
    wide="intermediate.dense",
    narrow="output.dense",
    norm="output.LayerNorm",
)

BERT = Family(
    model_type="bert",
    classes="Bert",
    prefix="bert.",
    layer=_BERT_LAYER,
    names=_BERT_NAMES,
    head=Head("pooler.dense", "tanh", "classifier"),
    pooler="pooler.dense",
    segments=True,
)
ROBERTA = Family(
    model_type="roberta",
    classes="Roberta",
    prefix="roberta.",
    layer=_BERT_LAYER,
    names=_BERT_NAMES,
    head=Head("classifier.dense", "tanh", "classifier.out_proj"),
    shifted=True,
    pad=1,
)
XLM_ROBERTA = replace(ROBERTA, model_type="xlm-roberta", classes="XLMRoberta")
DISTILBERT = Family(
    model_type="distilbert",
    classes="DistilBert",
    prefix="distilbert.",
    layer="transformer.layer.{layer}.",
    names=LayerNames(
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        attended="attention.out_lin",
        attended_norm="sa_layer_norm",
        wide="ffn.lin1",
        narrow="ffn.lin2",
        norm="output_layer_norm",
    ),
    head=Head("pre_classifier", "relu", "classifier"),
    types=False,
    keys={
        "hidden_size": "dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
        "intermediate_size": "hidden_dim",
        "hidden_act": "activation",
    },
)
ALBERT = Family(
    model_type="albert",
    classes="Albert",
    prefix="albert.",
    layer="encoder.albert_layer_groups.{group}.albert_layers.{layer}.",
    names=LayerNames(
        query="attention.query",
        key="attention.key",
        value="attention.value",
        attended="attention.dense",
        attended_norm="attention.LayerNorm",
        wide="ffn",
        narrow="ffn_output",
        norm="full_layer_layer_norm",
    ),
    head=Head("pooler", "tanh", "classifier"),
    pooler="pooler",
    projection="encoder.embedding_hidden_mapping_in",
    segments=True,
    activation="gelu_new",
)
FAMILIES = {family.model_type: family for family in (BERT, ROBERTA, XLM_ROBERTA, DISTILBERT, ALBERT)}
