"""What the model has read before and need not read again: keys and values of the last prompts, found by their beginnings.

Prompts of one memory begin alike: the rules, then facts with the oldest first. A prompt that begins as an earlier one did
pays only for the rest.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["Prefixes"]

_TOKENS = 1024
"""Tokens kept, of all prompts together; each takes about 50 kB on the default model."""
_SHORT = 8
"""A common beginning of fewer tokens is not worth its copying."""


class Prefixes:
    """The last prompts of a model without a slot, with what its layers made of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, ...], list[tuple[torch.Tensor, torch.Tensor]]] = OrderedDict()

    def fill(self, cache: Any, ids: Sequence[int]) -> int:
        """Put the longest known beginning of a prompt into an empty cache; returns how many tokens it has.

        At least one token of the prompt is left to read, because the model answers to what it reads.
        """
        with self._lock:
            best, length = None, _SHORT - 1
            for known in self._kept:
                common = next((at for at, (a, b) in enumerate(zip(known, ids, strict=False)) if a != b), len(known))
                common = min(common, len(known), len(ids) - 1)
                if common > length:
                    best, length = known, common
            if best is None:
                return 0
            self._kept.move_to_end(best)
            layers = self._kept[best]
        for index, (keys, values) in enumerate(layers):  # (1, heads, tokens, width) each
            cache.update(keys[:, :, :length], values[:, :, :length], index)
        return length

    def keep(self, cache: Any, ids: Sequence[int]) -> None:
        """Remember a prompt that was just read; caches that forget their beginning are left out."""
        layers = getattr(cache, "layers", [])
        if len(ids) > _TOKENS or not layers or not all(_remembers_all(layer, len(ids)) for layer in layers):
            return
        # The cache grows by making new tensors, so these stay as they are.
        read = [(layer.keys, layer.values) for layer in layers]
        with self._lock:
            self._kept[tuple(ids)] = read
            self._kept.move_to_end(tuple(ids))
            while sum(map(len, self._kept)) > _TOKENS:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all prompts: they hold facts."""
        with self._lock:
            self._kept.clear()


def _remembers_all(layer: Any, tokens: int) -> bool:
    keys = getattr(layer, "keys", None)
    return keys is not None and not getattr(layer, "is_sliding", True) and keys.shape[-2] == tokens
