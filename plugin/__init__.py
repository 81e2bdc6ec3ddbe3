"""Slowwave: agent memory that learns at night.

    >>> from slowwave import Memory
    >>> memory = Memory("ada-memory")                                        # doctest: +SKIP
    >>> memory.add("I'm allergic to peanuts.", user_id="ada")                # doctest: +SKIP
    >>> report = memory.consolidate()                                        # doctest: +SKIP
    >>> memory.ask("What am I allergic to?", user_id="ada").text             # doctest: +SKIP
    'peanuts'

Importing this package loads nothing heavy: no torch, no chromadb, no scheduler.
"""

from slowwave.errors import SlowwaveError
from slowwave.memory import Memory
from slowwave.settings import Settings
from slowwave.types import Answer, Fact, Message, NightReport, QAPair, ScoredFact

__all__ = [
    "Answer",
    "Fact",
    "Memory",
    "Message",
    "NightReport",
    "QAPair",
    "ScoredFact",
    "Settings",
    "SlowwaveError",
    "__version__",
]

__version__ = "0.1.0"
