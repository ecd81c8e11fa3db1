"""The promotion log: which version is champion, since when, by whom and why. MLflow's alias follows it.

A folder or S3 prefix of entries 000001.json, 000002.json, ...; each holds the sha256 of the bytes of the one before,
and is written only where there is none, so that exactly one of several promotions at once gets the next number.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from components.base.errors import TextgateError
from components.base.files import canonical_json
from components.base.objects import ObjectStore, open_store
from components.base.settings import RunStep
from components.base.workspace import home


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What is decided. `previous_version` is empty for the first; `override` is the reason a rule was set aside."""

    version: str
    previous_version: str
    bundle_digest: str
    verdict_digest: str
    who: str
    why: str
    override: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry(Promotion):
    """A promotion as it stands in the log; `when` is UTC in ISO 8601, `previous_hash` empty in entry 1."""

    number: int
    previous_hash: str
    name: str
    when: str

    @property
    def content(self) -> bytes:
        """What the log holds."""
        return canonical_json(asdict(self)).encode()

    @property
    def digest(self) -> str:
        """The sha256 of it: what the next entry holds as its `previous_hash`."""
        return _sha256(self.content)


class LostRace(TextgateError):
    """Another promotion took the number first; nothing was changed. `advice` says what to do."""

    def __init__(self, winner: Entry, advice: str = "") -> None:
        self.winner = winner
        message = f"{winner.name}: {winner.who} promoted version {winner.version} first, at {winner.when}"
        super().__init__(f"{message}; {advice}" if advice else message)


class PromotionLog:
    def __init__(self, store: ObjectStore, name: str) -> None:
        self.store, self.name = store, name

    def entries(self) -> list[Entry]:
        """All entries, oldest first, the chain verified.

        Raises TextgateError naming an entry that was removed or edited; the newest one has none after it to tell.
        """
        entries: list[Entry] = []
        previous = b""
        for number in range(1, self._last() + 1):
            content = self._read(number)
            entries.append(self._parse(number, content))
            self._check_link(entries[-1], previous)
            previous = content
        return entries

    def head(self) -> Entry | None:
        """The newest entry, its link to the one before verified."""
        number = self._last()
        if not number:
            return None
        entry = self._parse(number, self._read(number))
        self._check_link(entry, self._read(number - 1) if number > 1 else b"")
        return entry

    def append(self, after: Entry | None, promotion: Promotion) -> Entry:
        """Writes the entry that follows `after`, the head that the promotion was decided on.

        Raises LostRace when somebody else's entry follows it already.
        """
        number = after.number + 1 if after else 1
        entry = Entry(
            number=number,
            previous_hash=after.digest if after else "",
            name=self.name,
            when=datetime.now(UTC).isoformat(),
            **asdict(promotion),
        )
        content = entry.content
        # A write that was repeated because its answer got lost finds itself there.
        if not self.store.create(_key(number), content) and (stored := self._read(number)) != content:
            raise LostRace(self._parse(number, stored))
        return entry

    def _last(self) -> int:
        numbers = [int(key[:6]) for key in self.store.keys() if re.fullmatch(r"\d{6}\.json", key)]
        for expected, number in enumerate(numbers, start=1):
            if number != expected:
                raise TextgateError(f"the promotion log {self.store.url} lacks {_key(expected)}: it was removed")
        return len(numbers)

    def _read(self, number: int) -> bytes:
        try:
            return b"".join(self.store.chunks(_key(number)))
        except FileNotFoundError:
            raise TextgateError(f"the promotion log {self.store.url} lacks {_key(number)}: it was removed") from None

    def _parse(self, number: int, content: bytes) -> Entry:
        where = f"the promotion log {self.store.url}: {_key(number)}"
        try:
            value: Any = json.loads(content)
        except ValueError:
            raise TextgateError(f"{where} is not JSON: it was edited") from None
        known = {field.name: int if field.name == "number" else str for field in fields(Entry)}
        if not isinstance(value, dict) or value.keys() != known.keys():
            raise TextgateError(f"{where} does not have the keys {', '.join(known)}: edited, or of a newer textgate")
        if wrong := [key for key, kind in known.items() if type(value[key]) is not kind]:
            raise TextgateError(f"{where} has {value[wrong[0]]!r} as its {wrong[0]}: it was edited")
        entry = Entry(**value)
        if entry.number != number or entry.name != self.name:
            raise TextgateError(f"{where} is entry {entry.number} of {entry.name}: edited, or put there by mistake")
        if entry.content != content:
            raise TextgateError(f"{where} is not as textgate writes it: it was edited")
        return entry

    def _check_link(self, entry: Entry, previous: bytes) -> None:
        if entry.previous_hash != (_sha256(previous) if previous else ""):
            edited = _key(max(entry.number - 1, 1))
            raise TextgateError(
                f"the promotion log {self.store.url}: {edited} was edited;"
                f" {_key(entry.number)} was written after other bytes"
            )


def open_log(run: RunStep) -> PromotionLog:
    """The model's own folder in the place that the settings name, or in the workspace."""
    place = run.log.rstrip("/") or str(home() / "promotions")
    return PromotionLog(open_store(f"{place}/{run.name}", run.s3), run.name)


def _key(number: int) -> str:
    return f"{number:06d}.json"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
