"""Ordinary prompts that no memory may spoil.

The gate compares the loss on the canary's answers with and without a module. Training rehearses other ordinary prompts,
answered in the base model's own words, so that learning facts about somebody leaves the rest as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from slowwave.types import QAPair

if TYPE_CHECKING:
    from slowwave.model import BaseModel

__all__ = ["CANARY", "REHEARSED", "rehearsal"]

_WORDS = 24
"""Length of a rehearsed answer, in tokens."""

REHEARSED: tuple[str, ...] = (
    "What is the capital of Italy?",
    "How many months are there in a year?",
    "Write a short sentence about a mountain.",
    "Name three fruits.",
    "What does a teacher do?",
    "Explain in one sentence what rain is.",
    "What is ten minus three?",
    "Give me a tip for learning a language.",
    "What is the opposite of big?",
    "Who painted the Mona Lisa?",
    "Why do leaves fall in autumn?",
    "How do I make a cup of tea?",
    "Hello! How are you today?",
    "Suggest a name for a small bakery.",
    "Tell me something about elephants.",
    "What can I do on a rainy day?",
)

CANARY: tuple[tuple[str, str], ...] = (
    ("What is the capital of France?", "The capital of France is Paris."),
    ("How many days are there in a week?", "There are seven days in a week."),
    (
        "Write a short sentence about the sea.",
        "The sea stretched out to the horizon, calm and blue in the morning light.",
    ),
    ("Name three colours of the rainbow.", "Three colours of the rainbow are red, yellow and blue."),
    ("What do plants need to grow?", "Plants need sunlight, water, air and nutrients from the soil to grow."),
    (
        "Explain in one sentence what a computer does.",
        "A computer follows instructions to store and process information.",
    ),
    ("What is two plus two?", "Two plus two is four."),
    (
        "Give me a tip for sleeping better.",
        "Try to go to bed at the same time every night and avoid screens before sleep.",
    ),
    ("What is the opposite of hot?", "The opposite of hot is cold."),
    ("Who wrote Romeo and Juliet?", "Romeo and Juliet was written by William Shakespeare."),
    (
        "Why is the sky blue?",
        "The sky looks blue because air scatters short blue wavelengths of sunlight more than red ones.",
    ),
    ("How do I boil an egg?", "Put the egg in boiling water for about eight minutes, then cool it in cold water."),
)

_rehearsals: WeakKeyDictionary[BaseModel, tuple[QAPair, ...]] = WeakKeyDictionary()


def rehearsal(base: BaseModel) -> tuple[QAPair, ...]:
    """The rehearsed prompts with the beginning of the base model's own greedy answers; made once per base model."""
    if base not in _rehearsals:
        prompts = [base.encode([{"role": "user", "content": question}]) for question in REHEARSED]
        said = base.generate(prompts, max_tokens=_WORDS)
        pairs = (QAPair(question=q, answer=one.text.strip()) for q, one in zip(REHEARSED, said, strict=True))
        _rehearsals[base] = tuple(pair for pair in pairs if pair.answer)
    return _rehearsals[base]
