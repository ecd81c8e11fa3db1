"""An encoder's sizes and variants, read from its config.json; what cannot be computed is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.base.errors import TextgateError
from components.finetune.encoders.families import FAMILIES, WORDS, Family

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")
# Config keys that change what transformers computes, with the values that leave it as it is computed here.
PLAIN: dict[str, tuple[Any, ...]] = {
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "is_encoder_decoder": (False,),
    "add_cross_attention": (False,),
    "pruned_heads": ({}, []),
    "quantization_config": ({},),
}


@dataclass(frozen=True)
class Architecture:
    """Sizes of an encoder. `positions` are the rows of the position table, the first `offset` of which no text uses.

    `groups` and `repetitions` are ALBERT's: its layers fall into groups, all layers of a group share their weights, and
    each is `repetitions` transformer layers; elsewhere every layer has a group of its own, of one.
    """

    family: Family
    vocabulary: int
    layers: int
    heads: int
    hidden: int
    wide: int
    embedded: int
    positions: int
    offset: int
    types: int
    groups: int
    repetitions: int
    epsilon: float
    activation: str
    spread: float

    @property
    def places(self) -> int:
        """How many tokens, special ones included, a text may have."""
        return self.positions - self.offset

    @property
    def segments(self) -> bool:
        """Whether the second text of a pair can be told from the first by its token types."""
        return self.family.segments and self.types > 1

    def weights_of(self, group: int, layer: int) -> str:
        """The prefix of the tensors of a layer within its group; without groups, `layer` is 0."""
        shared = self.family.projection is not None
        return self.family.layer.format(group=group, layer=layer if shared else group)

    def passes(self) -> list[str]:
        """Prefixes of the layers' tensors in the order in which a text passes them; ALBERT's come several times."""
        each = self.layers // self.groups
        return [
            self.weights_of(group, layer)
            for group in range(self.groups)
            for _ in range(each)
            for layer in range(self.repetitions)
        ]


def read_architecture(config: dict[str, Any]) -> Architecture:
    """From the content of config.json; keys that are absent mean what they mean to transformers.

    Raises TextgateError naming a family, an activation or another value that cannot be computed, or a size that is
    missing or impossible.
    """
    family = _family(config)
    _refuse_variants(config)
    hidden, layers = _size(config, family, "hidden_size"), _size(config, family, "num_hidden_layers")
    heads = _size(config, family, "num_attention_heads")
    grouped = family.projection is not None
    return _checked(
        Architecture(
            family=family,
            vocabulary=_size(config, family, "vocab_size"),
            layers=layers,
            heads=heads,
            hidden=hidden,
            wide=_size(config, family, "intermediate_size"),
            embedded=_size(config, family, "embedding_size", 128) if grouped else hidden,
            positions=_size(config, family, "max_position_embeddings"),
            offset=padding_id(config) + 1 if family.shifted else 0,
            types=_size(config, family, "type_vocab_size", 2) if family.types else 0,
            groups=_size(config, family, "num_hidden_groups", 1) if grouped else layers,
            repetitions=_size(config, family, "inner_group_num", 1) if grouped else 1,
            epsilon=float(config.get("layer_norm_eps", 1e-12)) if family.types else 1e-12,
            activation=_value(config, family, "hidden_act", family.activation),
            spread=float(config.get("initializer_range", 0.02)),
        )
    )


def usable_places(config: dict[str, Any]) -> int:
    """How many tokens, special ones included, a text may have. Raises TextgateError as `read_architecture` does."""
    return read_architecture(config).places


def padding_id(config: dict[str, Any]) -> int:
    """The padding token's id. Raises TextgateError for a family that cannot be read."""
    pad = config.get("pad_token_id")
    return _family(config).pad if pad is None else int(pad)


def encoder_prefix(names: Any, family: Family) -> str:
    """What stands before the encoder's tensors among `names`: "bert." in a task's checkpoint, "" in a bare encoder's.

    Raises TextgateError where there is no encoder, or several.
    """
    found = sorted(name.removesuffix(WORDS) for name in names if name == WORDS or name.endswith(f".{WORDS}"))
    if family.prefix in found or len(found) == 1:
        return family.prefix if family.prefix in found else found[0]
    problem = f"several encoders ({', '.join(repr(prefix) for prefix in found)})" if found else f"no {WORDS}"
    raise TextgateError(f"the base model's weights hold {problem}; expected one {family.classes}Model")


def _family(config: dict[str, Any]) -> Family:
    model_type = config.get("model_type")
    if model_type not in FAMILIES:
        classes = ", ".join(map(str, config.get("architectures") or [])) or "no architecture named"
        raise TextgateError(f"the base model is of type {model_type!r} ({classes}); supported: {', '.join(FAMILIES)}")
    return FAMILIES[model_type]


def _refuse_variants(config: dict[str, Any]) -> None:
    for key, plain in PLAIN.items():
        if (value := config.get(key)) is not None and value not in plain:
            raise TextgateError(f"the base model's config has {key}: {value!r}, which is not supported; take another")
    own = sorted(name for name in config.get("auto_map") or {} if name.startswith("AutoModel"))
    if own:
        raise TextgateError(
            f"the base model's config has an auto_map for {', '.join(own)}: it is computed by code of its own,"
            " which is not supported; take another"
        )


def _checked(found: Architecture) -> Architecture:
    if found.activation not in ACTIVATIONS:
        raise TextgateError(f"the base model's activation is {found.activation!r}; supported: {', '.join(ACTIVATIONS)}")
    for whole, part, what in (
        (found.hidden, found.heads, "{} hidden units do not divide among {} attention heads"),
        (found.layers, found.groups, "{} layers do not divide among {} hidden groups"),
    ):
        if whole % part:
            raise TextgateError(f"the base model's config cannot be right: its {what.format(whole, part)}")
    if found.places < 1:
        raise TextgateError(
            f"the base model's config cannot be right: of {found.positions} positions the first {found.offset} are"
            " kept for padding, which leaves none for texts"
        )
    return found


def _value(config: dict[str, Any], family: Family, key: str, default: Any = None) -> Any:
    """By the family's own name for `key`, or else by the general one."""
    return config.get(family.keys.get(key, key), config.get(key, default))


def _size(config: dict[str, Any], family: Family, key: str, default: int | None = None) -> int:
    value = _value(config, family, key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        name = family.keys.get(key, key)
        raise TextgateError(f"the base model's config has {name}: {value!r}; it must be a whole number above 0")
    return value
