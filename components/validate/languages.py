"""Which languages the texts of a split are in, told on a fixed sample by py3langid, whose model comes with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from components.base.errors import TextgateError
from components.base.settings import DataSchema
from components.base.tables import SplitReader
from components.validate.texts import joined

SAMPLE = 2000
SURE = 0.9
UNSURE = "unsure"
CHARACTERS_READ = 2000


@dataclass(frozen=True)
class Languages:
    """`places` are the rows of the sample; `codes` their languages (ISO 639-1 where there is one), or "unsure" where
    the probability is below 0.9, as it is for most texts of a few words."""

    places: np.ndarray
    codes: list[str]

    def mix(self) -> dict[str, float]:
        """Share of each language among the texts that are sure, the commonest first."""
        counts = Counter(code for code in self.codes if code != UNSURE)
        return {code: count / counts.total() for code, count in counts.most_common()}

    def report(self) -> dict[str, Any]:
        return {"sampled": len(self.codes), "unsure": self.codes.count(UNSURE), "mix": self.mix()}


def find_languages(tables: Path, split: str, data: DataSchema) -> Languages:
    """Of up to 2,000 rows, the same for the same data. Raises TextgateError where the split cannot be read."""
    reader = SplitReader(tables, split, data)
    places = np.arange(reader.num_rows)
    if len(places) > SAMPLE:
        places = np.sort(np.random.default_rng(0).choice(len(places), SAMPLE, replace=False))
    codes: list[str] = []
    start = 0
    for batch in reader.batches():
        inside = places[(places >= start) & (places < start + batch.num_rows)] - start
        codes += [_language(text) for text in joined(batch, data).take(inside).to_pylist()]
        start += batch.num_rows
    return Languages(places, codes)


def check_codes(codes: list[str]) -> None:
    """Raises TextgateError for a code that no language has."""
    if codes and (unknown := sorted(set(codes) - set(_identifier().labels))):
        raise TextgateError(
            f"validation.languages names {', '.join(unknown)}; known are {', '.join(sorted(_identifier().labels))}"
        )


def _language(text: str) -> str:
    code, probability = _identifier().classify(text[:CHARACTERS_READ])
    return str(code) if probability >= SURE else UNSURE


@cache
def _identifier() -> Any:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
