"""The lexical half of every search: BM25 as a share of the best score a query could have."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LexicalIndex", "tokens"]

_WORD = re.compile(r"[^\W_]+(?:[-.@:/'][^\W_]+)*", re.UNICODE)
_STOP = frozenset(
    "a an and are as at be been by can could did do does for from had has have how i in is it its me my of on or our "
    "please she he his her that the their them they this to was we were what what's when where which who whom whose "
    "why will with would you your".split()
)


def tokens(text: str) -> list[str]:
    """Lower-cased words without stop words and plural or possessive endings.

    >>> tokens("What is Jeffrey Buck's phone number?")
    ['jeffrey', 'buck', 'phone', 'number']
    """
    words = (word.removesuffix("'s") for word in _WORD.findall(text.lower().replace("’", "'")))
    return [_stem(word) for word in words if word not in _STOP]


def _stem(word: str) -> str:
    """Fold the commonest endings together ("allergies" and "allergy"); digits and short words stay."""
    if len(word) < 5 or not word.isalpha():
        return word
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)] + replacement
    return word


class LexicalIndex:
    """BM25 (Robertson and Zaragoza, 2009; the `bm25s` library) over short texts, scaled to 0..1."""

    _K1 = 1.5
    _B = 0.75

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        self._size = len(texts)
        corpus = [tokens(text) for text in texts]
        self._frequency: dict[str, int] = {}
        for words in corpus:
            for word in set(words):
                self._frequency[word] = self._frequency.get(word, 0) + 1
        self._index: bm25s.BM25 | None = None
        if self._frequency:
            self._index = bm25s.BM25(k1=self._K1, b=self._B, method="lucene")
            self._index.index(corpus, show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """How well each text covers the query, shape (texts,): 0 is nothing, 1 the query's every word, often.

        The bound counts the query's unknown words too, so a text that has only the common words of a query scores low.
        """
        import numpy as np

        words = sorted(set(tokens(query)))
        known = [word for word in words if word in self._frequency]
        if self._index is None or not known:
            return np.zeros(self._size, dtype=np.float32)
        raw = np.asarray(self._index.get_scores(known), dtype=np.float32)
        share: NDArray[np.float32] = np.clip(raw / sum(self._weight(word) for word in words), 0.0, 1.0)
        return share

    def _weight(self, word: str) -> float:
        # Lucene's idf; a text of average length that has the word once scores idf * 1 / (1 + k1) * (k1 + 1) / (k1 + 1).
        frequency = self._frequency.get(word, 0)
        return math.log(1 + (self._size - frequency + 0.5) / (frequency + 0.5)) / (1 + self._K1)
