"""What newly said facts make of those that are there: nothing new, the same said again, or a newer version.

No text is changed and none is dropped. A fact that is said again gets the later date and remembers the days before it; one
that is about the same thing as an older one takes its place, and the old one stays as history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC

from slowwave.dates import resolve_dates
from slowwave.restated import same_statement, statement_key
from slowwave.superseding import replaces, subject
from slowwave.types import Fact, Scalar

__all__ = ["Ledger", "marks"]

_DAYS = 16
"""The most earlier days that a fact remembers."""


def marks(fact: Fact) -> tuple[str, str]:
    """Texts that are equal for facts that may say the same, and for facts that may be about the same thing ("" if unclear).

    Both hold who speaks; facts of different speakers or sources never share the second.
    """
    speaker = str(fact.metadata.get("name", ""))
    about = subject(fact.text)
    same = f"{speaker}\n{statement_key(_resolved(fact))}"
    return same, f"{speaker}\n{fact.source}\n{about.key}" if about is not None else ""


class Ledger:
    """The facts that new ones may touch, and what has changed in them."""

    def __init__(self, stored: Iterable[Fact], read: Callable[[str], Fact | None]) -> None:
        """Begin with these facts of one or more users; `read` fetches an older version by its id."""
        self._read = read
        self._facts: dict[str, Fact] = {}
        self._same: dict[tuple[str, str], list[str]] = {}
        self._about: dict[tuple[str, str], str] = {}
        self.changed: dict[str, Fact] = {}
        """New facts and facts with new dates or links, by id."""
        self.replaced: dict[str, Fact] = {}
        """Facts that a newer one took the place of."""
        for fact in stored:
            self._list(fact)

    def say(self, fact: Fact, *, alike: bool) -> Fact:
        """Take in a fact and return it as it is kept.

        Args:
            alike: whether one that says the same in nearly the same words will do; otherwise only the same text will.
        """
        known = self._facts.get(fact.id)
        if known is None and alike:
            known = self._alike(fact)
        if known is not None and known.superseded_by is None:
            return self._again(known, fact)
        if known is not None:
            if fact.said_at <= known.said_at:
                return known
            # Said again after it had been replaced: the old words are the truth once more.
            fact = known.model_copy(update={"said_at": fact.said_at, "superseded_by": None, "supersedes": None})
        rival = self._rival(fact)
        if rival is None:
            return self._put(fact)
        if replaces(fact.text, rival.text) and fact.said_at >= rival.said_at:
            self._put(rival.model_copy(update={"superseded_by": fact.id}))
            self.replaced[rival.id] = rival
            return self._put(fact.model_copy(update={"supersedes": rival.id}))
        if replaces(rival.text, fact.text) and fact.said_at < rival.said_at:
            return self._before(rival, fact)
        return self._put(fact)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _alike(self, fact: Fact) -> Fact | None:
        """A live fact that says the same."""
        text = _resolved(fact)
        for key in self._same.get((fact.user_id, marks(fact)[0]), ()):
            other = self._facts[key]
            same_day = other.said_at.astimezone(UTC).date() == fact.said_at.astimezone(UTC).date()
            if other.superseded_by is None and same_statement(text, _resolved(other), same_day=same_day):
                return other
        return None

    def _rival(self, fact: Fact) -> Fact | None:
        """The live fact that is about the same thing, if any."""
        about = marks(fact)[1]
        key = self._about.get((fact.user_id, about)) if about else None
        other = self._facts[key] if key is not None else None
        return other if other is not None and other.id != fact.id and other.superseded_by is None else None

    def _again(self, known: Fact, fact: Fact) -> Fact:
        """A fact that was said before, dated by the last time."""
        first, last = sorted((known, fact), key=lambda one: one.said_at)
        extra = dict(known.metadata) | dict(fact.metadata)
        days = {*_days(known, "also_said"), *_days(fact, "also_said"), _day(first)} - {_day(last)}
        sources = {*_days(known, "also_from"), fact.source} - {known.source}
        for name, values in (("also_said", sorted(days)[-_DAYS:]), ("also_from", sorted(sources))):
            if values:
                extra[name] = ",".join(values)
        if extra == known.metadata and last.said_at == known.said_at:
            return known
        return self._put(known.model_copy(update={"said_at": last.said_at, "metadata": extra}))

    def _before(self, newer: Fact, fact: Fact) -> Fact:
        """Put a fact that was said earlier among the versions that came before a live one."""
        older = self._get(newer.supersedes, newer.id)
        while older is not None and older.said_at > fact.said_at:
            newer, older = older, self._get(older.supersedes, older.id)
        if older is not None:
            self._put(older.model_copy(update={"superseded_by": fact.id}))
        self._put(newer.model_copy(update={"supersedes": fact.id}))
        links = {"superseded_by": newer.id, "supersedes": older.id if older is not None else None}
        return self._put(fact.model_copy(update=links))

    def _get(self, key: str | None, newer: str) -> Fact | None:
        """An older version, if it still leads to the newer one."""
        if key is None:
            return None
        found = self._facts.get(key) or self._read(key)
        return found if found is not None and found.superseded_by == newer else None

    def _put(self, fact: Fact) -> Fact:
        self.changed[fact.id] = fact
        self._list(fact)
        return fact

    def _list(self, fact: Fact) -> None:
        self._facts[fact.id] = fact
        if fact.superseded_by is not None:
            return
        same, about = marks(fact)
        listed = self._same.setdefault((fact.user_id, same), [])
        if fact.id not in listed:
            listed.append(fact.id)
        if about:
            other = self._facts.get(self._about.get((fact.user_id, about), ""))
            if other is None or other.superseded_by is not None or other.said_at <= fact.said_at:
                self._about[fact.user_id, about] = fact.id


def _resolved(fact: Fact) -> str:
    return resolve_dates(fact.text, fact.said_at)


def _day(fact: Fact) -> str:
    return fact.said_at.date().isoformat()


def _days(fact: Fact, name: str) -> list[str]:
    value: Mapping[str, Scalar] = fact.metadata
    return [one for one in str(value.get(name, "")).split(",") if one]
