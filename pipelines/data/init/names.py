"""Names that columns of text data go by, in lower case and without what parts their words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.data.sources.records import shorten


def _set(spelled: str) -> frozenset[str]:
    return frozenset(spelled.split())


TEXTS = _set(
    "text texts sentence utterance body message msg content comment review document doc description query question"
    " title tweet post snippet transcript input phrase headline subject summary note feedback inhalt nachricht"
    " beschreibung anfrage freitext kommentar texte mensaje texto"
)
LABELS = (
    *("label", "labels", "category", "categories", "class", "classes", "intent", "intents", "target", "sentiment"),
    *(
        "topic",
        "topics",
        "emotion",
        "emotions",
        "tag",
        "tags",
        "y",
        "annotation",
        "goldlabel",
        "labelname",
        "kategorie",
    ),
    *("genre", "genres", "stance", "polarity", "rating", "stars", "score", "type", "queue", "department", "reason"),
)
FIRST_VAGUE = "genre"
ID_WORDS = _set("no number ref key")
ABOUT = _set("id nr no number length len count lang language date time type label category class")
IDS = ("id", "uid", "uuid", "guid", "rowid", "exampleid", "sampleid", "textid", "recordid", "key")
# Of those who write or own several rows: rows of one belong into one split.
ENTITIES = _set(
    "user customer client account author session conversation thread dialog dialogue speaker patient company shop"
    " product group household sender agent owner worker kunde kundennr kundennummer benutzer"
    " username userid customerid"
)
TIMES = _set("time date timestamp created createdat createdon updated day datum zeit opened openedat")
TOKENS = ("tokens", "words", "token", "word")
TAGS = ("tags", "nertags", "labels", "tag", "bio", "slots", "entities", "ner", "postags", "label")
PAIRS = (
    *(("premise", "hypothesis"), ("question", "answer"), ("question", "passage"), ("query", "passage")),
    *(("query", "document"), ("question", "sentence"), ("claim", "evidence"), ("context", "response")),
    *(("anchor", "positive"), ("source", "target"), ("text", "textpair")),
)
# Endings by which the two of a pair differ: text1 and text2, sentence_a and sentence_b.
PAIR_ENDINGS = (("1", "2"), ("a", "b"), ("left", "right"), ("one", "two"), ("0", "1"))


def plain(name: str) -> str:
    return re.sub(r"[^\w]|_", "", name).casefold()


def words(name: str) -> list[str]:
    """customerId, customer_id and "Customer ID" are customer and id."""
    return [word.casefold() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|\d+", name)]


def label_rank(name: str) -> int:
    """Smaller is likelier; len(LABELS) for a name that says nothing."""
    return min((LABELS.index(word) for word in (plain(name), *words(name)) if word in LABELS), default=len(LABELS))


def label_tier(name: str) -> int:
    """0 for a name that means a label, 1 for one that may, 2 for one that says nothing."""
    rank = label_rank(name)
    return 0 if rank < LABELS.index(FIRST_VAGUE) else 1 if rank < len(LABELS) else 2


def is_exactly_text(name: str) -> bool:
    return plain(name) in TEXTS


def is_text(name: str) -> bool:
    """Also with other words, such as review_text, but for those by which it is something about the text."""
    return is_exactly_text(name) or bool(TEXTS & set(words(name)) and not ABOUT & set(words(name)))


def id_rank(name: str) -> int | None:
    """None where the name is not that of an id."""
    if plain(name) in IDS:
        return IDS.index(plain(name))
    spelled = words(name)
    if not spelled or is_entity(name) or not (spelled[-1].endswith(("id", "nr")) or spelled[-1] in ID_WORDS):
        return None
    return len(IDS)


def is_entity(name: str) -> bool:
    return plain(name) in ENTITIES or bool(ENTITIES & set(words(name)))


def is_time(name: str) -> bool:
    return plain(name) in TIMES or bool(TIMES & set(words(name)))


def is_pair(first: str, second: str) -> bool:
    one, two = plain(first), plain(second)
    if (one, two) in PAIRS:
        return True
    return any(
        one.endswith(left) and two.endswith(right) and one.removesuffix(left) == two.removesuffix(right)
        for left, right in PAIR_ENDINGS
        if one.removesuffix(left)
    )


def listed(found: Iterable[str]) -> str:
    """For messages: the first twelve, in quotes."""
    quoted = [shorten(name, 40) for name in found]
    return ", ".join(quoted[:12]) + (f" and {len(quoted) - 12} more" if len(quoted) > 12 else "")
