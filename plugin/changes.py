"""What a change of facts takes with it: modules that carry them, the night under way, counts of failures, caches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from slowwave.intake import to_fact
from slowwave.records import timeless_id
from slowwave.rooms import Rooms
from slowwave.types import Fact, Scalar

__all__ = ["Changes"]


class Changes:
    """Adds, replaces and erases facts, and takes what was made of the old ones out of the weights, routes and caches."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def keep(self, facts: Sequence[Fact], *, alike: bool = False) -> list[Fact]:
        """Store facts; those that are there already in nearly the same words (`alike`) are not stored again."""
        with self._rooms.guard:
            added = self._rooms.facts.add(facts, alike=alike)
            if added.replaced:
                self._unlearn(added.replaced)
            return added.facts

    def replace(
        self, fact_id: str, text: str, said_at: datetime | None = None, metadata: Mapping[str, Scalar] | None = None
    ) -> Fact:
        """A new version of a fact; with the same text only the date and the metadata that are given change.

        Raises:
            FactNotFound: there is no such fact.
            InvalidInput: the text cannot be stored.
        """
        with self._rooms.guard:
            old = self._rooms.facts.versions(fact_id)[-1]
            # Whose words it is stays, unless that is what changes; the days on which it was said belong to the text.
            kept = dict(old.metadata) if metadata is None else {**_only(old, "name"), **metadata}
            new = to_fact(
                text,
                user_id=old.user_id,
                said_at=said_at,
                source=old.source if metadata is None or "source" not in metadata else None,
                metadata=kept,
                limit=self._rooms.settings.max_fact_chars,
            )
            if timeless_id(new) == timeless_id(old):
                days = _only(old, "also_said", "also_from")
                return self._revise(old, new.said_at if said_at else old.said_at, {**days, **kept})
            said = {key: value for key, value in new.metadata.items() if key not in {"also_said", "also_from"}}
            new, gone = self._rooms.facts.supersede(old, new.model_copy(update={"metadata": said}))
            self._unlearn(gone)
            return new

    def erase(self, fact_id: str) -> None:
        """Forget a fact and its older versions.

        Raises:
            FactNotFound: there is none.
        """
        with self._rooms.guard:
            self._erase(self._rooms.facts.versions(fact_id))

    def erase_all(self, user_id: str) -> int:
        """Forget every fact of a user, older versions too; returns how many live ones went."""
        with self._rooms.guard:
            facts = self._rooms.facts.with_older(user_id)
            self._erase(facts)
            return sum(fact.superseded_by is None for fact in facts)

    def _revise(self, old: Fact, said_at: datetime, metadata: Mapping[str, Scalar]) -> Fact:
        """Change what is known of a fact besides its text. A module may have learned the date, in place of "tomorrow"."""
        new = old.model_copy(update={"said_at": said_at, "metadata": dict(metadata)})
        if new == old:
            return old
        self._rooms.facts.revise(old, new)
        if new.said_at != old.said_at:
            self._unlearn([old])
        return new

    def _erase(self, facts: Sequence[Fact]) -> None:
        # The weights first: after a crash between the two the fact is still there and can be deleted again.
        self._unlearn(facts)
        self._rooms.facts.delete(facts)
        self._unlearn(facts)  # what a night under way made of them meanwhile

    def _unlearn(self, facts: Sequence[Fact]) -> None:
        """Take every module that was trained on one of these facts out of the weights, the routes and the caches."""
        from slowwave.consolidation.attempts import Attempts
        from slowwave.consolidation.journal import Journal

        rooms = self._rooms
        gone = {fact.id for fact in facts}
        users = {fact.user_id for fact in facts}
        carriers = [
            manifest.id
            for user_id in users
            for manifest in rooms.store.live(user_id)
            if any(known.id in gone for known in manifest.facts)
        ]
        rooms.store.retire(carriers)
        Journal(rooms.layout.night).drop(gone)
        Attempts(rooms.layout.attempts).drop(gone)
        rooms.forget_answers(users)


def _only(fact: Fact, *names: str) -> dict[str, Scalar]:
    return {name: fact.metadata[name] for name in names if name in fact.metadata}
