"""The command line: the verbs of `Memory`, with progress bars for people and one JSON document for programs.

Exit codes: 0 done, 1 an error of ours, 2 wrong usage, 3 nothing found or not known, 130 interrupted, 141 nobody reads on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slowwave.errors import FactNotFound, InvalidInput
from slowwave.invocation import DONE, FAILED, UNKNOWN, commands_of, fetch, opened
from slowwave.reading import read_date, read_inputs, read_pairs
from slowwave.terminal import Call, counted, grounds, show_demo, show_night, show_skills

if TYPE_CHECKING:
    from slowwave.adapters_store.skills import Skill
    from slowwave.memory import Memory
    from slowwave.types import Fact, NightReport

__all__ = ["app", "main"]

app = typer.Typer(
    name="slowwave",
    help="Agent memory that learns at night: add facts by day, sleep at night, ask at any time.",
    epilog='Example: slowwave add "I\'m allergic to peanuts." && slowwave sleep && slowwave ask "Can I eat satay?"',
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_command = commands_of(app)

_Pairs = Annotated[list[str] | None, typer.Option("--where", "-w", help="Only facts with this metadata: key=value.")]


@_command
def add(
    call: Call,
    what: Annotated[
        list[str],
        typer.Argument(metavar="TEXT", help="Texts, .txt, .md, .json or .jsonl files, or - for standard input."),
    ],
    date: Annotated[str | None, typer.Option(help="When it was said: 2026-11-21, or with a time.")] = None,
    source: Annotated[str | None, typer.Option(help="Where it comes from [the file's name, or user].")] = None,
    meta: Annotated[list[str] | None, typer.Option(help="Metadata: key=value; may be repeated.")] = None,
) -> int:
    """Remember facts; they can be found at once.

    A text is one fact; words without quotes are taken as one text. In .txt and .md files every line is a fact. A .json
    file is a chat: a list of {"role", "content"}, each with an optional "date"; only the user's turns are learned. A .jsonl
    file has a message, or a chat, in every line. If anything in it cannot be used, nothing is remembered.

    Examples: slowwave add "I'm allergic to peanuts."   slowwave add notes.md   slowwave add chat.json --user ada
    """
    from slowwave.intake import check_content

    said_at, metadata = read_date(date, "--date") if date is not None else None, read_pairs(meta)
    keep: dict[str, Any] = {"user_id": call.user, "said_at": said_at, "metadata": metadata or None}
    limits: dict[str, Any] = {"limit": call.settings.max_fact_chars, "assistant": call.settings.learn_assistant}
    batches = read_inputs(what)
    for content, name in batches:  # all of them are looked at before one is kept
        for piece in content if isinstance(content[0], str) else [content]:
            check_content(piece, **keep, source=source or name, **limits)
    facts: list[Fact] = []
    with opened(call, new=True) as memory:
        for content, name in batches:
            learn: Any = memory.add_many if isinstance(content[0], str) else memory.add
            facts += learn(content, **keep, source=source or name)
    if call.json:
        call.document({"facts": facts})
    else:
        if not facts:
            call.note("The user stated nothing in it: questions, requests and what others say are left out.")
        call.say(f"Remembered {counted(len(facts), 'fact')} of {call.user}.")
    return DONE


@_command
def ask(
    call: Call,
    question: Annotated[list[str], typer.Argument(metavar="QUESTION", help="The question; quotes are optional.")],
    no_facts: Annotated[bool, typer.Option("--no-facts", help="Answer from weights alone.")] = False,
    no_modules: Annotated[bool, typer.Option("--no-modules", help="Answer from retrieved facts alone.")] = False,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The longest answer, in tokens.")] = None,
) -> int:
    """Answer a question from facts and weights; exit code 3 if the memory does not know.

    Examples: slowwave ask "Can I eat satay?"   slowwave ask --json --user ada "Where do I live?"
    """
    options: dict[str, Any] = {
        "user_id": call.user, "use_facts": not no_facts, "use_modules": not no_modules, "max_tokens": max_tokens
    }  # fmt: skip
    with opened(call, base=True) as memory:
        if call.json:
            answer = memory.ask(" ".join(question), **options)
            call.document(answer)
        else:
            answer = call.stream(memory.stream(" ".join(question), **options))
            call.note(grounds(answer))
            _note_others(call, memory)
    if call.verbose:
        for line in answer.explain().splitlines():
            call.note(f"  {line}")
    return UNKNOWN if answer.source == "unknown" else DONE


@_command
def search(
    call: Call,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, help="The most facts to show.")] = 5,
    where: _Pairs = None,
) -> int:
    """Find facts by meaning and words; exit code 3 if there are none.

    Example: slowwave search "food" -k 3
    """
    with opened(call) as memory:
        hits = memory.search(" ".join(query), user_id=call.user, k=k, where=read_pairs(where) or None)
        _note_others(call, memory)
    if call.json:
        call.document({"results": hits})
    else:
        rows = [(f"{hit.score:.2f}", hit.id[:12], f"{hit.fact.said_at:%Y-%m-%d}", hit.text) for hit in hits]
        call.table(("score", "id", "said", "fact"), rows)
        if not hits:
            call.note("Nothing found.")
    return DONE if hits else UNKNOWN


@_command
def sleep(
    call: Call,
    every: Annotated[str | None, typer.Option(help='Stay, and sleep on this cron schedule, like "0 3 * * *".')] = None,
) -> int:
    """Run one night now: what is recent is trained into modules, examined, and published.

    Everybody's facts are learned unless --user names one. With --every the command stays until Ctrl-C; between the nights
    the folder is free for other commands, and with --json each night is a document, and so is when the next one comes.

    Examples: slowwave sleep   slowwave sleep --every "0 3 * * *"
    """
    from slowwave.watch import Watch, sleep_once

    if every is None:
        with opened(call, base=True) as memory:
            sleep_once(call, memory)
        return DONE
    watch = Watch(call, every)
    with opened(call, base=True):
        pass  # what cannot work at night is said now
    watch.tell_next()
    watch.wait()
    return DONE


@_command
def facts(
    call: Call,
    limit: Annotated[int | None, typer.Option(min=1, help="The most facts to show.")] = None,
    where: _Pairs = None,
    settled: Annotated[bool | None, typer.Option("--settled/--recent", help="Only one or the other.")] = None,
) -> int:
    """List facts, oldest first; of everybody unless --user names one.

    Example: slowwave facts --recent --where topic=food
    """
    with opened(call) as memory:
        known = memory.settled_ids(user_id=call.chosen_user)
        found = memory.get_all(user_id=call.chosen_user, where=read_pairs(where) or None)
        if call.chosen_user is not None:
            _note_others(call, memory)
    chosen = [fact for fact in found if settled is None or (fact.id in known) == settled][:limit]
    state = {fact.id: "settled" if fact.id in known else "recent" for fact in chosen}
    if call.json:
        call.document({"facts": [{**fact.model_dump(mode="json"), "status": state[fact.id]} for fact in chosen]})
    else:
        rows = [(f.id[:12], f.user_id, f"{f.said_at:%Y-%m-%d}", state[f.id], f.text) for f in chosen]
        call.table(("id", "user", "said", "state", "fact"), rows)
        call.note(f"{counted(len(chosen), 'fact')}, {sum(value == 'settled' for value in state.values())} settled.")
    return DONE


def _note_others(call: Call, memory: Memory) -> None:
    """Say whose facts there are, where the user who is asked about has none."""
    if call.json or memory.get_all(user_id=call.user, limit=1):
        return
    others = Counter(fact.user_id for fact in memory.get_all())
    told = ", ".join(f"{user} has {counted(count, 'fact')}" for user, count in others.most_common(3))
    call.note(f"{call.user} has no facts here" + (f"; {told} (--user {others.most_common(1)[0][0]})." if told else "."))


@_command
def modules(call: Call) -> int:
    """List the live modules; of everybody unless --user names one."""
    with opened(call, embedder=False) as memory:
        infos = memory.modules(user_id=call.chosen_user)
    if call.json:
        call.document({"modules": infos})
    else:
        rows = [
            (m.id, m.user_id, m.facts, m.questions, f"{m.recall:.2f}", f"{m.size_bytes / 1e6:.1f} MB",
             f"{m.created_at:%Y-%m-%d %H:%M}", m.base)
            for m in infos
        ]  # fmt: skip
        call.table(("id", "user", "facts", "questions", "recall", "size", "made", "base"), rows)
        call.note(f"{counted(len(infos), 'module')}.")
    return DONE


@_command
def report(
    call: Call,
    night: Annotated[
        str | None,
        typer.Argument(help="Which night, or the beginning of its id [the last that had something to learn]."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write it to this file, as a web page.")] = None,
) -> int:
    """Say what a night did: modules, curves, and every fact; `slowwave nights` lists them.

    Examples: slowwave report   slowwave report --out night.html
    """
    with opened(call) as memory:
        nights = memory.nights()
        found = _night(nights, night)
        texts = {fact.id: fact.text for fact in memory.get_all(user_id=call.chosen_user)} if found else {}
    if found is None:
        if call.json:  # a program that looks for the facts or modules of a night finds none
            call.document({"night_id": None, "facts": [], "modules": [], "settled": 0, "recent": 0})
        call.note("There was no night yet.")
        return UNKNOWN
    if out is not None:
        from slowwave.pages import night_page

        try:
            out.write_text(night_page(found, texts), encoding="utf-8")
        except OSError as error:
            raise InvalidInput(
                "Cannot write the page", str(out), f"Give a file in a folder that exists ({error.strerror})."
            ) from None
        call.note(f"Written to {out}.")
    if call.json:
        call.document({**found.model_dump(mode="json"), "settled": found.settled, "recent": found.recent})
    elif out is None:
        show_night(call, found, texts)
    return DONE


@_command
def nights(call: Call) -> int:
    """List the nights, the last first: their ids, and how many facts were settled.

    Example: slowwave nights
    """
    with opened(call, embedder=False) as memory:
        found = memory.nights()
    if call.json:
        call.document({
            "nights": [
                {"night_id": one.night_id, "started_at": one.started_at, "settled": one.settled, "recent": one.recent}
                for one in found
            ]
        })  # fmt: skip
    else:
        rows = [
            (
                one.night_id,
                f"{one.started_at:%Y-%m-%d %H:%M}",
                one.settled,
                one.recent,
                f"{sum(one.seconds.values()):.0f} s",
            )
            for one in found
        ]
        call.table(("night", "started", "settled", "recent", "took"), rows)
        call.note(f"{counted(len(found), 'night')}.")
    return DONE


def _night(nights: Sequence[NightReport], wanted: str | None) -> NightReport | None:
    """The night whose id begins so; of none in particular the last that had something to learn, else the last."""
    if wanted is None:
        return next((one for one in nights if one.facts), next(iter(nights), None))
    fitting = [one for one in nights if wanted and one.night_id.startswith(wanted)]
    if len(fitting) == 1 or (fitting and fitting[0].night_id == wanted):
        return fitting[0]
    known = ", ".join(one.night_id for one in nights[:3]) or "none yet"
    what = f"{len(fitting)} nights have an id that begins so" if fitting else "No such night"
    raise InvalidInput(what, wanted, f"The last ones are {known}; `slowwave nights` lists all.")


@_command
def update(
    call: Call,
    fact: Annotated[str, typer.Argument(metavar="ID", help="Id of a fact, or its beginning.")],
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="What holds now; quotes are optional.")],
) -> int:
    """Put a new version in the place of a fact; the older one stays in its history.

    Example: slowwave update 3f2a91 "I live in Lisbon."
    """
    with opened(call) as memory:
        (old,) = _resolve(memory.get_all(user_id=call.chosen_user), [fact])
        new = memory.update(old, " ".join(text))
    if call.json:
        call.document({"fact": new})
    else:
        call.say(f"{new.id[:12]} takes the place of {old[:12]}.")
    return DONE


@_command
def history(
    call: Call, fact: Annotated[str, typer.Argument(metavar="ID", help="Id of a fact, or its beginning.")]
) -> int:
    """List the versions of a fact, the oldest first.

    Example: slowwave history 3f2a91
    """
    with opened(call) as memory:
        (known,) = _resolve(memory.get_all(user_id=call.chosen_user), [fact])
        versions = memory.history(known)
    if call.json:
        call.document({"facts": versions})
    else:
        call.table(("id", "said", "fact"), [(one.id[:12], f"{one.said_at:%Y-%m-%d}", one.text) for one in versions])
    return DONE


@_command
def forget(
    call: Call,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of facts, or their beginnings.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget all facts of the user.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before forgetting all.")] = False,
) -> int:
    """Forget facts: their text goes at once, and every module that carries them with it.

    Examples: slowwave forget 3f2a91   slowwave forget --all --user ada --yes
    """
    if bool(ids) == everything:
        raise typer.BadParameter("give ids, or --all")
    if everything and call.json and not yes:
        raise typer.BadParameter("--all with --json needs --yes, as there is nobody to ask")
    with opened(call) as memory:
        if everything:
            all_of_them = counted(len(memory.get_all(user_id=call.user)), "fact")
            if not yes and not typer.confirm(f"Forget {all_of_them} of {call.user} for good?", err=True):
                call.note("Nothing was forgotten.")
                return DONE
            result: dict[str, Any] = {"forgotten": memory.delete_all(user_id=call.user), "user_id": call.user}
        else:
            gone = _resolve(memory.get_all(user_id=call.chosen_user), ids or [])
            for fact_id in gone:
                memory.delete(fact_id)
            result = {"forgotten": len(gone), "ids": gone}
    if call.json:
        call.document(result)
    else:
        call.say(f"Forgot {counted(result['forgotten'], 'fact')}.")
    return DONE


def _resolve(live: Sequence[Fact], beginnings: Sequence[str]) -> list[str]:
    """Whole ids from beginnings of ids; all of them before anything is forgotten."""
    ids: dict[str, None] = {}
    for beginning in beginnings:
        fitting = [fact.id for fact in live if fact.id.startswith(beginning)] if beginning else []
        if not fitting:
            raise FactNotFound(beginning)
        if len(fitting) > 1 and beginning not in fitting:
            raise InvalidInput(f"{len(fitting)} facts have an id that begins so", beginning, "Give more of the id.")
        ids[beginning if beginning in fitting else fitting[0]] = None
    return list(ids)


@_command
def doctor(
    call: Call,
    deep: Annotated[bool, typer.Option("--deep", help="Also fetch and load the models, and generate a token.")] = False,
) -> int:
    """Look for what could spoil a night: versions, device, room, weights, the memory folder.

    Example: slowwave doctor --deep
    """
    from slowwave.doctor import diagnose

    with call.progress() as progress:
        findings = diagnose(call.folder, call.settings, deep=deep, progress=progress)
    healthy = all(finding.status != "fail" for finding in findings)
    if call.json:
        call.document({"ok": healthy, "findings": findings})
    else:
        call.table(("", "area", "finding", "what to do"), [(f.status, f.area, f.message, f.remedy) for f in findings])
        call.note("Ready." if healthy else "Not ready: see the lines that say fail.")
    return DONE if healthy else FAILED


@_command
def prepare(
    call: Call,
    name: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Folder or hub name [the base model in use].")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Train anew; the better one is kept.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the invented facts.")] = 0,
) -> int:
    """Train and examine the skills of a base model: reading facts, admitting ignorance, writing questions.

    Once per base model, on invented facts; a run that was stopped goes on. The default model's reader is shipped: if you
    replace it, a file removed from `skills` in the cache folder brings it back. Modules trained on a reader that is
    replaced stay silent until a night learns their facts again.

    Example: slowwave prepare --again
    """
    from slowwave.consolidation.skills import prepare as prepare_skills

    if name == "":  # as a folder it would be the working directory
        raise InvalidInput("Empty model", name, "Give a folder or a hub name, or leave it out.")
    settings = call.settings if name is None else call.settings.model_copy(update={"model": name})
    fetch(call, base=True, embedder=False, model=settings.model)
    with call.progress() as progress:
        skills = prepare_skills(settings, seed=seed, again=again, progress=progress)
    if call.json:
        call.document({"model": settings.model, "skills": {name: _skill(skill) for name, skill in skills.items()}})
    else:
        show_skills(call, skills)
    return DONE


@_command
def export(call: Call, to: Annotated[Path, typer.Argument(help="A new folder.")]) -> int:
    """Write the base model, with the reader folded in, as a plain model folder.

    The modules of a memory are PEFT adapters on this model: `PeftModel.from_pretrained(model, MEMORY/modules/ID)`.

    Example: slowwave export base-with-reader
    """
    from slowwave.loading import load_base

    fetch(call, base=True, embedder=False)
    with call.progress() as progress:
        base = load_base(call.settings, progress)
    base.save(to)
    if call.json:
        call.document({"folder": str(to), "base": base.ref.model_dump()})
    else:
        call.say(f"Wrote {base.ref.name} to {to}.")
    return DONE


def _skill(skill: Skill) -> dict[str, Any]:
    return {"needed": skill.needed, "sha256": skill.sha256, "rank": skill.rank, **skill.details}


@_command
def demo(
    call: Call,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer facts, a shorter night.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the result to this JSON file.")] = None,
) -> int:
    """Tell a fresh memory some facts, let it sleep, and ask it: a whole day and night on this machine.

    Example: slowwave demo --quick
    """
    from slowwave.demo import run

    if out is not None and out.is_dir():  # told now, and not after the night
        raise InvalidInput("Cannot write the result", str(out), "This is a folder; give a file.")
    fetch(call, base=True, embedder=True)
    with call.progress() as progress:
        result: dict[str, Any] = run(quick=quick, out=out, settings=call.settings, progress=progress)
    if call.json:
        call.document(result)
    else:
        show_demo(call, result)
        if out is not None:
            call.note(f"Written to {out}.")
    return DONE if result["ok"] else FAILED


def main() -> None:
    """Run the command line; the libraries below must not draw or warn on the terminal."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    app(prog_name="slowwave")


if __name__ == "__main__":
    main()
