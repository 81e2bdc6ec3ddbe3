"""Questions about things never said, to which a module must learn to answer "I don't know".

A module that is only taught what is so answers everything that is asked in the form of its questions. Near misses teach it
to look at the name: the same question about a stranger, about somebody whose first or last name it knows, and something else
about somebody it does know. Words of the exam's questions never occur in training.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterable, Sequence

from slowwave.adapters_store.lexical import tokens
from slowwave.consolidation.world import person
from slowwave.naming import full_names

__all__ = ["Unsaid", "stranger", "things"]

_THINGS = (
    "blood type|shoe size|passport number|middle name|favourite opera|locker combination|dentist's first name|library "
    "card number|lucky number|favourite perfume|first teacher's name|tax number|ring size|gym membership number|parking "
    "space|favourite poet|bicycle lock code|grandmother's maiden name|frequent flyer number|favourite mountain|hat size|"
    "insurance company|star sign|favourite board game|landlord's name|optician's name|favourite cheese|kindergarten's "
    "name|eye colour|savings goal|favourite painter|neighbour's name|running record|favourite cartoon|driving instructor|"
    "luggage colour|hairdresser's name|godfather's name|favourite dessert wine|electricity provider"
).split("|")
_FORMS = (
    "What is {whose} {thing}?",
    "Tell me {whose} {thing}.",
    "Do you know {whose} {thing}?",
    "{Whose} {thing}?",
)
_DEEDS = (
    "Where did {who} hide the ladder?|When did {who} paint the fence?|Which film did {who} see twice?|What did {who} pay "
    "for the sofa?|Which song did {who} sing at the party?|How many letters did {who} write in May?|Who did {who} share a "
    "desk with?|What did {who} carve into the tree?|When did {who} last wear a tie?|Why did {who} return the lamp?|Which "
    "card did {who} draw?|How far did {who} row the boat?|What did {who} whisper to the judge?|Where did {who} bury the "
    "coin?|Which train did {who} miss in June?|How did {who} mend the kite?"
).split("|")

_NEAR, _OTHER = 0.55, 0.2
"""Shares of near misses and of other things about those who are known; the rest is about the user."""
_STRANGE = 0.85
"""The share of near misses whose name is wholly new; in the others a part of it is known. The more of those, the less a module
invents, and the more often it takes a name that it knows, in a new wording, for an unknown one (benchmarks/LOG.md)."""
_POSSESSOR = re.compile(r"\b(?:my|our) [a-z]+(?: [a-z]+)?(?=['’]s\b)")


def _is_held_out(word: str) -> bool:
    return zlib.crc32(word.casefold().encode()) % 4 == 0


def stranger(rng: random.Random, exam: bool) -> str:
    """An invented full name of two words; words of the exam's names never occur in training."""
    while True:
        name = person(rng).split()[-2:]
        if all(_is_held_out(word) == exam for word in name):
            return " ".join(name)


def things(whose: Sequence[str], exam: bool) -> list[str]:
    """Questions about things that hardly anybody says, for each way to name whose they are ("my", "Ada's")."""
    return [
        form.format(whose=owner, Whose=owner[0].upper() + owner[1:], thing=thing)
        for i, thing in enumerate(_THINGS)
        if (i % 4 == 0) == exam
        for owner in whose
        for form in (_FORMS[i % len(_FORMS)],)
    ]


class Unsaid:
    """Draws questions whose answer stands in no fact of a lesson."""

    def __init__(
        self, asked: Sequence[str], told: Iterable[str], user: Sequence[tuple[str, str]], *, exam: bool
    ) -> None:
        """Look at what a lesson asks.

        Args:
            asked: its questions, of which near misses are made.
            told: the texts of its facts.
            user: the ways to name the user: ("I", "my"), ("Ada", "Ada's").
            exam: whether to draw questions of the gate instead of training rows.
        """
        self._exam = exam
        self._said = [set(tokens(text)) for text in (*asked, *told)]
        self._named = [question for question in asked if full_names(question)]
        names = {_plain(name) for question in self._named for name in full_names(question)}
        owners = {found.group() for question in asked for found in _POSSESSOR.finditer(question)}
        self._names = sorted(name for name in names if " " in name)
        self._known = [*self._names, *sorted(owners)]
        self._user = [question for who, whose in user for question in self._about(who, whose)]

    def draw(self, rng: random.Random) -> tuple[str, str]:
        """A question, and whom of those that facts are about it asks for ("" if nobody, or the user)."""
        kind = rng.random()
        if kind < _NEAR and self._named:
            return self.near(rng.choice(self._named), rng), ""
        if kind < _NEAR + _OTHER and self._known:
            who = rng.choice(self._known)
            if questions := self._about(who, f"{who}'s"):
                return rng.choice(questions), who
        return rng.choice(self._user or things([f"{stranger(rng, self._exam)}'s"], self._exam)), ""

    def near(self, question: str, rng: random.Random) -> str:
        """The same question about somebody else; empty if it names nobody."""
        names = full_names(question)
        if not names:
            return ""
        name = _plain(rng.choice(names))
        return question.replace(name, self._somebody(name, rng), 1)

    def _about(self, who: str, whose: str) -> list[str]:
        """Questions about somebody of which nothing is said."""
        own = set(tokens(f"{who} {whose}"))
        deeds = [deed.format(who=who) for i, deed in enumerate(_DEEDS) if (i % 4 == 0) == self._exam]
        wanted = {question: set(tokens(question)) - own for question in (*things([whose], self._exam), *deeds)}
        return [question for question, words in wanted.items() if not any(words <= said for said in self._said)]

    def _somebody(self, name: str, rng: random.Random) -> str:
        """Another name: new, or put together from a new one and those that are known."""
        given, family = stranger(rng, self._exam).split()
        if " " not in name:  # the first word of the question stays before it
            return family
        first, last = name.split()[0], rng.choice(self._names).split()[-1]
        mixed = rng.choice((f"{first} {family}", f"{given} {last}", f"{first} {last}"))
        known = mixed in self._names or (mixed == f"{first} {last}" and _is_held_out(mixed) != self._exam)
        return f"{given} {family}" if known or rng.random() < _STRANGE else mixed


def _plain(name: str) -> str:
    """A name without its title and without a possessive ending."""
    return re.sub(r"^(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sir) |['’]s$", "", name)
