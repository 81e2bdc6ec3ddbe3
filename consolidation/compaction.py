"""Which small modules become one: nights leave small modules behind, and every one of them costs a file and a route.

As in a log-structured merge tree, modules are sorted into classes by size, each four times as large as the one before.
Four of a class are learned anew as one, from their facts and never from their weights; so a fact is learned again only a
few times however many nights pass, and there are at most three small modules of a class.
"""

from __future__ import annotations

from collections.abc import Sequence

from slowwave.adapters_store.manifest import Manifest

__all__ = ["crowded"]

_FAN = 4
"""So many modules of one class become one, and so much larger is the next class."""


def crowded(modules: Sequence[Manifest], limit: int) -> list[list[Manifest]]:
    """Lists of one user's modules that should become one module each, of at most `limit` facts."""
    classes: dict[int, list[Manifest]] = {}
    for module in modules:
        size = len(module.facts)
        if 0 < size < limit:
            classes.setdefault(_size_class(size), []).append(module)
    found: list[list[Manifest]] = []
    for some in classes.values():
        # By age, and always four: the lists stay the same from night to night, so that one that fails is not tried again.
        waiting = sorted(some, key=lambda module: (module.created_at, module.id))
        while len(waiting) >= _FAN:
            if sum(len(one.facts) for one in waiting[:_FAN]) <= limit:
                found.append(waiting[:_FAN])
                del waiting[:_FAN]
            else:
                del waiting[0]
    return found


def _size_class(size: int) -> int:
    number = 0
    while size >= _FAN ** (number + 1):
        number += 1
    return number
