"""Which modules may know the answer: a search over the questions and facts they were trained on.

A module is found by what it was asked in training, not by an embedding of its whole content. Three scores are taken of
each module: its row nearest by embedding, its row nearest by embedding and words together, and BM25 of all its words as
one text. They are fused and made a posterior (`calibration`): that no module knows, that one does, or that some might.

Modules come and go one by one. In a large memory a mean vector per module and the words choose which modules are looked
at row by row; in a small one all are.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slowwave.adapters_store.calibration import EVERYDAY, Calibration
from slowwave.adapters_store.leaving_out import measured
from slowwave.adapters_store.lexical import BlockWords, tokens
from slowwave.adapters_store.routes import Evidence, Posterior, Route, RouterOptions, RouteRow
from slowwave.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Evidence", "Posterior", "Route", "RouteRow", "Router", "RouterOptions"]


OPTIONS = RouterOptions()


@dataclass(frozen=True, slots=True)
class _Block:
    """The rows of one module. A vector is kept as one byte a number: a cosine is then wrong by less than 0.002."""

    number: int
    rows: tuple[RouteRow, ...]
    vectors: NDArray[np.int8]
    """Shape (rows, width)."""
    scales: NDArray[np.float32]
    """What a row's bytes are to be multiplied with, shape (rows,)."""


class Router:
    """The question index of one user's live modules."""

    def __init__(
        self, rows: Sequence[RouteRow], vectors: NDArray[np.float32], options: RouterOptions = OPTIONS
    ) -> None:
        """Publish the rows' modules; `vectors` are the rows' embeddings, shape (rows, width), each of norm 1."""
        import numpy as np

        self._options = options
        self._calibration = options.calibration
        self._lock = threading.RLock()
        self._words = BlockWords()
        self._blocks: dict[str, _Block] = {}
        self._order: list[tuple[str, int]] = []
        """(id, number) of the modules, by id: what is found does not depend on the order of publishing."""
        self._lists: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None
        """Numbers and rows of the modules in this order; None when it has to be made anew."""
        self._free: list[int] = []
        self._means = np.zeros((0, 0), dtype=np.float32)
        """Mean of the vectors of each module, by number, shape (room, width)."""
        self._size = 0
        places: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(row.module_id, []).append(place)
        for where in places.values():
            self.publish([rows[place] for place in where], vectors[where])

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> Sequence[RouteRow]:
        """All rows, module by module in the order of their ids."""
        with self._lock:
            return tuple(row for name, _ in self._order for row in self._blocks[name].rows)

    @property
    def modules(self) -> tuple[str, ...]:
        """Ids of the modules that can be led to, sorted."""
        with self._lock:
            return tuple(name for name, _ in self._order)

    def module(self, module_id: str) -> tuple[tuple[RouteRow, ...], NDArray[np.float32]]:
        """The rows of a module and their embeddings as they are kept, shape (rows, width); KeyError if it is not there."""
        block = self._blocks[module_id]
        return block.rows, block.vectors * block.scales[:, None]

    @property
    def calibration(self) -> Calibration:
        """The constants in use."""
        return self._calibration

    # -- modules come and go ---------------------------------------------------------------------------------------

    def publish(self, rows: Sequence[RouteRow], vectors: NDArray[np.float32]) -> None:
        """Take in one module, in place of what was there under its id; no other module's rows are touched.

        Args:
            rows: all of the module's rows, at least one.
            vectors: their embeddings, shape (rows, width), each of norm 1.

        Raises:
            InvalidInput: the rows are of several modules or none, or are not one to a vector.
        """
        import numpy as np

        names = {row.module_id for row in rows}
        if len(names) != 1 or vectors.shape[:-1] != (len(rows),):
            shown = (sorted(names), len(rows), vectors.shape)
            raise InvalidInput("Rows that are not those of one module", shown, "Give one module's rows, a vector each.")
        (name,) = names
        with self._lock:
            if self._blocks and vectors.shape[1] != self._means.shape[1]:
                remedy = f"Embed all rows by one model: the others have {self._means.shape[1]} numbers."
                raise InvalidInput("Vectors of another width", vectors.shape[1], remedy)
            self.retire(name)
            if not self._blocks:
                self._means, self._free = np.zeros((8, vectors.shape[1]), dtype=np.float32), []
            number = self._free.pop() if self._free else len(self._blocks)
            scales = np.maximum(np.abs(vectors).max(axis=1), 1e-9).astype(np.float32) / 127  # (rows,)
            stored = np.rint(vectors / scales[:, None]).astype(np.int8)
            self._blocks[name] = _Block(number, tuple(rows), stored, scales)
            bisect.insort(self._order, (name, number))
            self._words.add(number, [row.text for row in rows])
            if number >= len(self._means):
                self._means = np.concatenate([self._means, np.zeros_like(self._means)])
            self._means[number] = scales @ stored / len(rows)  # of what is stored, so that republishing changes nothing
            self._size += len(rows)
            self._lists = None

    def retire(self, module_id: str) -> None:
        """Forget a module and its rows; one that is not there is no error."""
        with self._lock:
            block = self._blocks.pop(module_id, None)
            if block is None:
                return
            del self._order[bisect.bisect_left(self._order, (module_id, block.number))]
            self._words.remove(block.number)
            self._means[block.number] = 0.0
            self._free.append(block.number)
            self._size -= len(block.rows)
            self._lists = None

    def calibrate(
        self, encode: Callable[[Sequence[str]], NDArray[np.float32]], prompts: Sequence[str] = EVERYDAY
    ) -> Calibration:
        """Shift the boundary between knowing and not knowing to where this memory's own questions and prompts put it.

        Up to 32 of its questions are asked while all questions about the same fact are left out, so that the fact's
        text has to lead to the module. Depends on the modules alone, not on how they came; with fewer than 64 rows
        nothing is shifted and nothing embedded. To be called again when modules have come or gone.

        Args:
            encode: embeds texts as the rows were embedded, to shape (texts, width).
            prompts: what the memory does not know.
        """
        with self._lock:
            self._calibration = self._options.calibration
            self._calibration = measured(self, encode, prompts)
            return self._calibration

    # -- questions -------------------------------------------------------------------------------------------------

    def evidence(self, question: str, vector: NDArray[np.float32], *, exact: bool = False) -> Evidence:
        """What each module that was looked at scores for a question with this embedding, shape (width,); `exact`: all."""
        import numpy as np

        with self._lock:
            words = self._words.block_scores(question, len(self._means))
            chosen = list(self._order) if exact else self._shortlist(question, words, vector)
            numbers = [number for _, number in chosen]
            blocks = [self._blocks[name] for name, _ in chosen]
            covered = self._words.row_scores(question, numbers)
        lengths = [len(block.rows) for block in blocks]
        starts = np.cumsum([0, *lengths])[:-1]
        cosines = np.clip(_cosines(blocks, vector), 0.0, 1.0)  # (rows,)
        near = (cosines + covered) / 2
        best = np.maximum.reduceat(near, starts)  # (modules,)
        scores = np.stack([np.maximum.reduceat(cosines, starts), best, words[numbers]], axis=1)
        at_best = np.flatnonzero(near == np.repeat(best, lengths))
        firsts = at_best[np.searchsorted(at_best, starts)] - starts
        rows = tuple(block.rows[first] for block, first in zip(blocks, firsts.tolist(), strict=True))
        return Evidence(tuple(name for name, _ in chosen), scores, rows)

    def _shortlist(
        self, question: str, words: NDArray[np.float32], vector: NDArray[np.float32]
    ) -> list[tuple[str, int]]:
        """(id, number) of the modules to look at, by id: all, or those that score best by what is known without looking.

        For the three scores stand the cosine of the mean vector, the rare words in one row, and the words.
        """
        import numpy as np

        if self._size <= self._options.scanned:
            return list(self._order)
        if self._lists is None:
            counts = [len(self._blocks[name].rows) for name, _ in self._order]
            self._lists = np.array([number for _, number in self._order]), np.array(counts)
        numbers, lengths = self._lists
        size = len(numbers) + len(self._free)
        cosine, near, word = self._calibration.spreads
        means = self._means[:size] @ vector
        promise = means / cosine + (means + self._words.best_rows(question, size)) / 2 / near + words[:size] / word
        best = np.argsort(-np.round(promise[numbers], 4), kind="stable")  # ties by id, not by the order of publishing
        count = max(1, int(np.searchsorted(np.cumsum(lengths[best]), self._options.scanned, side="right")))
        return [self._order[place] for place in np.sort(best[:count]).tolist()]

    def posterior(self, question: str, vector: NDArray[np.float32], *, exact: bool = False) -> Posterior | None:
        """What is believed about a question with this embedding, shape (width,); None if there are no modules.

        Args:
            exact: look at every row of a memory however large it is.
        """
        import numpy as np

        if not self._size:
            return None
        evidence = self.evidence(question, vector, exact=exact)
        order, shares = self._calibration.shares(evidence.scores)
        known = 1 / (1 + np.exp(-self._calibration.logit(evidence.scores[order[0]], self._size)))
        modules = tuple((evidence.modules[int(m)], float(p)) for m, p in zip(order, shares, strict=True))
        return Posterior(float(known), modules, evidence, tuple(int(m) for m in order))

    def route(self, question: str, vector: NDArray[np.float32], most: int = 3) -> Route:
        """Choose up to `most` modules for a question with the given embedding, shape (width,).

        A question may be about two facts: what the chosen modules leave of its words may lead to one more.
        """
        import numpy as np

        with self._lock:
            belief = self.posterior(question, vector)
            if belief is None:
                return Route()
            nearness = belief.evidence.scores[:, 1]
            if belief.known < self._options.known:
                return Route(score=float(nearness.max()), known=belief.known)
            shares = np.array([share for _, share in belief.modules])
            count = min(most, int(np.searchsorted(np.cumsum(shares), self._options.mass)) + 1, len(shares))
            weights = shares[:count] / shares[:count].sum()
            chosen = [(float(w), p, belief.evidence.rows[p]) for w, p in zip(weights, belief.order, strict=False)]
            if count < most and (rest := self._rest(question, belief, chosen)):
                chosen = [(weight * (1 - rest[0]), place, row) for weight, place, row in chosen] + [rest]
                chosen.sort(key=lambda one: -one[0])
        return Route(
            modules=tuple((belief.evidence.modules[place], weight) for weight, place, _ in chosen),
            score=float(nearness.max()),
            rows=tuple(row for _, _, row in chosen),
            scores=tuple(float(nearness[place]) for _, place, _ in chosen),
            known=belief.known,
        )

    def _rest(
        self, question: str, belief: Posterior, chosen: Sequence[tuple[float, int, RouteRow]]
    ) -> tuple[float, int, RouteRow] | None:
        """The module with the row that covers most of what the chosen rows leave of a question: (weight, place, row).

        It must be near enough to know by itself. Its weight is its part of the words that are covered, by rarity, but never
        all: what leads by meaning alone, with other words than the question's, has its say.
        """
        import numpy as np

        covered = {word for _, _, row in chosen for word in tokens(row.text)}
        left = [word for word in sorted(set(tokens(question))) if word not in covered]
        blocks = [self._blocks[name] for name in belief.evidence.modules]
        scores = self._words.row_scores(" ".join(left), [block.number for block in blocks])
        starts = np.cumsum([0, *(len(block.rows) for block in blocks)])[:-1]
        best = np.maximum.reduceat(scores, starts)  # (modules,)
        chance = 1 / (1 + np.exp(-self._calibration.logit(belief.evidence.scores, self._size)))
        best[(best < self._options.covered) | (chance < self._options.known)] = 0.0
        best[[place for _, place, _ in chosen]] = 0.0
        place = int(best.argmax())
        if not best[place]:
            return None
        row = blocks[place].rows[int(np.flatnonzero(scores[starts[place] :] == best[place])[0])]
        rarities = self._words.rarities(question)
        own = sum(rarities[word] for word in set(tokens(row.text)) & set(left))
        part = own / (own + sum(rarities[word] for word in covered & rarities.keys()))
        return min(part, self._options.rest), place, row


def _cosines(blocks: Sequence[_Block], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosines of all rows of some modules, one module after another, with a vector of norm 1, shape (rows,)."""
    import numpy as np

    # One room for all: a new one for each block would cost more than the numbers that are written into it.
    room = np.empty((max(len(block.rows) for block in blocks), len(vector)), dtype=np.float32)
    out = np.empty(sum(len(block.rows) for block in blocks), dtype=np.float32)
    start = 0
    for block in blocks:
        count = len(block.rows)
        np.copyto(room[:count], block.vectors)
        np.matmul(room[:count], vector, out=out[start : start + count])
        out[start : start + count] *= block.scales
        start += count
    return out
