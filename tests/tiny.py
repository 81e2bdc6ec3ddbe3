"""A tiny real Llama that can be taught: how it was made, and how lessons for it are made.

`python tests/tiny.py` trains it again, seeded, on one thread, into tests/data/tiny: minutes. From invented lessons in
the product's own row machinery it learns to answer from facts in its prompt, to remember a small fixed world, and to
say that it does not know. What it has never seen is what a test teaches it: that is the night's work.
"""

from __future__ import annotations

import logging
import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slowwave.consolidation.canary import canary
from slowwave.consolidation.lessons import write_lesson
from slowwave.consolidation.rows import Lesson, Row, Shares, epoch_rows
from slowwave.consolidation.writers import as_writer
from slowwave.prompts import SYSTEM, UNKNOWN
from slowwave.types import Fact

if TYPE_CHECKING:
    import torch

    from slowwave.model import BaseModel, Encoded

logger = logging.getLogger(__name__)

__all__ = ["CONFIG", "FACTS", "FOLDER", "lesson", "pretrain"]

FOLDER = Path(__file__).resolve().parent / "data" / "tiny"
_VOCABULARY = 1000
_RATE = 3e-3
CONFIG: dict[str, Any] = {
    "hidden_size": 96,
    "intermediate_size": 192,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "attention_bias": True,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "initializer_range": 0.06,
}
FACTS = (
    "My favourite colour is green.",
    "My sister's name is Clara.",
    "I live in Porto.",
    "I'm allergic to peanuts.",
    "My dog is called Biscuit.",
)
"""Simple statements that the built-in writer asks well about."""

_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# -- lessons ----------------------------------------------------------------------------------------------------------

_WORDS = {
    "name": "Ann Bo Clara Vera Tom Lena Max Nora Sam Ivy Hugo Emma Noah Maria Peter Lucy Karl Rosa Biscuit Rex Milo "
    "Bella Luna Felix Amara Celeste Farouk Giulia Henrik Ingrid Jiro Nikhil Oksana Paolo Tamsin Vesna Yusuf Greta "
    "Kavya",
    "last": "Lee Ek Lund Hill Kim Berg Novak Moore Stone Weber Garcia Brandt Silva Costa Meyer Olsen",
    "place": "Porto Lisbon Berlin Oslo Paris Rome Vienna Turin Leeds Boston Madrid Prague Geneva Dublin Antwerp "
    "Bergen Dakar Ghent Hobart Izmir Lagos Nairobi Perth Quito Riga Zagreb Bruges Cardiff Durban Lucerne",
    "firm": "Acme Globex Initech Umbrella Stark Wayne Hooli Vandelay",
    "colour": "green blue red yellow purple orange black white pink brown grey turquoise violet silver gold teal",
    "food": "peanuts walnuts eggs milk soy shellfish pollen gluten strawberries cats dust sesame lentils mangoes",
    "job": "nurse teacher baker pilot plumber lawyer farmer painter dentist carpenter chemist gardener tailor",
    "subject": "physics law history biology medicine music chemistry geology economics philosophy astronomy",
    "sport": "violin piano cello flute guitar harp drums trumpet tennis chess badminton football hockey clarinet",
    "tongue": "Danish Dutch Czech Greek Hindi Irish Korean Polish Swedish Turkish Welsh Basque Finnish Arabic",
    "car": "Volvo Fiat Saab Skoda Toyota Honda Ford Tesla Opel Seat",
    "thing": "oat_milk saffron_rice a_canoe a_tandem marzipan rye_bread a_telescope green_tea",
    "kin": "sister brother mother father son daughter aunt uncle cousin husband wife",
    "pet": "dog cat parrot horse rabbit hamster",
    "role": "boss doctor dentist teacher neighbour landlord lawyer coach",
    "kind": "food drink film book song band animal season sport fruit flower city game number",
    "lock": "locker bike garage door safe suitcase wifi alarm laptop",
    "month": "January February March April May June July August September October November December",
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
}
_CLOSED = ("kin", "pet", "role", "kind", "lock", "month", "day")
"""What must be a real word; half of the others are made up, so that reading is copying and not guessing."""
_ABOUT_USER = (
    "My favourite colour is |{colour}.",
    "My favourite {kind} is |{thing}.",
    "My {kin}'s name is |{name}.",
    "My {kin} lives in |{place}.",
    "My {pet} is called |{name}.",
    "My {role} is |{person}.",
    "I live in |{place}.",
    "I was born in |{place}.",
    "I was born in |19{two}.",
    "My birthday is on |{number} {month}.",
    "I'm allergic to |{food}.",
    "I work as a |{job}.",
    "I work at |{firm}.",
    "I study |{subject}.",
    "I play the |{sport}.",
    "I speak |{tongue}.",
    "I drive a |{car}.",
    "I like |{thing}.",
    "I bought |{thing} in {month}.",
    "I moved to |{place} in 20{two}.",
    "I have a meeting with |{person} on {day}.",
    "The code for the {lock} is |{two}{two}.",
    "The {lock} password is |{made}{two}.",
)
_ABOUT_OTHERS = (
    "The phone number of {person} is |{phone}.",
    "{person}'s phone number is |{phone}.",
    "{person} lives in |{place}.",
    "{person} works as a |{job}.",
    "{person} is allergic to |{food}.",
    "{person}'s favourite colour is |{colour}.",
    "{person}'s {pet} is called |{name}.",
)
"""What stands before the bar says what the statement is about; two facts of a lesson never share it."""
_USERS = ("default", "default", "default", "default", "ada", "lin", "omar", "eve", "Ivo", "maya", "finn", "ruth", "Uma")


class _Inventor:
    """Random lessons; a third of them are made of facts that differ in one word only."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def draw(self, kind: str) -> str:
        """A random word or number of a kind."""
        pick, number = self.rng.choice, self.rng.randrange
        match kind:
            case "made":
                return "".join(pick("bcdfghjklmnprstvwz") + pick("aeiou") + pick(("", "", "n", "r")) for _ in range(2))
            case "two":
                return f"{number(100):02}"
            case "number":
                return str(1 + number(28))
            case "phone":
                return f"{pick((555, 200 + number(800)))}-{number(10**4):04}"
            case "person":
                return f"{self.draw('name')} {self.draw('last')}"
        known = pick(_WORDS[kind].split()).replace("_", " ")
        if kind in _CLOSED or self.rng.random() < 0.5:
            return known
        return self.draw("made").title() if known[0].isupper() else self.draw("made")

    def fill(self, text: str) -> str:
        """A text with something drawn for each word in braces."""
        return re.sub(r"\{(\w+)\}", lambda slot: self.draw(slot[1]), text)

    def lesson(self, count: int, others: float = 0.25, user_id: str = "", people: Sequence[str] = ()) -> Lesson:
        """A lesson of up to `count` facts; the people it speaks of are among the given ones, if any are."""
        some = [self.rng.choice(_ABOUT_OTHERS if self.rng.random() < others else _ABOUT_USER) for _ in range(count)]
        if not people and self.rng.random() < 0.35:
            some = some[:2]
        found: dict[str, str] = {}
        for _ in range(4 * count):
            about, _, said = self.rng.choice(some).partition("|")
            who = self.rng.choice(people) if people else self.draw("person")
            about = self.fill(about.replace("{person}", who))
            if len(found) < count:
                found.setdefault(about, about + self.fill(said))
        return lesson(list(found.values()), user_id or self.rng.choice(_USERS), self.rng.randrange(1000))


def lesson(texts: Sequence[str], user_id: str, seed: int = 0) -> Lesson:
    """A lesson with the questions of the built-in rules; the seed decides dates and which phrasings are held out."""
    rng = random.Random(seed)
    said_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=rng.randint(0, 360))
    facts: list[Fact] = []
    for number, text in enumerate(texts):
        said_at += timedelta(days=rng.randint(0, 20), hours=rng.randint(1, 9))
        facts.append(Fact(id=f"fact-{seed}-{number}", text=text, user_id=user_id, said_at=said_at))
    written = write_lesson(user_id, facts, as_writer(None), seed)
    return replace(written, facts=tuple(fact for fact in facts if written.trained.get(fact.id)))


# -- the model --------------------------------------------------------------------------------------------------------


def _tokenizer(lessons: Sequence[Lesson]) -> Any:
    """Byte pairs learned from training rows. A word is the same token at the start of an answer as within a fact."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    corpus = [text for pair in canary() for text in pair] * 3
    for one in lessons:
        for row in epoch_rows(one, 0, 0, Shares(reading=2, asked=1, absent=0.2, distractors=1)):
            corpus += ["system\n", "\n", f"user\n{row.messages[-1]['content']}", "assistant\n", row.answer]
    raw = Tokenizer(models.BPE())
    raw.normalizer = normalizers.Prepend(" ")
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\d{1,2}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    raw.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY - 1,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(corpus, trainer)
    raw.add_tokens([AddedToken(SYSTEM, normalized=False)])  # it stands in every row: one token instead of ten
    fast: Any = PreTrainedTokenizerFast  # untyped in transformers
    tokenizer = fast(tokenizer_object=raw, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def _look_back(model: Any, seed: int) -> None:
    """Start two pairs of heads as induction heads: find what followed a token the last time, and say it again.

    Reading a fact is made of this circuit (Olsson et al., 2022), and training alone had not found it after thousands of
    steps. The first head of a pair looks one position back, by a constant query turned by one rotary step, and writes
    down what it saw; the second looks for the present token among what was written down, and copies what stands there.
    Matching uses only the slow rotary frequencies, which distance hardly turns.
    """
    import torch

    config = model.config
    width, size, half = config.hidden_size, config.head_dim, config.head_dim // 2
    turns = config.rope_parameters["rope_theta"] ** (-torch.arange(half).float() / half)  # radians a position
    slow = [index for index in range(half) if turns[index] < 0.02]
    match = [*slow, *(index + half for index in slow)]
    generator = torch.Generator().manual_seed(seed)

    def directions(count: int) -> torch.Tensor:
        found: torch.Tensor = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
        return found[:, :count].T  # (count, width)

    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight *= 0.1
            layer.mlp.down_proj.weight *= 0.1
        first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
        for head in range(2):
            rows = slice(head * size, (head + 1) * size)
            token, before, said = directions(len(match)), directions(len(match)), directions(size)
            for projection in (first.q_proj, first.k_proj, first.v_proj, second.q_proj, second.k_proj):
                projection.weight[rows] = 0.0
            first.o_proj.weight[:, rows] = 0.0
            first.k_proj.bias[rows] = torch.cat([torch.ones(half), torch.zeros(half)]) * 5.0
            first.q_proj.bias[rows] = torch.cat([torch.cos(-turns), torch.sin(-turns)]) * 5.0
            first.v_proj.weight[rows][: len(match)] = token
            first.o_proj.weight[:, rows][:, : len(match)] = before.T * (2.0 * config.initializer_range)
            where = [head * size + index for index in match]
            second.q_proj.weight[where] = token * 2.0
            second.k_proj.weight[where] = before * 2.0
            second.v_proj.weight[rows] = said
            second.o_proj.weight[:, rows] = said.T


def _batches(base: BaseModel, rng: random.Random, steps: int, lessons: int, size: int = 16) -> Iterator[list[Encoded]]:
    """Batches of like length. At first only what can be known, with few facts around; then also what cannot."""
    invent = _Inventor(rng)
    school = [invent.lesson(rng.randint(2, 6)) for _ in range(lessons)]
    people = [invent.draw("person") for _ in range(6)]
    world = [invent.lesson(12, others=1.0, user_id="default", people=people) for _ in range(2)]
    step = epoch = 0
    while True:
        early = step < 0.35 * steps
        crowd = 1 if step < 0.15 * steps else 2 if early else 3
        shares = Shares(closed=1, reading=4, asked=1, absent=0.0 if early else 0.2, distractors=crowd)
        rows: list[Row] = []
        for one in rng.sample(school, min(60, lessons)):
            some = epoch_rows(one, 1, rng.randrange(10**6), shares)
            known = [row for row in some if row.form in {"true_fact", "changed_fact"}]
            # Without the fact in the prompt and without a module, an invented fact is not known.
            other = [replace(row, answer=UNKNOWN) for row in some if row not in known]
            rows += known if early else known + rng.sample(other, min(len(other), len(known)))
        for one in world:
            rows += epoch_rows(one, 2, epoch, Shares(reading=2, asked=1, absent=0.2))
            epoch += 1
        encoded = sorted((base.encode(row.messages, row.answer) for row in rows), key=lambda row: len(row.ids))
        batches = [encoded[start : start + size] for start in range(0, len(encoded), size)]
        rng.shuffle(batches)
        step += len(batches)
        yield from batches


def pretrain(folder: Path, steps: int = 3000, lessons: int = 1000, seed: int = 0) -> Path:
    """Train the model from scratch on one thread and write it, in bfloat16, as `save_pretrained` does."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from slowwave.adapters_store.manifest import BaseRef
    from slowwave.model import BaseModel

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = random.Random(seed)
    tokenizer = _tokenizer([_Inventor(rng).lesson(rng.randint(2, 6)) for _ in range(200)])
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    model: Any = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **CONFIG, **ids))
    _look_back(model, seed)
    base = BaseModel(model, tokenizer, BaseRef(name="tiny", sha256=""), "cpu")
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, betas=(0.9, 0.98), weight_decay=0.02)
    losses: list[float] = []
    for step, batch in zip(range(steps), _batches(base, rng, steps, lessons), strict=False):
        cosine = 0.5 * (1.0 + math.cos(math.pi * step / steps))
        optimizer.param_groups[0]["lr"] = _RATE * min(1.0, (step + 1) / 50) * (0.03 + 0.97 * cosine)
        loss = -torch.cat(base.answer_logprobs(batch)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        if (step + 1) % 100 == 0:
            logger.info("step %d of %d: loss %.3f", step + 1, steps, sum(losses[-100:]) / 100)
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logger.info("written to %s", pretrain(FOLDER))
