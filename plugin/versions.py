"""What newly said facts make of those that are there: nothing new, the same said again, or a newer version.

No text is changed and none is dropped. A fact that is said again gets the later date and remembers the days before it; one
that is about the same thing as an older one takes its place, and the old one stays as history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

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
    text = _resolved(fact)
    about = subject(text)
    same = f"{speaker}\n{statement_key(text)}"
    return same, f"{speaker}\n{fact.source}\n{about.key}" if about is not None else ""


class Ledger:
    """The facts that new ones may touch, and what has changed in them."""

    def __init__(self, stored: Iterable[Fact], read: Callable[[str], Fact | None]) -> None:
        """Begin with these facts of one or more users; `read` fetches an older version by its id."""
        self._read = read
        self._facts: dict[str, Fact] = {}
        self._same: dict[tuple[str, str], list[str]] = {}
        self._about: dict[tuple[str, str], list[str]] = {}
        self.changed: dict[str, Fact] = {}
        """New facts and facts with new dates or links, by id."""
        self.replaced: dict[str, Fact] = {}
        """Facts that a newer one took the place of."""
        self._told: set[str] = set()
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
        if known is None:  # what is only said again was not told together with what is new
            self._told.add(fact.id)
        if known is not None and known.superseded_by is None:
            return self._again(known, fact)
        if known is not None:
            if fact.said_at <= known.said_at:
                return known
            # Said again after it had been replaced: the old words are the truth once more.
            fact = known.model_copy(update={"said_at": fact.said_at, "superseded_by": None, "supersedes": None})
        rivals = self._rivals(fact)
        older = [one for one in rivals if one.said_at <= fact.said_at and _replaces(fact, one)]
        newer = [one for one in rivals if one.said_at > fact.said_at and _replaces(one, fact)]
        if (not older and not newer) or self._unclear(fact, older, newer):
            return self._put(fact)
        self.replaced |= {one.id: one for one in older}
        if not newer:
            return self._link(older, fact)
        live = min(newer, key=lambda one: one.said_at)
        self._link([*older, *self._past(live), fact], live)
        return self._facts[fact.id]

    def join(self, old: Fact, known: Fact, new: Fact) -> tuple[Fact, list[Fact]]:
        """Make a fact that is there the version after another one, said again now; what came after it comes before it then.

        Args:
            old: the version to be replaced.
            known: the fact that has the new text.
            new: that text with its date and metadata.

        Returns:
            the live fact, and those that were live or dated otherwise before.
        """
        newer: list[Fact] = []
        step = known
        while step.superseded_by is not None and (found := self._read(step.superseded_by)) is not None:
            if found.id in {known.id, *(one.id for one in newer)}:
                break
            newer.append(found)
            step = found
        again = self._again(known.model_copy(update={"superseded_by": None}), new)
        live = self._link([old, *newer, *self._past(known)], again)
        moved = [known] if live.said_at != known.said_at else []
        return live, [old, *newer, *moved]

    # -- inside ----------------------------------------------------------------------------------------------------

    def _alike(self, fact: Fact) -> Fact | None:
        """A live fact that says the same."""
        text = _resolved(fact)
        for key in self._same.get((fact.user_id, marks(fact)[0]), ()):
            other = self._facts[key]
            same_day = _day(other) == _day(fact)
            if other.superseded_by is None and same_statement(text, _resolved(other), same_day=same_day):
                return other
        return None

    def _rivals(self, fact: Fact) -> list[Fact]:
        """The live facts that are about the same thing; what is told together on one day is true together."""
        about = marks(fact)[1]
        others = [self._facts[key] for key in self._about.get((fact.user_id, about), ())] if about else []
        live = [one for one in others if one.id != fact.id and one.superseded_by is None]
        return [one for one in live if one.id not in self._told or _day(one) != _day(fact)]

    def _unclear(self, fact: Fact, older: Sequence[Fact], newer: Sequence[Fact]) -> bool:
        """Whether it cannot be told which of several things changed: "my appointment was moved", of two appointments."""
        about = subject(_resolved(fact))
        if about is None or not about.several:
            return False
        return len(older) + len(newer) > 1 or any(self._past(one) for one in newer)

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

    def _link(self, versions: Iterable[Fact], live: Fact) -> Fact:
        """Make these and their older versions the versions before a live one, in the order in which they were said."""
        past = {one.id: one for version in versions for one in (version, *self._past(version))}
        past.pop(live.id, None)  # it was one of them, and is said again
        ordered = [*sorted(past.values(), key=lambda one: (one.said_at, one.id)), live]
        ids = [None, *(one.id for one in ordered), None]
        for place, one in enumerate(ordered):
            self._put(one.model_copy(update={"supersedes": ids[place], "superseded_by": ids[place + 2]}))
        return self._facts[live.id]

    def _past(self, fact: Fact) -> list[Fact]:
        """The older versions of a fact, as far as each still leads to the next."""
        found: list[Fact] = []
        newer = fact
        while newer.supersedes is not None:
            older = self._facts.get(newer.supersedes) or self._read(newer.supersedes)
            if older is None or older.superseded_by != newer.id or older.id in {fact.id, *(one.id for one in found)}:
                break
            found.append(older)
            newer = older
        return found

    def _put(self, fact: Fact) -> Fact:
        self.changed[fact.id] = fact
        self._list(fact)
        return fact

    def _list(self, fact: Fact) -> None:
        self._facts[fact.id] = fact
        if fact.superseded_by is not None:
            return
        for listed, mark in zip((self._same, self._about), marks(fact), strict=True):
            names = listed.setdefault((fact.user_id, mark), []) if mark else []
            if fact.id not in names:
                names.append(fact.id)


def _resolved(fact: Fact) -> str:
    return resolve_dates(fact.text, fact.said_at)


def _replaces(newer: Fact, older: Fact) -> bool:
    return replaces(_resolved(newer), _resolved(older), older.said_at)


def _day(fact: Fact) -> str:
    return fact.said_at.date().isoformat()


def _days(fact: Fact, name: str) -> list[str]:
    value: Mapping[str, Scalar] = fact.metadata
    return [one for one in str(value.get(name, "")).split(",") if one]
