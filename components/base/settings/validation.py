"""The limits that the data must keep, and which of the rules refuse and which only warn."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from components.base.settings.section import Fraction, Positive, Section, Split, Text

# YAML reads a bare off as false.
Severity = Annotated[Literal["error", "warn", "off"], BeforeValidator(lambda given: "off" if given is False else given)]
Rule = Literal[
    "columns",
    "rows",
    "missing_ids",
    "unique_ids",
    "empty_texts",
    "text_length",
    "encoding_damage",
    "invisible_characters",
    "html_entities",
    "labels_known",
    "labels_present",
    "rows_per_label",
    "label_share",
    "tag_sequences",
    "duplicates",
    "contradictions",
    "leakage",
    "near_leakage",
    "personal_data",
    "languages",
    "label_drift",
    "length_drift",
    "vocabulary_drift",
    "unknown_drift",
    "text_drift",
]
# Those that are not named refuse.
MILDER: dict[Rule, Severity] = {
    "invisible_characters": "warn",
    "html_entities": "warn",
    "duplicates": "warn",
    "near_leakage": "warn",
    "personal_data": "warn",
    "languages": "warn",
    "label_drift": "warn",
    "length_drift": "warn",
    "vocabulary_drift": "warn",
    "unknown_drift": "warn",
    "text_drift": "warn",
}


class DriftSettings(Section):
    """Limits of the difference from the champion's training data; each is an effect size, and a rule breaks only where
    the difference is also beyond chance (`significance`, after correction for the number of tests).

    `label_shift`: total variation distance of the label shares. `length_shift`: Kolmogorov-Smirnov distance of the
    text lengths. `new_words`: share of the words that the reference does not know. `unknown_tokens`: rise of the
    tokenizer's unknown-token share. `text_auc`: area under the ROC curve of a classifier that tells reference texts
    from these by their n-grams (0.5 is no difference).
    """

    label_shift: Fraction = 0.15
    length_shift: Fraction = 0.15
    new_words: Fraction = 0.2
    unknown_tokens: Fraction = 0.02
    text_auc: Annotated[float, Field(ge=0.5, le=1)] = 0.75
    significance: Annotated[float, Field(gt=0, lt=1)] = 0.01


class ValidationSettings(Section):
    """Limits that the tables must keep; shares are of a split's rows, lengths are in characters.

    `min_similarity` is the Jaccard similarity of character n-grams from which two texts of different splits are
    near copies. `languages` are ISO 639-1 codes; empty, the languages are reported and no rule is made of them.
    `rules` changes a rule's severity. `suite` is a Great Expectations suite in JSON that adds to or replaces the
    generated expectations, by `meta.check`. `show_texts` lets the report and the docs hold the texts of the worst rows.
    """

    min_rows: dict[Split, Positive] = {"train": 100, "validation": 50, "test": 50}
    min_rows_per_label: Positive = 10
    max_label_share: Fraction = 0.9
    max_text_length: Positive = 2000
    max_replacement_characters: Annotated[int, Field(ge=0)] = 0
    max_damaged_share: Fraction = 0.0
    max_duplicate_share: Fraction = 0.05
    max_near_leakage_share: Fraction = 0.0
    min_similarity: Annotated[float, Field(ge=0.5, le=1)] = 0.8
    languages: list[Text] = []
    max_other_language_share: Fraction = 0.05
    drift: DriftSettings = DriftSettings()
    rules: dict[Rule, Severity] = {}
    suite: str = ""
    show_texts: bool = False

    def severity(self, rule: Rule) -> Severity:
        return self.rules.get(rule, MILDER.get(rule, "error"))


class SuiteExpectation(Section):
    """One expectation of a JSON suite, as Great Expectations writes it; what is not named here is ignored."""

    type: Text
    kwargs: dict[str, Any] = {}
    meta: dict[str, Any] = {}
