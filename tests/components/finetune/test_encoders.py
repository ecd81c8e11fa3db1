"""Every family read from a checkpoint and held against what transformers computed; what cannot be right is refused."""

from __future__ import annotations

import re
from itertools import cycle
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from components.base.errors import TextgateError
from components.base.files import read_json
from components.finetune.encoders.architecture import read_architecture, usable_places
from tests.components.finetune.reference_models import (
    ALL,
    FAMILIES,
    FOLDER,
    POOLED,
    Tensors,
    change_tensors,
    copy_model,
    read_reference,
    variants_of,
)


def load(folder: Path) -> Any:
    from components.finetune.encoders.backbone import build_backbone, load_weights

    architecture = read_architecture(read_json(folder / "config.json"))
    backbone = build_backbone(architecture, 0.0)
    return backbone, load_weights(backbone, architecture, folder)


def states(backbone: Any, reference: Tensors) -> tuple[np.ndarray, np.ndarray | None]:
    from components.finetune.encoders.backbone import encode

    hidden, pooled = encode(backbone, reference["ids"], reference["mask"], reference["types"])
    return np.asarray(hidden)[reference["mask"] == 1], None if pooled is None else np.asarray(pooled)


@pytest.mark.parametrize(("family", "variant"), ALL)
def test_hidden_states_are_those_of_transformers(tmp_path: Path, family: str, variant: str) -> None:
    backbone, fresh = load(copy_model(family, tmp_path / "model", **variants_of(family)[variant]))
    reference = read_reference(family, variant)
    hidden, pooled = states(backbone, reference)
    np.testing.assert_allclose(hidden, reference["hidden"][reference["mask"] == 1], atol=1e-4, rtol=0)
    assert fresh == ()
    assert (pooled is not None) == (family in POOLED)
    if pooled is not None:
        np.testing.assert_allclose(pooled, reference["pooled"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_references_can_tell_the_variants_apart(family: str) -> None:
    """Were they all alike, the comparison would say nothing; the two tanh forms are one function."""
    seen = {name: read_reference(family, name) for name in variants_of(family) if name != "gelu_pytorch_tanh"}
    for name, reference in seen.items():
        for other, against in seen.items():
            kept = reference["mask"] == 1
            assert name == other or np.abs(reference["hidden"] - against["hidden"])[kept].max() > 5e-4, (name, other)


@pytest.mark.parametrize("family", FAMILIES)
def test_names_with_a_prefix_and_heads_of_other_tasks(tmp_path: Path, family: str) -> None:
    prefix = {"xlm-roberta": "roberta"}.get(family, family)
    heads = {name: np.ones(3, np.float32) for name in ("cls.predictions.bias", "lm_head.bias", "classifier.weight")}

    def as_task(tensors: Tensors) -> Tensors:
        positions = {f"{prefix}.embeddings.position_ids": np.arange(24)[None]}
        return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()} | heads | positions

    plain, _ = load(FOLDER / family)
    task, _ = load(change_tensors(copy_model(family, tmp_path / "model"), as_task))
    for one, other in zip(plain.get_weights(), task.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_old_names_of_normalisations_and_half_precision(tmp_path: Path) -> None:
    def older(tensors: Tensors) -> Tensors:
        renamed = {name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta") for name in tensors}
        assert len(renamed - set(tensors)) == 10
        return {
            name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): tensor.astype(kind)
            for (name, tensor), kind in zip(tensors.items(), cycle([np.float16, ml_dtypes.bfloat16]), strict=False)
        }

    plain, _ = load(FOLDER / "bert")
    old, _ = load(change_tensors(copy_model("bert", tmp_path / "model"), older))
    for one, other in zip(plain.get_weights(), old.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2**-7)


@pytest.mark.parametrize("family", POOLED)
def test_a_missing_pooler_starts_anew(tmp_path: Path, family: str) -> None:
    def without(tensors: Tensors) -> Tensors:
        return {name: tensor for name, tensor in tensors.items() if not name.startswith("pooler.")}

    backbone, fresh = load(change_tensors(copy_model(family, tmp_path / "model"), without))
    assert len(fresh) == 2 and all(name.startswith("pooler.") for name in fresh)
    kernel, bias = backbone.pooled_dense.get_weights()
    assert 0.005 < kernel.std() < 0.03 and not bias.any()
    reference = read_reference(family, "gelu_new" if family == "albert" else "gelu")
    hidden, _ = states(backbone, reference)
    np.testing.assert_allclose(hidden, reference["hidden"][reference["mask"] == 1], atol=1e-4, rtol=0)


def _without(part: str) -> Any:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if part not in name}


def _changed(name: str, value: Any) -> Any:
    return lambda tensors: {**tensors, name: value(tensors[name])}


NARROW = "encoder.layer.1.output.dense.weight"
DAMAGES: dict[str, tuple[Any, str]] = {
    "missing": (_without("layer.1.intermediate"), r"has no encoder\.layer\.1\.intermediate\.dense\.weight, .*bias"),
    "half a pooler": (_without("pooler.dense.bias"), r"has no pooler\.dense\.bias"),
    "no encoder": (_without("word_embeddings"), r"hold no embeddings\.word_embeddings\.weight.*BertModel"),
    "many missing": (_without("layer.1."), r"has no .*, .*, .*, .* and 12 more"),
    "another shape": (_changed(NARROW, lambda tensor: tensor.T.copy()), r"layer\.1.*\[64, 32\], expected \[32, 64\]"),
    "NaN": (_changed(NARROW, lambda tensor: np.where(tensor > 0.9, np.nan, tensor)), rf"NaN.* in {NARROW}"),
    "infinity": (_changed(NARROW, lambda tensor: np.where(tensor > 0.9, np.inf, tensor)), rf"infinity in {NARROW}"),
    "whole numbers": (_changed(NARROW, lambda tensor: tensor.astype(np.int8)), rf"not floating.*{NARROW} \(I8\)"),
    "two encoders": (
        lambda tensors: {f"{side}.{name}": tensor for side in ("a", "b") for name, tensor in tensors.items()},
        r"several encoders \('a\.', 'b\.'\)",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path, damage: str) -> None:
    change, said = DAMAGES[damage]
    with pytest.raises(TextgateError, match=said):
        load(change_tensors(copy_model("bert", tmp_path / "model"), change))


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_layers_beyond_the_config_are_refused(tmp_path: Path, prefix: str) -> None:
    def prefixed(tensors: Tensors) -> Tensors:
        return {prefix + name: tensor for name, tensor in tensors.items()}

    base = change_tensors(copy_model("bert", tmp_path / "model", num_hidden_layers=1), prefixed)
    with pytest.raises(TextgateError, match=rf"beyond its config {re.escape(prefix)}encoder\.layer\.1.*and 12 more"):
        load(base)


def test_a_config_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TextgateError, match=r"embeddings\.position_embeddings\.weight \[24, 32\], expected \[30, 32\]"):
        load(copy_model("roberta", tmp_path / "model", max_position_embeddings=30))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "type": ({"model_type": "electra"}, "'electra' .*bert, roberta, xlm-roberta, distilbert, albert"),
    "none": ({"model_type": None, "architectures": ["Odd"]}, r"None \(Odd\)"),
    "activation": ({"hidden_act": "mish"}, "'mish'; supported: gelu, gelu_new, gelu_pytorch_tanh, relu"),
    "positions": ({"position_embedding_type": "relative_key"}, "position_embedding_type: 'relative_key'"),
    "decoder": ({"is_decoder": True}, "is_decoder: True"),
    "both": ({"is_encoder_decoder": True}, "is_encoder_decoder: True"),
    "cross": ({"add_cross_attention": True}, "add_cross_attention: True"),
    "pruned": ({"pruned_heads": {"1": [0]}}, "pruned_heads"),
    "quantized": ({"quantization_config": {"bits": 4}}, "quantization_config"),
    "own code": ({"auto_map": {"AutoModel": "modeling.Own"}}, "auto_map for AutoModel"),
    "heads": ({"num_attention_heads": 5}, "32 hidden units do not divide among 5 attention heads"),
    "no layers": ({"num_hidden_layers": None}, "num_hidden_layers: None"),
    "text": ({"vocab_size": "100"}, "vocab_size: '100'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_configs_that_mean_other_numbers_are_refused_by_name(what: str) -> None:
    changes, said = REFUSED[what]
    with pytest.raises(TextgateError, match=said):
        read_architecture({**read_json(FOLDER / "bert" / "config.json"), **changes})


def test_config_values_that_change_nothing_are_taken() -> None:
    plain = {
        "position_embedding_type": "absolute",
        "is_decoder": False,
        "pruned_heads": {},
        "quantization_config": None,
    }
    config = read_json(FOLDER / "bert" / "config.json")
    assert read_architecture({**config, **plain, "auto_map": {"AutoConfig": "c"}}) == read_architecture(config)


def test_albert_groups_must_divide_the_layers() -> None:
    config = read_json(FOLDER / "albert" / "config.json")
    with pytest.raises(TextgateError, match="4 layers do not divide among 3 hidden groups"):
        read_architecture({**config, "num_hidden_groups": 3})
    passes = read_architecture(config).passes()
    assert [re.findall(r"\d", prefix) for prefix in passes] == [[group, layer] for group in "0011" for layer in "01"]


def test_usable_places_of_each_family() -> None:
    places = {family: usable_places(read_json(FOLDER / family / "config.json")) for family in FAMILIES}
    assert places == {"bert": 24, "roberta": 22, "xlm-roberta": 22, "distilbert": 24, "albert": 24}
    config = read_json(FOLDER / "roberta" / "config.json")
    assert usable_places({**config, "pad_token_id": 0}) == 23
    assert usable_places({**config, "pad_token_id": None}) == 22
    with pytest.raises(TextgateError, match="leaves none"):
        usable_places({**config, "max_position_embeddings": 2})


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_usable_place_is_computed_and_the_next_is_not(family: str) -> None:
    from components.finetune.encoders.backbone import encode

    backbone, _ = load(FOLDER / family)
    places = usable_places(read_json(FOLDER / family / "config.json"))
    ids = np.full((1, places + 1), 7, np.int32)
    hidden, _ = encode(backbone, ids[:, 1:], np.ones_like(ids[:, 1:]), np.zeros_like(ids[:, 1:]))
    assert np.isfinite(np.asarray(hidden)).all()
    with pytest.raises(Exception, match="(?i)slice|size"):
        encode(backbone, ids, np.ones_like(ids), np.zeros_like(ids))
