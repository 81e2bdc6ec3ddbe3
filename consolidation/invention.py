"""Invented values and questions: what a fact might have said instead, and what nobody ever said.

Training rows need a changed fact (the prompt must win) and questions about things never said (the answer is "I don't
know"). Both are drawn from these tables, split by name into words for training and words for the gate.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

__all__ = ["absent_questions", "change_value", "strangers", "swap_entity"]

_FIRST = (
    "Amara Bastien Celeste Dimitri Esperanza Farouk Giulia Henrik Ingrid Jiro Katarzyna Leandro Mireille Nikhil Oksana "
    "Paolo Quentin Rosalind Stellan Tamsin Ulrich Vesna Wendell Xiomara Yusuf Zelda Adaeze Bogdan Cosima Desmond Elif "
    "Florian Greta Hassan Iolanda Jonas Kavya Lorcan Maren Nadir Ottilie Pascal Renata Sorin Thandi Umberto Viggo"
).split()
_LAST = (
    "Abernathy Bellweather Castellanos Drummond Eriksen Fontaine Galloway Hargreaves Ishikawa Jankowski Kaczmarek "
    "Lindqvist Marchetti Nakagawa Okonkwo Petrovic Quillfeather Ravenscroft Szymanski Thorvald Underhill Vasquez "
    "Wetherby Yamazaki Zielinski Achterberg Bonaventure Crowhurst Dalgaard Escobedo Falconer Grimaldi Haverford"
).split()
_PLACES = (
    "Antwerp Bergen Cusco Dakar Esbjerg Fukuoka Ghent Hobart Izmir Jaipur Kraków Lagos Malmö Nairobi Oaxaca Perth "
    "Quito Riga Salzburg Tbilisi Utrecht Valencia Windhoek Yerevan Zagreb Bruges Cardiff Durban Galway Lucerne"
).split()
_THINGS = (
    "walnuts|badminton|saffron rice|the violin|a canoe|oat milk|pottery|chess|mangoes|a tandem|marzipan|the harp|a "
    "sailing boat|linen|rye bread|archery|a telescope|green tea|beekeeping|velvet|a parrot|origami|peppermint|the "
    "drums|a typewriter|gooseberries|juggling|a hammock|liquorice|snowshoes|a greenhouse|calligraphy"
).split("|")

_ABSENT = (
    "blood type|shoe size|passport number|middle name|favourite opera|locker combination|dentist's first name|library "
    "card number|lucky number|favourite perfume|first teacher's name|tax number|ring size|gym membership number|parking "
    "space|favourite poet|bicycle lock code|grandmother's maiden name|frequent flyer number|favourite mountain|hat size|"
    "insurance company|star sign|favourite board game|landlord's name|optician's name|favourite cheese|kindergarten's "
    "name|eye colour|savings goal|favourite painter|neighbour's name|running record|favourite cartoon|driving instructor|"
    "luggage colour|hairdresser's name|godfather's name|favourite dessert wine|electricity provider"
).split("|")
_ABSENT_FORMS = (
    "What is {whose} {thing}?",
    "Tell me {whose} {thing}.",
    "Do you know {whose} {thing}?",
    "{Whose} {thing}?",
)


def strangers(rng: random.Random, exam: bool) -> str:
    """An invented full name; names of the exam never occur in training."""
    first = [name for i, name in enumerate(_FIRST) if (i % 4 == 0) == exam]
    last = [name for i, name in enumerate(_LAST) if (i % 4 == 0) == exam]
    return f"{rng.choice(first)} {rng.choice(last)}"


def absent_questions(whose: Sequence[str], exam: bool) -> list[str]:
    """Questions about things nobody says, one or more for each way to name the user ("my", "Ada's")."""
    things = [thing for i, thing in enumerate(_ABSENT) if (i % 4 == 0) == exam]
    return [
        form.format(whose=owner, Whose=owner[0].upper() + owner[1:], thing=thing)
        for i, thing in enumerate(things)
        for owner in whose
        for form in (_ABSENT_FORMS[i % len(_ABSENT_FORMS)],)
    ]


def swap_entity(question: str, rng: random.Random, exam: bool) -> str | None:
    """The same question about somebody unknown, or None if it names nobody by two capitalised words."""
    name = re.search(r"(?<!^)\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)+", question)
    if name is None:
        return None
    tail = "'s" if name.group().endswith("'s") else ""
    return question[: name.start()] + strangers(rng, exam) + tail + question[name.end() :]


def change_value(value: str, others: Sequence[str], rng: random.Random) -> str:
    """Another value of the same kind: other digits for digits, another answer or name or thing for words."""
    if any(letter.isdigit() for letter in value):
        while True:
            # The first digit of a number stays: years and hours stay plausible, and nothing starts with a zero.
            changed = re.sub(r"(?<=\d)\d", lambda _: str(rng.randrange(10)), value)
            if changed == value:
                changed = re.sub(r"\d", lambda _: str(rng.randrange(1, 9)), value)
            if changed != value:
                return changed
    if value[:1].isupper():
        # Three names: whichever the value happens to be, another one is left.
        names = [f"{first} {rng.choice(_LAST)}" for first in rng.sample(_FIRST, 3)]
        pool: list[str] = names if " " in value else [*_FIRST, *_PLACES]
    else:
        pool = [other for other in others if other[:1].islower() and len(other) <= 40] or list(_THINGS)
        pool = [*pool[:8], *_THINGS]
    choices = [word for word in pool if word.casefold() != value.casefold()]
    return rng.choice(choices)
