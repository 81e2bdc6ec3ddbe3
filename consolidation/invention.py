"""Invented values: what a fact might have said instead, for rows with a changed fact, which the prompt must win."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

__all__ = ["change_value"]

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
_DRAWN = 100
"""How often other digits are drawn, if they come out as they were, before each is made the next one."""


def change_value(value: str, others: Sequence[str], rng: random.Random) -> str:
    """Another value of the same kind: other digits for digits, another answer or name or thing for words."""
    if re.search(r"\d", value):  # not `isdigit`, by which "CO₂" has digits too, and none that could be changed here
        for _ in range(_DRAWN):
            # The first digit of a number stays: years and hours stay plausible, and nothing starts with a zero.
            changed = re.sub(r"(?<=\d)\d", lambda _: str(rng.randrange(10)), value)
            if changed == value:
                changed = re.sub(r"\d", lambda _: str(rng.randrange(1, 9)), value)
            if changed != value:
                return changed
        return re.sub(r"\d", lambda digit: str(int(digit[0]) % 9 + 1), value)
    if value[:1].isupper():
        # Three names: whichever the value happens to be, another one is left.
        names = [f"{first} {rng.choice(_LAST)}" for first in rng.sample(_FIRST, 3)]
        pool: list[str] = names if " " in value else [*_FIRST, *_PLACES]
    else:
        pool = [other for other in others if other[:1].islower() and len(other) <= 40] or list(_THINGS)
        pool = [*pool[:8], *_THINGS]
    choices = [word for word in pool if word.casefold() != value.casefold()]
    return rng.choice(choices)
