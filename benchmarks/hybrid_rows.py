"""The ways to answer a question about a document: which modules, with what in the prompt, how strong; and how each answers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from benchmarks.conversations import contains, f1
from benchmarks.hybrid_sets import Question
from benchmarks.routing_sets import vectors_of
from benchmarks.taught import BATCH, TOKENS, Modules, claim, surest

if TYPE_CHECKING:
    import torch

    from slowwave.adapters_store.router import Router
    from slowwave.types import Fact

__all__ = ["HYBRID", "READ_FIRST", "ROWS", "Ask", "Row", "mark", "read_first"]

SCALES = (1.0, 0.5, 0.3, 0.1)
_SHOWN = 3
"""Facts in a prompt, as `Settings.recall_facts`."""
_AT_MOST = 3
"""Modules of an answer."""


@dataclass(frozen=True)
class Row:
    """One way to answer."""

    modules: Literal["", "single", "top1", "ties", "panel"] = ""
    shown: Literal["", "retrieval", "full"] = ""
    scale: float = 1.0

    @property
    def label(self) -> str:
        """What its figures are called."""
        if not self.modules:
            return self.shown or "base"
        return f"{self.modules}@{self.scale:g}" + (f"+{self.shown}" if self.shown else "")


ROWS: tuple[Row, ...] = (
    Row(),
    Row(shown="retrieval"),
    Row(shown="full"),
    *(
        Row(modules, shown, scale)
        for shown in ("", "retrieval")
        for modules in ("single", "top1", "ties", "panel")
        for scale in SCALES
    ),
)
READ_FIRST: Mapping[str, str] = {
    f"retrieval, else {row.label}": row.label for row in ROWS if row.modules and not row.shown and row.scale == 1.0
}
"""As a memory answers: what is read in the facts, and the row that is asked where the reader says that it does not know."""
HYBRID = (*(row.label for row in ROWS if row.modules and row.shown), *READ_FIRST)
"""What may be compared with retrieval alone."""


def read_first(said: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The answers of the rows of `READ_FIRST`, from those of the rows they are made of."""
    from slowwave.prompts import is_unknown

    return {
        name: [other if is_unknown(read) else read for read, other in zip(said["retrieval"], said[label], strict=True)]
        for name, label in READ_FIRST.items()
    }


def mark(text: str, question: Question) -> float:
    """How right an answer is, 0..1: of the right answers the one that fits best."""
    score = f1 if question.scored == "f1" else contains
    if question.scored == "option":
        return float(text in question.gold)
    return max(score(text, gold) for gold in question.gold)


@dataclass(frozen=True)
class Ask:
    """The questions of one set, and all that is needed to answer them in every way."""

    modules: Modules
    asked: Sequence[tuple[int, Question]]
    """(document, question)."""
    embedder: str
    longest: int
    """Tokens of a prompt with all facts."""

    @cached_property
    def retrieved(self) -> list[list[Fact]]:
        """The facts that are nearest to each question, of all documents."""
        import numpy as np

        from slowwave.adapters_store.lexical import LexicalIndex

        encode = vectors_of(self.embedder)
        facts = [fact for some in self.modules.facts for fact in some]
        index, known = LexicalIndex([fact.text for fact in facts]), encode([fact.text for fact in facts])
        found = []
        for _, question in self.asked:
            cosines = np.clip(known @ encode([question.text])[0], 0.0, 1.0)  # (facts,)
            scores = (cosines + index.scores(question.text)) / 2
            best = np.argsort(-scores, kind="stable")[:_SHOWN]
            near = 0.05 if self.modules.base.ref.reader_sha256 else 0.25  # as answers do
            found.append([facts[place] for place in best.tolist() if scores[place] >= near])
        return found

    @cached_property
    def full(self) -> tuple[list[list[Fact]], float]:
        """The facts of each question's document that fit a prompt, from the first on; the share of prompts that are cut."""
        from slowwave.prompts import conversation, render_facts

        base = self.modules.base
        room = min(self.longest, base.context_window - 2 * TOKENS)
        found = []
        for document, question in self.asked:
            shown = list(self.modules.facts[document])
            while shown and len(base.encode(conversation(question.text, render_facts(shown))).ids) > room:
                shown.pop()
            found.append(shown)
        whole = [len(self.modules.facts[document]) for document, _ in self.asked]
        return found, statistics.fmean(len(some) < size for some, size in zip(found, whole, strict=True))

    @cached_property
    def routes(self) -> list[list[tuple[int, float]]]:
        """(module, weight) of the likeliest modules for each question; weights sum to 1."""
        router: Router = self.modules.router(self.embedder)
        found = []
        for _, question in self.asked:
            belief = router.posterior(question.text, vectors_of(self.embedder)([question.text])[0])
            some = belief.modules[:_AT_MOST] if belief is not None else ()
            total = sum(share for _, share in some)
            found.append([(int(name[1:]), share / total) for name, share in some])
        return found

    def candidates(self, row: Row) -> tuple[torch.Tensor | None, list[list[int]]]:
        """The modules or blends, shape (rows, shape.size), and which of them answer each question; None for no modules."""
        import torch

        from slowwave.adapters_store.merge import merge

        vectors = self.modules.vectors
        none = len(vectors)  # the place of a module that changes nothing, for questions that lead nowhere
        bank = torch.cat([vectors, torch.zeros_like(vectors[:1])])  # (modules + 1, n)
        if row.modules == "single":
            return bank, [[document] for document, _ in self.asked]
        if row.modules == "top1":
            return bank, [[route[0][0] if route else none] for route in self.routes]
        if row.modules == "panel":
            return bank, [[module for module, _ in route] or [none] for route in self.routes]
        if row.modules == "ties":
            blends = {
                tuple((module, round(weight, 2)) for module, weight in route): merge(
                    [vectors[module] for module, _ in route], torch.tensor([w for _, w in route]), "ties"
                )
                for route in self.routes
                if route
            }
            keys = list(blends)  # rounded as answers round: what is merged once serves again
            if not keys:
                return bank, [[none]] * len(self.asked)
            stacked = torch.stack([*blends.values(), bank[none]])  # (blends + 1, n)
            rounded = [tuple((module, round(weight, 2)) for module, weight in route) for route in self.routes]
            return stacked, [[keys.index(key) if key else len(keys)] for key in rounded]
        return None, [[none]] * len(self.asked)

    def said(self, row: Row) -> list[str]:
        """What each question is answered; the likeliest option where there are options."""
        from slowwave.prompts import conversation, render_facts

        facts: list[list[Fact]] = [[] for _ in self.asked]
        if row.shown:
            facts = self.retrieved if row.shown == "retrieval" else self.full[0]
        vectors, some = self.candidates(row)
        flat = [(place, module) for place, modules in enumerate(some) for module in modules]
        messages = [conversation(self.asked[place][1].text, render_facts(facts[place])) for place, _ in flat]
        rows = [module for _, module in flat]
        if any(question.options for _, question in self.asked):
            options = [self.asked[place][1].options for place, _ in flat]
            told = iter(self._likeliest(messages, options, vectors, rows, row.scale))
        else:
            base = self.modules.base
            stack = None if vectors is None else base.stack(self.modules.shape, vectors, row.scale).of(rows)
            made = base.generate([base.encode(one) for one in messages], TOKENS, stack, batch=BATCH)
            told = iter([(one.text, one.mean_logprob) for one in made])
        found = []
        for modules in some:
            heard = [next(told) for _ in modules]
            found.append(heard[surest([(claim(text), sure) for text, sure in heard])][0])
        return found

    def _likeliest(
        self,
        messages: Sequence[Sequence[Mapping[str, str]]],
        options: Sequence[Sequence[str]],
        vectors: torch.Tensor | None,
        rows: Sequence[int],
        scale: float,
    ) -> list[tuple[str, float]]:
        """The likeliest option behind each prompt and its mean log-probability, the end of the turn counted."""
        import torch

        base = self.modules.base
        pairs = [(place, option) for place, some in enumerate(options) for option in some]
        encoded = [base.encode(messages[place], option) for place, option in pairs]
        stack = None if vectors is None else base.stack(self.modules.shape, vectors, scale)
        scores = [0.0] * len(pairs)
        order = sorted(range(len(pairs)), key=lambda number: len(encoded[number].ids))
        with torch.inference_mode():
            for start in range(0, len(order), BATCH // 2):
                part = order[start : start + BATCH // 2]
                slot = None if stack is None else stack.of([rows[pairs[number][0]] for number in part])
                for number, values in zip(part, base.answer_logprobs([encoded[n] for n in part], slot), strict=True):
                    scores[number] = float(values.mean())
        best: dict[int, tuple[str, float]] = {}
        for (place, option), score in zip(pairs, scores, strict=True):
            if place not in best or score > best[place][1]:
                best[place] = (option, score)
        return [best[place] for place in range(len(messages))]
