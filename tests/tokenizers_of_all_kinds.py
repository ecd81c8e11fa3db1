"""Small tokenizers of every kind that base models come with, trained in a blink, and texts to try them on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

WORDS = ["the", "service", "was", "very", "good", "and", "bad", "never", "again", "unbelievably", "late", "flight"]
WORDS += ["crew", "lost", "luggage", "café", "straße", "東京"]
CORPUS = [" ".join(np.random.default_rng(seed).choice(WORDS, 12)) for seed in range(60)]
ODD = [
    *[
        "",
        " ",
        "\n\t",
        "good",
        "GOOD\u200bbad",
        "\u200b\u200d\ufeff",
        "😀 👩\u200d👩\u200d👧 🇩🇪",
        "e\u0301 café cafe\u0301",
    ],
    *["مرحبا بالعالم", "東京 は good", "[CLS] good [SEP]", "<s> bad </s>", "good\x00bad", "don't, won't!?"],
    *["a" * 300, "zzz " * 40],
]


def bert() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=120, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def roberta() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def xlm_roberta() -> Tokenizer:
    tokenizer = _unigram(["<s>", "<pad>", "</s>", "<unk>"], "<unk>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def albert() -> Tokenizer:
    tokenizer = _unigram(["<pad>", "<unk>", "[CLS]", "[SEP]"], "<unk>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def bare() -> Tokenizer:
    """Without special tokens, and with those that it has knowing no letter."""
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "good": 1, "bad": 2}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def _unigram(special: list[str], unknown: str) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=90, special_tokens=special, unk_token=unknown, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


KINDS: dict[str, Callable[[], Tokenizer]] = {
    maker.__name__: maker for maker in (bert, roberta, xlm_roberta, albert, bare)
}


def save(tokenizer: Tokenizer, folder: Path) -> Path:
    """As published tokenizers often are: with padding and truncation of their own, which must not count."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(128, stride=2)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def random_texts(count: int, seed: int = 0) -> list[str]:
    """ODD ones, then mixtures of words, of pieces of ODD ones and of letters of the whole of Unicode."""
    rng = np.random.default_rng(seed)
    texts = list(ODD)
    while len(texts) < count:
        letters = "".join(map(chr, rng.integers(1, 0xD800, 5)))
        words = [*rng.choice(WORDS, rng.integers(0, 25)), ODD[rng.integers(len(ODD))], letters]
        texts.append(" ".join(rng.permutation(words)))
    return texts
