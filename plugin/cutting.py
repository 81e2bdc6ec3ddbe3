"""A chat turn cut into statements: each stands alone, or together with the sentence it hangs on.

Every piece is a run of the turn, letter for letter: what was said is not rephrased, and days are resolved where facts are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from slowwave.asking import assents, confirms
from slowwave.chatter import is_chatter, is_remark
from slowwave.fragments import corrects, hangs, is_answer, is_label, links, says_little
from slowwave.quarantine import belongs, is_order, resumes, without_orders
from slowwave.queries import is_question, is_request, tells, without_request
from slowwave.splitting import sentences
from slowwave.telling import told_in

__all__ = ["Piece", "cut"]

_LONGEST = 400
"""Characters to which a sentence is joined with the one it hangs on: a small model reads short facts better."""


@dataclass(frozen=True)
class Piece:
    """One statement of a turn."""

    text: str
    """A run of the turn."""
    answers: bool = False
    """Whether it means something only together with the question or claim it answers."""
    corrects: bool = False
    """Whether it puts right what its speaker said in the turn before."""


def cut(turn: str, *, asked: bool = False, claimed: bool = False) -> list[Piece]:
    """The statements of a chat turn, in order; without questions, requests of the moment, greetings and chatter.

    Orders to the assistant are kept, each with what follows it where it sets rules aside, until the speaker speaks of
    themselves: they are quarantined, and what belongs to them must not slip out as a piece of its own.

    Args:
        turn: what one speaker said.
        asked: whether the turn before asked the speaker something: what only answers is kept then.
        claimed: whether it said something of the speaker: what confirms it is kept then.

    >>> [piece.text for piece in cut("Thanks! I bought a car. It is red. Can you suggest a name?")]
    ['I bought a car. It is red.']
    """
    runs: list[_Run] = []
    spans = list(sentences(turn))
    aside = wants = False
    """Whether an order goes on, and whether the sentence before was dropped as a question or request: one may hang on it."""
    for number, (start, end) in enumerate(spans):
        sentence = turn[start:end]
        last = runs[-1] if runs and end - runs[-1].start <= _LONGEST else None
        next_to = last is not None and last.last == number - 1
        wanted, wants = wants, False
        if aside:
            aside = is_order(sentence) or not resumes(sentence)
            if aside and not (is_order(sentence) or belongs(sentence)):
                runs[-1] = runs[-1].until(len(turn.rstrip()), number)
                break
            if aside:
                runs[-1] = runs[-1].until(end, number)
                continue
            last, next_to = None, False
        if is_order(sentence):
            aside = _sets_aside(sentence)
            runs.append(_Run(start, end, number))
        elif number == 0 and ((asked and assents(sentence)) or (claimed and confirms(sentence))):
            runs.append(_Run(start, end, number, answers=True))
        elif (told := _told(sentence)) is not None:
            if next_to and last is not None and hangs(sentence[slice(*told)]):
                runs[-1] = last.until(start + told[1], number)
            else:
                runs.append(_Run(start + told[0], start + told[1], number))
        elif is_chatter(sentence):
            continue
        elif is_question(sentence) or (is_request(sentence) and not tells(sentence)):
            head = without_request(sentence)
            if wants := not _stands(head):
                continue
            runs.append(_Run(start, start + len(head), number))
        elif next_to and last is not None and _goes_on(turn, spans[number - 1 : number + 1], last):
            runs[-1] = last.until(end, number)
        elif is_remark(sentence):
            continue
        elif asked and not runs and (is_answer(sentence) or hangs(sentence)):
            runs.append(_Run(start, end, number, answers=True))
        elif number == 0 and corrects(sentence):
            runs.append(_Run(start, end, number, corrects=True))
        elif is_answer(sentence) and says_little(sentence):
            continue
        elif last is not None and number - last.last == 2 and hangs(sentence):
            runs[-1] = last.until(end, number)
        elif wanted and hangs(sentence) and end - spans[number - 1][0] <= _LONGEST:
            runs.append(_Run(spans[number - 1][0], end, number))
        else:
            head = without_request(sentence)
            runs.append(_Run(start, start + len(head if _stands(head) else sentence), number))
    return [Piece(turn[run.start : run.end], run.answers, run.corrects) for run in runs]


@dataclass(frozen=True)
class _Run:
    start: int
    end: int
    last: int
    """The number of its last sentence."""
    answers: bool = False
    corrects: bool = False

    def until(self, end: int, last: int) -> _Run:
        return replace(self, end=end, last=last)


def _told(sentence: str) -> tuple[int, int] | None:
    """Where the statement of a request or question stands; the whole of it where the statement alone would be dropped."""
    place = told_in(sentence)
    if place is None or is_chatter(told := sentence[slice(*place)]) or is_remark(told):
        return None
    return (0, len(sentence)) if is_answer(told) and says_little(told) else place


def _stands(sentence: str) -> bool:
    """Whether a sentence is kept wherever it stands."""
    if is_chatter(sentence) or is_question(sentence) or is_remark(sentence) or is_answer(sentence):
        return False
    return tells(sentence) or not is_request(sentence)


def _goes_on(turn: str, spans: Sequence[tuple[int, int]], run: _Run) -> bool:
    """Whether the last of two sentences belongs to the kept run that ends with the first."""
    (first, ended), (start, end) = spans
    sentence = turn[start:end]
    if turn[run.start : run.end].endswith(":"):
        return True
    if is_label(sentence) and not corrects(sentence):
        return turn[ended:start].count("\n") == 1 and is_label(turn[first:ended])
    return is_remark(sentence) or is_answer(sentence) or corrects(sentence) or hangs(sentence) or links(sentence)


def _sets_aside(sentence: str) -> bool:
    """Whether what follows the sentence belongs to an order in it."""
    return not without_orders(f"{sentence}\nSo it is.").endswith("So it is.")
