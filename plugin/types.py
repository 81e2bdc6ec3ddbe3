"""The values that travel between the rooms of the house: frozen, typed, and ready to become JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Answer",
    "Fact",
    "FactReport",
    "Message",
    "ModuleReport",
    "ModuleUse",
    "NightReport",
    "Progress",
    "QAPair",
    "Rule",
    "Scalar",
    "ScoredFact",
    "Source",
    "WriterCost",
    "labelled",
    "no_progress",
]

Scalar = str | int | float | bool

Source = Literal["both", "facts", "modules", "base", "unknown"]
"""What an answer rests on."""

Rule = Literal[
    "nothing near", "stranger", "read", "read again", "module", "merged", "panel", "quoted", "base", "not supported"
]
"""What decided an answer."""

_RULES: Mapping[Rule, str] = {
    "nothing near": "No fact and no module is near the question.",
    "stranger": "The question names somebody of whom nothing is known.",
    "read": "Read from the facts in the prompt, without any module.",
    "read again": "Read from the newer of two facts that answer the question, without any module.",
    "module": "Said by the module that the question leads to.",
    "merged": "Said by several modules, merged by their weights.",
    "panel": "Several modules answered side by side; this is the surest answer that its module's facts support.",
    "quoted": "Whether it is so was asked; this is what was told about it.",
    "base": "Said by the base model; the memory was not asked.",
    "not supported": "What was said does not stand in the facts, or the model itself said that it does not know.",
}

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, how much is done, how much there is); the library itself never prints."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


def labelled(progress: Progress, label: str) -> Progress:
    """Progress whose stages say what they belong to."""

    def report(stage: str, done: int, total: int) -> None:
        progress(f"{label}: {stage}", done, total)

    return report


class Value(BaseModel):
    """A frozen record."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Message(Value):
    """One turn of a conversation."""

    role: str
    content: str
    said_at: datetime | None = None
    """When it was said; the time of adding if nothing is given."""
    name: str | None = None
    """The speaker, if it is not the user whose memory this is."""
    id: str | None = None
    """What its framework calls it: a message with an id that was told before is the same one."""


class Fact(Value):
    """One statement worth remembering."""

    id: str
    """A hash of user, text and speaker, and of the day or month where the text hangs on it: told twice, it is one fact."""
    text: str
    user_id: str
    said_at: datetime
    """Timezone-aware, in the speaker's zone: it says which day "tomorrow" was."""
    source: str = "user"
    """Where it came from: the role of the speaker, or a file name."""
    metadata: Mapping[str, Scalar] = Field(default_factory=dict)
    supersedes: str | None = None
    """The id of the older version that this one replaces."""
    superseded_by: str | None = None
    """The id of the newer version; None on a live fact."""

    def __hash__(self) -> int:  # by the id: metadata, a mapping, has no hash
        return hash(self.id)


class ScoredFact(Value):
    """A fact that was found, and how well it fits the query."""

    fact: Fact
    score: float
    """Between 0 and 1: the mean of cosine similarity and lexical coverage."""

    def __hash__(self) -> int:
        return hash((self.fact, self.score))

    @property
    def id(self) -> str:
        """The fact's id."""
        return self.fact.id

    @property
    def text(self) -> str:
        """The fact's text."""
        return self.fact.text


class ModuleUse(Value):
    """A module that took part in an answer."""

    id: str
    weight: float
    """Its share of the route; the shares of a route sum to 1."""


class Answer(Value):
    """What the memory says, and why."""

    text: str
    facts: tuple[ScoredFact, ...] = ()
    """The facts that stood in the prompt, best first."""
    modules: tuple[ModuleUse, ...] = ()
    """The modules whose weights took part, heaviest first."""
    confidence: float = 0.0
    """Between 0 and 1: the mean token probability, times the belief that the memory knows anything about it."""
    source: Source = "base"
    """What the answer rests on; "unknown" when the memory says that it does not know."""
    rule: Rule = "base"
    """What decided it; `explain` says it in words."""
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __str__(self) -> str:
        return self.text

    def explain(self) -> str:
        """Why this is the answer, as lines of text: the rule, the facts shown with their scores, the modules with weights."""
        lines = [_RULES[self.rule]]
        lines += [f"fact {hit.score:.2f}, {hit.fact.said_at:%d %B %Y}: {hit.text}" for hit in self.facts]
        lines += [f"module {use.weight:.2f}: {use.id}" for use in self.modules]
        return "\n".join([*lines, f"confidence {self.confidence:.2f}"])


class QAPair(Value):
    """A question, and the answer that the fact supports."""

    question: str
    answer: str


class FactReport(Value):
    """What one night did with one fact."""

    fact_id: str
    user_id: str
    status: Literal["settled", "failed", "left", "unwritten"]
    """settled: passed the gate. failed: did not, and stays recent. left: failed once too often, and is left to retrieval: no
    night tries it again. unwritten: no question could be written that leads to its answer."""
    module_id: str | None = None
    questions: int = 0
    """How many phrasings were trained."""
    recall: float = 0.0
    """Share of held-out phrasings answered right with the store switched off."""
    base_recall: float = 0.0
    """The same for the base model without the module."""
    reason: str = ""


class ModuleReport(Value):
    """What one night did with one module."""

    module_id: str
    user_id: str
    facts: int
    published: bool
    steps: int
    train_seconds: float
    final_loss: float
    size_bytes: int = 0
    replaces: tuple[str, ...] = ()
    """Ids of smaller modules whose facts were learned anew as this one; they stay if it was not published."""
    recall: float = 0.0
    """Mean held-out recall over its facts, store switched off."""
    base_recall: float = 0.0
    trained_recall: float = 0.0
    """Recall of the trained phrasings by generation, store switched off."""
    reading: Mapping[str, float] = Field(default_factory=dict)
    """Recall with facts in the prompt, by form: true_fact, distractors, changed_fact; absent is the share of questions about
    things never said that were not answered with an invention."""
    canary: float = 0.0
    """Rise of the mean loss on ordinary prompts, as a share of the base model's loss."""
    strength: float = 1.0
    """The share of what was trained that was kept: below 1 where the whole would have raised that loss too much."""
    reason: str = ""
    losses: tuple[float, ...] = ()
    """Mean loss of each training pass, in nats per token."""
    recalled_by_pass: tuple[float, ...] = ()
    """Share of closed-book rows recalled in each pass, by the weights before each update; the module is their running mean."""
    read_by_pass: tuple[float, ...] = ()
    """Share of rows with facts in the prompt, and about things never said, that were answered right in each pass."""


class WriterCost(Value):
    """What a night's questions took."""

    writer: str = ""
    """The writer's name."""
    calls: int = 0
    """How often a language model was asked; 0 where none writes."""
    prompt_tokens: int = 0
    """As the model reports them; 0 where it does not."""
    reply_tokens: int = 0

    def __str__(self) -> str:
        times = "once" if self.calls == 1 else f"{self.calls} times"
        return f"{self.writer} was asked {times}: {self.prompt_tokens} tokens in, {self.reply_tokens} out."


class NightReport(Value):
    """One consolidation run."""

    night_id: str
    started_at: datetime
    resumed: bool = False
    seconds: Mapping[str, float] = Field(default_factory=dict)
    """Wall seconds per phase."""
    writing: WriterCost = WriterCost()
    modules: tuple[ModuleReport, ...] = ()
    facts: tuple[FactReport, ...] = ()

    @property
    def settled(self) -> int:
        """How many facts passed the gate."""
        return sum(fact.status == "settled" for fact in self.facts)

    @property
    def recent(self) -> int:
        """How many facts were tried and stay recent."""
        return len(self.facts) - self.settled
