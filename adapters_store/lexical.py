"""The lexical half of every search: BM25 as a share of the best score a query could have."""

from __future__ import annotations

import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["STOP", "BlockWords", "LexicalIndex", "folded", "tokens"]

_WORD = re.compile(r"[^\W_]+(?:[-.@:/'][^\W_]+)*", re.UNICODE)
STOP = frozenset(
    "a an and are as at be been by can could did do does for from had has have how i in is it its me my of on or our "
    "please she he his her that the their them they this to was we were what what's when where which who whom whose "
    "why will with would you your".split()
)
"""Words that find nothing. Some of them are names and values too: Will, IT, The Who, an A."""
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
"""Letters that are no letter with an accent to Unicode."""


def tokens(text: str) -> list[str]:
    """Lower-cased words without stop words and plural or possessive endings.

    >>> tokens("What is Jeffrey Buck's phone number?")
    ['jeffrey', 'buck', 'phone', 'number']
    """
    if not text.isascii():
        # An accent of its own would end a word, and so would the dot that a small İ has.
        text = unicodedata.normalize("NFC", text).replace("’", "'").replace("İ", "I")
    words = (word.removesuffix("'s") for word in _WORD.findall(text.lower()))
    return [_stem(word) for word in words if word not in STOP]


def folded(word: str) -> str:
    """A word in small letters, without accents and possessive endings: Émile's is Emile.

    >>> folded("Émile's"), folded("Łódź")
    ('emile', 'lodz')
    """
    word = word.replace("’", "'").removesuffix("'s").casefold()
    if word.isascii():
        return word
    letters = unicodedata.normalize("NFKD", word.translate(_LETTERS))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _stem(word: str) -> str:
    """Fold the commonest endings together ("allergies" and "allergy"); digits and short words stay."""
    if len(word) < 5 or not word.isalpha():
        return word
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)] + replacement
    return word


_K1, _B = 1.5, 0.75
"""BM25's usual constants: how fast repeated words saturate, and how much long texts are held back."""


_RARE = 32_768
"""A word in more rows than this finds none: its list would be long, and it says little."""


def _rarity(texts: int, having: int) -> float:
    """Lucene's idf of a word that `having` of so many texts have; above 0."""
    return math.log(1 + (texts - having + 0.5) / (having + 0.5))


@dataclass(slots=True)
class _Term:
    """One word: where it occurs. It lives as long as a block has it, so that no word outlives its text."""

    number: int
    rows: int = 0
    """How many rows have it."""
    blocks: array[int] = field(default_factory=lambda: array("i"))
    counts: array[int] = field(default_factory=lambda: array("i"))
    """How often it stands in each of these blocks."""
    places: array[int] | None = field(default_factory=lambda: array("q"))
    """Its rows, each as block << 32 | row; None while it is in too many rows to be searched by."""


@dataclass(frozen=True, slots=True)
class _Block:
    """The words of one block's rows, as one flat list of (row's distinct word, count)."""

    terms: NDArray[np.int32]
    """Numbers of the rows' distinct words, one row after another, shape (entries,)."""
    counts: NDArray[np.int32]
    sizes: NDArray[np.int32]
    """Distinct words of each row, shape (rows,)."""
    lengths: NDArray[np.float32]
    """Words of each row, shape (rows,)."""


class BlockWords:
    """BM25 over blocks of short texts that come and go: scores of rows, and of each block as one long text.

    Blocks are known by small numbers. Adding or removing one touches its own words only; a query touches, of every block,
    no more than the list of blocks that have one of its words.
    """

    def __init__(self) -> None:
        import numpy as np

        self._terms: dict[str, _Term] = {}
        self._names: list[str] = []
        """Words by number; a number that is free has an empty one."""
        self._free: list[int] = []
        self._blocks: dict[int, _Block] = {}
        self._lengths = np.zeros(8, dtype=np.float32)
        """Words of each block, by its number."""
        self._sizes = np.zeros(8, dtype=np.int64)
        """Rows of each block, by its number."""
        self._rows = self._words = 0

    def add(self, number: int, texts: Sequence[str]) -> None:
        """Take in a block under a number that is free."""
        import numpy as np

        while number >= len(self._lengths):
            self._lengths = np.concatenate([self._lengths, np.zeros_like(self._lengths)])
            self._sizes = np.concatenate([self._sizes, np.zeros_like(self._sizes)])
        rows = [Counter(tokens(text)) for text in texts]
        for word, count in _summed(rows).items():
            term = self._terms.get(word)
            if term is None:
                term = self._terms[word] = _Term(self._free.pop() if self._free else len(self._names))
                self._names[term.number : term.number + 1] = [word]
            term.blocks.append(number)
            term.counts.append(count)
        for place, row in enumerate(rows, start=number << 32):
            for word in row:
                term = self._terms[word]
                term.rows += 1
                if term.places is not None:
                    term.places.append(place)
        for word in {word for row in rows for word in row}:
            if self._terms[word].rows > _RARE:
                self._terms[word].places = None
        terms = [self._terms[word].number for row in rows for word in row]
        block = _Block(
            np.array(terms, dtype=np.int32),
            np.array([count for row in rows for count in row.values()], dtype=np.int32),
            np.array([len(row) for row in rows], dtype=np.int32),
            np.array([row.total() for row in rows], dtype=np.float32),
        )
        self._blocks[number] = block
        self._lengths[number] = block.lengths.sum()
        self._sizes[number] = len(rows)
        self._rows += len(rows)
        self._words += int(block.lengths.sum())

    def remove(self, number: int) -> None:
        """Forget a block and every word that no other block has."""
        import numpy as np

        block = self._blocks.pop(number)
        for index, rows in zip(*np.unique(block.terms, return_counts=True), strict=True):
            word = self._names[index]
            term = self._terms[word]
            term.rows -= int(rows)
            place = term.blocks.index(number)
            for held in (term.blocks, term.counts):
                held[place] = held[-1]
                held.pop()
            if not term.blocks:
                del self._terms[word]
                self._names[index] = ""
                self._free.append(int(index))
            elif term.places is not None:
                places = np.frombuffer(term.places, dtype=np.int64)
                term.places = array("q", places[places >> 32 != number].tobytes())
        self._rows -= len(block.sizes)
        self._words -= int(block.lengths.sum())
        self._lengths[number] = 0.0
        self._sizes[number] = 0

    def block_scores(self, query: str, size: int) -> NDArray[np.float32]:
        """How well each block as a whole covers the query, shape (size,), by number: 0 is nothing, 1 is every word, often."""
        import numpy as np

        out = np.zeros(size, dtype=np.float32)
        bound, mean = 0.0, max(self._words / max(len(self._blocks), 1), 1e-9)
        for word in sorted(set(tokens(query))):
            term = self._terms.get(word)
            rarity = _rarity(len(self._blocks), 0 if term is None else len(term.blocks))
            bound += rarity
            if term is not None:
                where = np.frombuffer(term.blocks, dtype=np.intc)
                counts = np.frombuffer(term.counts, dtype=np.intc)
                out[where] += rarity * counts / (counts + _K1 * (1 - _B + _B * self._lengths[where] / mean))
        return out / np.float32(bound) if bound else out

    def best_rows(self, query: str, size: int) -> NDArray[np.float32]:
        """Which share of the query, by rarity, its rare words in one row make at best, by block, shape (size,).

        Looks at the rows that have such a word and at no other.
        """
        import numpy as np

        rarities = self.rarities(query)
        starts = np.cumsum(self._sizes) - self._sizes  # of each block among all rows
        sums = np.zeros(self._rows, dtype=np.float32)
        found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        for word, rarity in rarities.items():
            term = self._terms.get(word)
            if term is not None and term.rows <= _RARE:
                places = np.frombuffer(self._placed(term), dtype=np.int64)
                blocks = places >> 32
                at = starts[blocks] + (places & 0xFFFFFFFF)
                sums[at] += rarity  # a word names a row once
                found.append((blocks, at))
        out = np.zeros(size, dtype=np.float32)
        for blocks, at in found:
            np.maximum.at(out, blocks, sums[at])
        return out / np.float32(sum(rarities.values())) if found else out

    def _placed(self, term: _Term) -> array[int]:
        """The rows of a word, listed again if it was in too many rows for a time."""
        import numpy as np

        if term.places is None:
            term.places = array("q")
            for number in term.blocks:
                block = self._blocks[number]
                rows = np.repeat(np.arange(len(block.sizes), dtype=np.int64), block.sizes)[block.terms == term.number]
                term.places.frombytes((rows | number << 32).tobytes())
        return term.places

    def row_scores(self, query: str, numbers: Sequence[int]) -> NDArray[np.float32]:
        """How well each row of some blocks covers the query, one block after another: as `LexicalIndex` over all rows."""
        import numpy as np

        blocks = [self._blocks[number] for number in numbers]
        total = sum(len(block.sizes) for block in blocks)
        rarities = self.rarities(query)
        if not total or not any(word in self._terms for word in rarities):
            return np.zeros(total, dtype=np.float32)
        weights = np.zeros(len(self._names), dtype=np.float32)
        for word, rarity in rarities.items():
            if word in self._terms:
                weights[self._terms[word].number] = rarity
        terms = np.concatenate([block.terms for block in blocks])  # (entries,)
        hits = np.flatnonzero(weights[terms])
        ends = np.cumsum(np.concatenate([block.sizes for block in blocks]))  # (rows,)
        owners = np.searchsorted(ends, hits, side="right")  # (hits,): the row of each
        counts = np.concatenate([block.counts for block in blocks])[hits]
        lengths = np.concatenate([block.lengths for block in blocks])[owners]
        mean = self._words / self._rows
        scores = weights[terms[hits]] * counts / (counts + _K1 * (1 - _B + _B * lengths / mean))
        raw = np.bincount(owners, scores, minlength=total)
        share: NDArray[np.float32] = np.clip(raw * (1 + _K1) / sum(rarities.values()), 0.0, 1.0).astype(np.float32)
        return share

    def rarities(self, query: str) -> Mapping[str, float]:
        """The idf of each word of a query among all rows; known or not, it is above 0."""
        known = {word: self._terms.get(word) for word in sorted(set(tokens(query)))}
        return {word: _rarity(self._rows, 0 if term is None else term.rows) for word, term in known.items()}


class LexicalIndex:
    """BM25 (Robertson and Zaragoza, 2009; Lucene's idf) over short texts that come and go, scaled to 0..1."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self._words = BlockWords()
        self._size = 0
        for place, text in enumerate(texts):
            self.put(place, text)

    def put(self, place: int, text: str) -> None:
        """Take in a text at a place that is free; places are small numbers."""
        self._words.add(place, [text])
        self._size = max(self._size, place + 1)

    def drop(self, place: int) -> None:
        """Forget a text, and every word that no other text has."""
        self._words.remove(place)

    def scores(self, query: str) -> NDArray[np.float32]:
        """How well each text covers the query, shape (places,): 0 is nothing, 1 the query's every word, often.

        The bound counts the query's unknown words too, so a text that has only the common words of a query scores low.
        """
        # A text of average length that has a word once scores idf / (1 + k1).
        shares: NDArray[np.float32] = self._words.block_scores(query, self._size) * (1 + _K1)
        return shares.clip(0.0, 1.0)


def _summed(rows: Sequence[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row)
    return total
