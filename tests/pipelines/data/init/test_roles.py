from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from components.base.errors import TextgateError
from components.base.settings import Task
from pipelines.data.init.columns import Column, Sample, is_looked_at
from pipelines.data.init.roles import Roles, Wanted, choose_roles

Texts = Callable[[int], list[str]]
COUNT = 60


def sample_of(**columns: list[Any]) -> Sample:
    sample = Sample({name.replace("__", " "): Column(name.replace("__", " ")) for name in columns})
    for (name, values), column in zip(columns.items(), sample.columns.values(), strict=True):
        for value in values:
            column.add(value)
        sample.rows = len(columns[name])
    return sample


def cycle(*values: Any) -> list[Any]:
    return [values[number % len(values)] for number in range(COUNT)]


def choose(sample: Sample, task: Task | None = None, **columns: str) -> Roles:
    return choose_roles(sample, Wanted(task, columns))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("text", "label"),
        ("utterance", "intent"),
        ("Beschreibung", "Kategorie"),
        ("review_text", "sentiment"),
        ("a", "b"),
    ],
)
def test_the_text_is_the_one_that_varies_and_the_label_the_one_that_recurs(text: str, label: str, texts: Texts) -> None:
    for order in (1, -1):
        columns = dict([(text, texts(COUNT)), (label, cycle("yes", "no"))][::order])
        roles = choose(sample_of(**columns))
        assert (roles.task, roles.columns["text"], roles.columns["label"]) == ("single-label", text, label)
        assert not roles.own_id and not roles.notes


def test_names_outweigh_length_and_order(texts: Texts) -> None:
    long = [f"{text} {text} {text}" for text in texts(COUNT)]
    roles = choose(sample_of(html=long, text=texts(COUNT), lang=cycle("de", "en"), category=cycle("a", "b", "c")))
    assert (roles.columns["text"], roles.columns["label"]) == ("text", "category")
    assert roles.notes == [
        "the text is 'text'; 'html' holds text, too. --text chooses another, --text-pair takes two together"
    ]


def test_the_longer_of_two_texts_is_taken_and_said(texts: Texts) -> None:
    roles = choose(
        sample_of(subject=texts(COUNT), body=[f"{text} {text}" for text in texts(COUNT)], label=cycle("a", "b"))
    )
    assert roles.columns["text"] == "body" and "'subject' holds text, too" in roles.notes[0]
    chosen = choose(sample_of(subject=texts(COUNT), body=texts(COUNT), label=cycle("a", "b")), text="subject")
    assert chosen.columns["text"] == "subject" and not chosen.notes


def test_of_two_likely_labels_one_is_chosen_and_said(texts: Texts) -> None:
    sample = sample_of(text=texts(COUNT), topic=cycle("a", "b", "c"), sentiment=cycle("good", "bad"))
    roles = choose(sample)
    assert roles.columns["label"] == "sentiment"
    assert roles.notes == ["the label is 'sentiment'; 'topic' could be it, too. --label chooses another"]
    chosen = choose(sample, label="topic")
    assert chosen.columns["label"] == "topic" and not chosen.notes


def test_readable_labels_are_preferred_to_their_numbers(texts: Texts) -> None:
    roles = choose(sample_of(text=texts(COUNT), label=cycle(0, 1), label_text=cycle("good", "bad")))
    assert roles.columns["label"] == "label_text"


def test_numbers_can_be_labels_but_fractions_and_dates_cannot(texts: Texts) -> None:
    days = cycle(*(f"2024-01-{day:02}" for day in range(1, 5)))
    for stars in (cycle("1", "2"), cycle(1, 2), cycle(1.0, 2.0), cycle("1.0", "2.0"), cycle(True, False)):
        roles = choose(sample_of(text=texts(COUNT), share=cycle("0.5", 0.25), day=days, stars=stars))
        assert roles.columns["label"] == "stars" and not roles.notes
    with pytest.raises(TextgateError, match="no column looks like a label"):
        choose(sample_of(text=texts(COUNT), share=cycle("0.5", "0.25"), day=days))


@pytest.mark.parametrize("name", ["id", "uuid", "Ticketnr", "tweet_id", "message__no"])
def test_an_id_is_unique_and_called_one(name: str, texts: Texts) -> None:
    others = {"text": texts(COUNT), "label": cycle("a", "b")}
    called = name.replace("__", " ")
    assert choose(sample_of(**others, **{name: list(range(COUNT))})).columns["id"] == called
    repeated = choose(sample_of(**others, **{name: [*range(COUNT - 1), 0]}))
    assert not repeated.own_id and repeated.columns["id"] == ("row_id" if name == "id" else "id")
    assert any(f"'{called}' would be the id" in note for note in repeated.notes)


def test_neither_the_text_nor_who_wrote_it_is_an_id(texts: Texts) -> None:
    sample = sample_of(
        text=texts(COUNT), label=cycle("a", "b"), user_id=list(range(COUNT)), plate=[f"p{n}" for n in range(COUNT)]
    )
    roles = choose(sample)
    assert not roles.own_id and roles.columns["id"] == "id" and roles.unique == ["user_id", "plate"]
    assert choose(sample, id="plate").columns["id"] == "plate"


@pytest.mark.parametrize(
    ("first", "second"),
    [("sentence1", "sentence2"), ("premise", "hypothesis"), ("text_a", "text_b"), ("question", "answer")],
)
def test_a_pair_is_told_by_its_names(first: str, second: str, texts: Texts) -> None:
    pairs = {first: texts(COUNT), second: texts(COUNT)[::-1]}
    for names in ((first, second), (second, first)):
        roles = choose(sample_of(**{name: pairs[name] for name in names}, label=cycle("same", "other")))
        assert roles.task == "text-pair" and (roles.columns["text"], roles.columns["text_pair"]) == (first, second)
    roles = choose(sample_of(**pairs, label=cycle("same", "other")), task="single-label")
    assert roles.task == "single-label" and "text_pair" not in roles.columns


def test_any_two_texts_are_a_pair_on_demand(texts: Texts) -> None:
    sample = sample_of(body=texts(COUNT), subject=texts(COUNT), label=cycle("a", "b"))
    roles = choose(sample, text="body", text_pair="subject")
    assert (roles.task, roles.columns["text"], roles.columns["text_pair"]) == ("text-pair", "body", "subject")
    assert choose(sample, task="text-pair").task == "text-pair"
    with pytest.raises(TextgateError, match="--text-pair"):
        choose(sample_of(body=texts(COUNT), label=cycle("a", "b")), task="text-pair")


@pytest.mark.parametrize("separator", ["; ", ";", "|", ", "])
def test_several_labels_are_told_by_what_parts_them(separator: str, texts: Texts) -> None:
    values = cycle("a", f"a{separator}b", f"b{separator}c", "c", "")
    roles = choose(sample_of(text=texts(COUNT), labels=values))
    assert (roles.task, roles.separator) == ("multi-label", separator.strip())
    roles = choose(sample_of(text=texts(COUNT), labels=values), task="single-label")
    assert (roles.task, roles.separator) == ("single-label", "")


@pytest.mark.parametrize(
    "labels",
    [
        ["Food, Drink", "Home, Garden", "Toys"],
        ["Yes, of course", "Yes, maybe", "No, never", "No, maybe"],
        [*"abcdefgh", "of all; or none"],
    ],
)
def test_a_comma_within_labels_parts_nothing(labels: list[str], texts: Texts) -> None:
    roles = choose(sample_of(text=texts(COUNT), label=cycle(*labels)))
    assert (roles.task, roles.separator) == ("single-label", "")


def test_a_task_must_fit_the_labels(texts: Texts) -> None:
    with pytest.raises(TextgateError, match="neither lists nor values parted"):
        choose(sample_of(text=texts(COUNT), label=cycle("Food", "Toys")), task="multi-label")
    assert choose(sample_of(text=texts(COUNT), label=cycle(*"abcdefgh", "a; b"))).task == "multi-label"


def test_lists_are_several_labels(texts: Texts) -> None:
    sample = sample_of(text=texts(COUNT), labels=cycle(["a"], ["a", "b"], []))
    assert choose(sample).task == "multi-label"
    with pytest.raises(TextgateError, match="lists of labels"):
        choose(sample, task="single-label")


def test_tokens_and_tags_are_lists_of_one_length(texts: Texts) -> None:
    tokens = [text.split() for text in texts(COUNT)]
    tags = [["B-X", *["O"] * (len(row) - 1)] for row in tokens]
    roles = choose(sample_of(id=list(range(COUNT)), words=tokens, marks=tags))
    assert roles.task == "token-tags" and roles.columns == {"tokens": "words", "tags": "marks", "id": "id"}
    assert not roles.notes
    with pytest.raises(TextgateError):
        choose(sample_of(words=tokens, marks=[row[:-1] for row in tags]))
    numbered = choose(sample_of(tokens=tokens, ner_tags=[[0] * len(row) for row in tokens]))
    assert "tags that are not BIO" in numbered.notes[0] and "'0'" in numbered.notes[0]


def test_whose_row_it_is_and_when_are_no_roles_but_said(texts: Texts) -> None:
    sample = sample_of(
        text=texts(COUNT),
        label=cycle("a", "b"),
        customer__id=cycle(*range(9)),
        created=[f"2024-01-02T00:00:{second:02}" for second in range(COUNT)],
        seen=cycle("02.01.2024"),
        timestamp=list(range(10**9, 10**9 + COUNT)),
        agent=texts(COUNT),
    )
    roles = choose(sample)
    assert (roles.entities, roles.times) == (["customer id"], ["created", "timestamp"])
    assert roles.others == ["customer id", "created", "seen", "timestamp", "agent"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["1", "2"] * 30, "b": ["0.5"] * 60}, "no column holds text: 'a', 'b' hold numbers or dates"),
        ({"text": ["a b", "c d"] * 30}, "one column only"),
        ({"name": ["x"] * 60, "kind": ["a", "b"] * 30}, "no column looks like a text"),
        ({"text": None, "label": ["x"] * 60}, "'label', taken for the label, has the one value 'x'"),
        ({"text": None, "label": [""] * 60, "lang": ["a", "b"] * 30}, "'label', taken for the label, has no value"),
        ({"text": None, "labels": ["['a']", "['a', 'b']"] * 30}, "lists written as text"),
        ({"text": None, "toxic": ["0", "1"] * 30, "rude": ["0", "1", "1"] * 20}, "hold only 0 and 1"),
        ({"text": None, "name": [str(n) + "x" for n in range(60)]}, "no column looks like a label"),
    ],
)
def test_what_is_missing_is_said(columns: dict[str, list[str] | None], message: str, texts: Texts) -> None:
    with pytest.raises(TextgateError, match=message):
        choose(sample_of(**{name: values or texts(COUNT) for name, values in columns.items()}))


def test_a_wanted_column_must_exist(texts: Texts) -> None:
    with pytest.raises(TextgateError, match=r"--label tpoic: there is no such column; there are 'text', 'topic'"):
        choose(sample_of(text=texts(COUNT), topic=cycle("a", "b")), label="tpoic")


def test_one_of_several_flags_is_a_label_on_demand(texts: Texts) -> None:
    sample = sample_of(text=texts(COUNT), toxic=cycle("0", "1"), rude=cycle("0", "0", "1"))
    assert choose(sample, label="rude").columns["label"] == "rude"


def test_rows_are_looked_at_over_the_whole_file() -> None:
    first = 1000
    looked_at = [number for number in range(64 * first) if is_looked_at(number, first)]
    assert looked_at[:first] == list(range(first))
    assert len(looked_at) == first + 6 * first // 8
    assert max(b - a for a, b in pairwise(looked_at)) <= 8 * 32
