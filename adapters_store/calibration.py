"""From scores to a posterior: how sure it is that a module knows, and which one.

Two questions are asked of the scores. Which module: each score is a z-score among the modules that lead, the mean of a
module's z-scores goes through a softmax. Whether any: a logistic function of the best module's scores, less the more
rows there are, because among many rows something always looks near. The constants were fitted on public sets and
invented memories that no benchmark of routing reports on (benchmarks/LOG.md). A memory shifts the second question's
boundary by what its own questions and everyday prompts score; with nothing to measure on, the constants stand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EVERYDAY", "PRIOR", "Calibration", "calibrated"]

_PROMPTS, _QUESTIONS = 20.0, 10.0
"""What everyday prompts and a memory's own questions count for, against a standard normal prior of the shift. Own questions
are nearer to the rows than what people ask: they count less."""
_HALF = 16
"""How many of its own questions must have been asked for half of their weight."""


@dataclass(frozen=True)
class Calibration:
    """The constants of both questions. Scores are (cosine, nearness, words), each 0..1; see `routes.Evidence`."""

    mix: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)
    """Weights of the three z-scores."""
    spreads: tuple[float, float, float] = (0.16, 0.17, 0.13)
    """Standard deviations of the scores over the modules that lead, where there are too few modules to measure them."""
    pooled: float = 10.0
    """How many modules these count for beside the measured ones."""
    sharpness: float = 3.25
    """Of the softmax: a lead of one z-score in all three is odds of 26 to 1."""
    rivals: int = 32
    """How many modules share the posterior: in a large memory the many far ones would outweigh the near one."""
    known: tuple[float, float, float] = (20.2, 0.4, 4.2)
    """Weights of the best module's scores: whether any."""
    per_row: float = -0.45
    """Weight of the natural logarithm of the number of rows."""
    bias: float = -7.4
    shift: float = 0.0
    """What the memory's own measurements add to the bias."""

    def shares(self, scores: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The modules that lead, likeliest first, and the probability of each if one knows.

        Args:
            scores: of all modules, shape (modules, 3).

        Returns:
            Places of up to `rivals` modules and their probabilities, which sum to 1.
        """
        import numpy as np

        spreads, mix = np.array(self.spreads), np.array(self.mix)
        values = scores.astype(np.float64)
        lead = np.argsort(-((values / spreads) @ mix), kind="stable")[: self.rivals]
        values = values[lead]
        variance = (self.pooled * spreads**2 + len(values) * values.var(axis=0)) / (self.pooled + len(values))
        logits = self.sharpness * ((values / np.sqrt(variance)) @ mix)  # the mean of a z-score changes no softmax
        order = np.argsort(-logits, kind="stable")
        shares = np.exp(logits[order] - logits[order[0]])
        return lead[order], shares / shares.sum()

    def logit(self, scores: NDArray[np.float32], rows: int) -> NDArray[np.float64]:
        """Logits that a memory of so many rows knows, from the best module's scores, shape (..., 3) to (...)."""
        import numpy as np

        inner = scores.astype(np.float64) @ np.array(self.known)
        out: NDArray[np.float64] = inner + self.per_row * np.log(max(rows, 1)) + self.bias + self.shift
        return out


PRIOR = Calibration()


def calibrated(prior: Calibration, asked: NDArray[np.float32], everyday: NDArray[np.float32], rows: int) -> Calibration:
    """The prior, its boundary shifted to where a memory's own measurements and the prior agree best.

    The shift is the maximum a posteriori of the logistic model, by Newton's method, with a standard normal prior.

    Args:
        asked: best scores of questions that the memory knows, left out of it while they were asked, shape (n, 3).
        everyday: best scores of prompts that it does not know, shape (m, 3).
        rows: how many rows the memory has.
    """
    import numpy as np

    weight = _QUESTIONS * len(asked) / (len(asked) + _HALF)
    sides = [(everyday, 1.0, _PROMPTS), (asked, -1.0, weight)]
    known = [(prior.logit(scores, rows), sign, weight) for scores, sign, weight in sides if len(scores)]
    shift = 0.0
    for _ in range(50):
        slope, curve = shift, 1.0
        for logits, sign, weight in known:
            wrong = 1 / (1 + np.exp(-sign * (logits + shift)))
            slope += weight * sign * float(wrong.mean())
            curve += weight * float((wrong * (1 - wrong)).mean())
        step = float(np.clip(slope / curve, -1.0, 1.0))
        shift -= step
        if abs(step) < 1e-9:
            break
    return replace(prior, shift=prior.shift + shift)


EVERYDAY: tuple[str, ...] = (
    "Hello there!",
    "Thanks, that was helpful.",
    "How are you doing today?",
    "Can you help me with something?",
    "Tell me a joke about computers.",
    "What can you do?",
    "Good night, talk to you tomorrow.",
    "Let us change the subject.",
    "What is the capital of Portugal?",
    "Who painted the ceiling of the Sistine Chapel?",
    "How far is the Moon from the Earth?",
    "Why is the sky blue?",
    "What causes earthquakes?",
    "How do vaccines work?",
    "When did the Roman Empire fall?",
    "What is the boiling point of ethanol?",
    "Which country has the most time zones?",
    "Explain photosynthesis to a child.",
    "What is the difference between weather and climate?",
    "Who won the Nobel Prize in Physics in 1921?",
    "How many bones are there in the human body?",
    "What does the word ubiquitous mean?",
    "Define inflation in one sentence.",
    "What are the side effects of caffeine?",
    "Write a Python function that reverses a string.",
    "How do I undo the last commit in git?",
    "What is the time complexity of quicksort?",
    "Fix this code: for i in range(10) print(i)",
    "Explain the difference between TCP and UDP.",
    "Write a SQL query that counts the rows of a table per day.",
    "How do I centre a div with CSS?",
    "What does a regular expression for an email address look like?",
    "Write a shell command that finds files larger than 100 MB.",
    "What is 17 times 23?",
    "Solve x squared minus 5x plus 6 equals 0.",
    "Convert 10 miles to kilometres.",
    "What is 15 percent of 240?",
    "If a train leaves at noon at 80 km an hour, how far is it by three o'clock?",
    'Translate "good morning" into Spanish.',
    "How do you say thank you in Japanese?",
    "Correct the grammar of this sentence: she don't like apples.",
    "Summarise the following text in two sentences.",
    "Rewrite this paragraph in a more formal tone.",
    "Make this shorter: I am writing to you in order to ask whether you might be available on Monday.",
    "Write a haiku about winter.",
    "Write a cover letter for a marketing position.",
    "Write a birthday message for a colleague.",
    "Write a short story about a dragon who is afraid of fire.",
    "Come up with five names for a coffee shop.",
    "Draft an email that declines a meeting politely.",
    "Write a product description for a water bottle.",
    "Give me a slogan for a bicycle shop.",
    "Write the first line of a detective novel.",
    "What should I cook for dinner tonight?",
    "How do I remove a red wine stain from a carpet?",
    "How long should I boil an egg?",
    "Suggest a workout for beginners without equipment.",
    "How can I sleep better?",
    "What should I pack for a week at the beach?",
    "How do I change a flat tyre?",
    "Give me tips for a job interview.",
    "How do I start saving money?",
    "Recommend a good book on world history.",
    "What are some good films for a family evening?",
    "How do I keep basil alive indoors?",
    "What is a good gift for a ten-year-old?",
    "How do I write a resignation letter?",
    "What should I do if my phone falls into water?",
    "How do I stop procrastinating?",
    "Give me three ideas for a weekend in the mountains.",
    "Pretend to be a pirate and greet me.",
    "List the pros and cons of working from home.",
    "Compare electric cars and petrol cars.",
    "Is it better to rent or to buy a house?",
    "What are the rules of chess?",
    "Describe the taste of a mango.",
    "Classify the sentiment of this review: the food was cold and the waiter rude.",
    "Extract the names from this sentence: Peter met Lucy at the station.",
    "Continue the sequence 2, 4, 8, 16.",
    "What day comes after Wednesday?",
    "Play a word game with me.",
    "What do you think about free will?",
    "What is the meaning of life?",
    "Explain quantum computing in simple terms.",
    "What are the main causes of the First World War?",
    "How does a refrigerator work?",
    "Tell me something interesting about octopuses.",
    "What is the plot of Romeo and Juliet?",
    "Who are you and who made you?",
    "Please answer more briefly from now on.",
)
"""Prompts that no memory is asked for, of every kind a day brings: they must lead to no module."""
