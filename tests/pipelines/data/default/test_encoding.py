from __future__ import annotations

import pytest

from pipelines.data.default.encoding import Unrepairable, damage, repair
from pipelines.data.default.source import find_corpus, read_corpus


@pytest.mark.parametrize(
    ("raw", "passes", "text"),
    [
        (b"\xe4\xf3\xec@NFL: it\xe4\xf3\xbbs on\xe4\xf3\x9d", 2, "“@NFL: it’s on”"),
        (b"the \xe4\xf3\xd6Hot Tub\xe4\xf3\xbb \xe4\xf3\xee or \xe4\xf3\xf1 \xe4\xf3\xa2", 2, "the ‘Hot Tub’ — or – •"),
        (b"Asking for \x8c\xa3500, fianc\xed\xa9", 2, "Asking for £500, fiancé"),
        (b"maybe next year.  _\xf4\xd6\xc8", 2, "maybe next year.  😪"),
        (b"_\xf4\xd6\x89_\xf4\xd6\x89 lol", 2, "😂😂 lol"),
        (b"#ikvertrek #AdamM\xdb\xb1s\xdb\xb1nSen", 2, "#ikvertrek #AdamMısınSen"),
        (b"\x8a\x97\x93@JetBlue: on fleek\x8a\x97\x9d I\x8a\x97\xc8m", 3, "“@JetBlue: on fleek” I’m"),
        (b"right on cue with the delays_\x99\x95\x91", 3, "right on cue with the delays👌"),
        (b"S\x92\xa3o Paulo", 3, "São Paulo"),
        (b"How Uber_\xd1\xe9s cars _\xd1\xd0 now", 4, "How Uber’s cars – now"),
        (b"Jose Mu\xd5\xb1oz", 4, "Jose Muñoz"),
        (b"\xd5\xa2_\x8a\xce\x81\xd0It\xd5\xa2_\x8a\xce_\x86\xa2s 2013\xd5\xa2_\x8a\xce\xeb\x9d", 4, "“It’s 2013”"),
        (b"Sadie \xd5\xa2_\x8a\xce_\xd1\x9d cars \xd5\x8d\x81\xf4\x8f\xd2\xeb\xb1", 4, "Sadie — cars 😱"),
    ],
)
def test_each_kind_of_damage_is_undone(raw: bytes, passes: int, text: str) -> None:
    assert repair(raw, passes) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"how would go back\xe4\xf3_ Jack", "how would go back… Jack"),
        (b"is at 140 letters; http:/\xe4\xf3_", "is at 140 letters; http:/…"),
        (b"to Vic Mensa to Tame \xe4\xf3_ ", "to Vic Mensa to Tame … "),
        (b"\xe4\xf3\xec@a: b\xe4\xf3\x9d\xe4\xf3_ c", "“@a: b”… c"),
    ],
)
def test_a_cut_off_text_gets_its_ellipsis_back(raw: bytes, text: str) -> None:
    assert repair(raw, 2) == text


@pytest.mark.parametrize(
    "raw",
    [
        b"wow!\xe4\xf3_ http://t.co/x",
        b"in 3\xe4\xf3_2",
        b"link \xe4\xf3_ #tag",
        b"CHEATERS\xe4\xf3_\xa5\x9f\x8f#DeflateGate",
        b"trash _\xf4_\xac",
        b"_\xf4\xd6_ #Coachella2015",
        b"hearts \xe4\x9d_",
    ],
)
def test_what_could_have_been_several_characters_is_not_guessed(raw: bytes) -> None:
    with pytest.raises(Unrepairable, match="more than one reading"):
        repair(raw, 2)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xe4\xf3\xbb_\xe4\xf3\xbb_\xe4\xf3\xbb\x81\xcd@CScharp: My allergies",
        b"my Claritin! _\xe4\xf3\xbb\xe4\xf3_\xe4\xf3\xbb_\xed_\x81_",
        b"Strange new twist \xd3\xf3\x9a",
        b"half a character \xe4\xf3",
    ],
)
def test_what_has_no_reading_is_not_repaired(raw: bytes) -> None:
    with pytest.raises(Unrepairable):
        repair(raw, 2)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"@user_name says -_- & __init__", "@user_name says -_- & __init__"),
        (b"it\xe4\xf3\xbbs @user_name_ _now_", "it’s @user_name_ _now_"),
        (b"\xe4\xf3\xec@caaiiit_\xe4\xf3\x9d God bless", "“@caaiiit_” God bless"),
    ],
)
def test_a_real_underscore_stays(raw: bytes, text: str) -> None:
    assert repair(raw, 2) == text


def test_every_repaired_row_of_the_corpus_becomes_the_damaged_one_again() -> None:
    repaired = 0
    for row in read_corpus(find_corpus()):
        if row.raw.isascii():
            continue
        try:
            text = repair(row.raw, row.passes)
        except Unrepairable:
            continue
        assert row.raw in (damage(text, row.passes), damage(text, row.passes, twice_utf8=True))
        repaired += 1
    assert repaired == 3844
