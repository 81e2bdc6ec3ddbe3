"""The memory object: all that a user of the package calls, checked and handed to the room that does it."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from slowwave.adapters_store.layout import FolderLayout
from slowwave.adapters_store.manifest import ModuleInfo
from slowwave.awaited import awaited, in_a_thread
from slowwave.changes import Changes
from slowwave.checking import check_count, check_id, check_question, check_user, check_where
from slowwave.distil import as_distiller
from slowwave.errors import InvalidInput
from slowwave.intake import Content, to_fact, to_facts
from slowwave.lock import FolderLock
from slowwave.messages import as_messages
from slowwave.nights import Done, Nights
from slowwave.origin import with_origin
from slowwave.rooms import Rooms
from slowwave.settings import Settings
from slowwave.types import Answer, Fact, Message, NightReport, Progress, Scalar, ScoredFact, no_progress

if TYPE_CHECKING:
    from slowwave.answering import AnswerStream
    from slowwave.retold import Conversation

__all__ = ["Memory"]

_WINDOW = 8192
"""What the default base model reads, in tokens."""


class Memory:
    """Agent memory that learns at night.

    By day it keeps what it is told in a fact store and answers with retrieval; a night turns what has settled into small
    LoRA modules on the user's own model, and from then on it answers from weights and retrieved facts.

    Opening a memory takes the folder's lock and loads nothing heavy: the fact store opens with the first fact or search,
    the base model with the first question or night. Every method may be called from any thread.
    """

    def __init__(
        self,
        folder: str | Path = "slowwave-memory",
        *,
        settings: Settings | None = None,
        writer: object | None = None,
        distiller: object | None = None,
        **overrides: Any,
    ) -> None:
        """Open a memory folder, or create it.

        Args:
            folder: where everything is kept.
            settings: the dials; `overrides` are single ones by name, for example ``model="..."``. The model and the embedder
                are those of the folder where none is named.
            writer: writes the questions of a night: None for the built-in rules, a callable that takes a Fact and returns
                (question, answer) pairs, a LangChain chat model or a LlamaIndex LLM.
            distiller: turns chat messages into statements: None for the built-in rules, a callable that takes a list of
                Messages and returns (statement, place of its message) pairs, a LangChain chat model or a LlamaIndex LLM.
                What the messages do not support is refused; where it fails the rules take over.

        Raises:
            MemoryLocked: another process, or this one, has the folder open.
            InvalidInput: a setting is unknown or out of bounds, or the distiller is none of these.
        """
        if settings is not None and not isinstance(settings, Settings):
            raise InvalidInput("Bad settings", settings, "Give Settings(...), or single ones by name.")
        given = settings.model_dump(exclude_unset=True) if settings is not None else {}
        self.folder = Path(folder).expanduser().resolve()
        if self.folder.exists() and not self.folder.is_dir():
            raise InvalidInput("The memory folder is a file", str(folder), "Give a folder, or the name of a new one.")
        dials = with_origin(self.folder, Settings.checked(**given | overrides))
        if writer is not None:
            from slowwave.consolidation.writers import as_writer

            as_writer(writer)  # what is none is refused now, not at night
        self._distiller = as_distiller(distiller)
        with _opening:  # whoever finds the lock taken by this process finds the memory as well
            self._lock = FolderLock(self.folder)
            try:
                self._rooms = Rooms(FolderLayout(self.folder), dials)
                self._changes = Changes(self._rooms)
                self._nights = Nights(self._rooms, writer)
            except BaseException:
                self._lock.release()
                raise
            _shared[self.folder] = self

    @classmethod
    def shared(cls, folder: str | Path = "slowwave-memory", **options: Any) -> Memory:
        """The memory that this process has open on a folder; opened with these options if there is none."""
        path = Path(folder).expanduser().resolve()
        with _opening:
            open_one = _shared.get(path)
            if open_one is None or open_one.closed:
                open_one = _shared[path] = cls(path, **options)
            return open_one

    # -- facts -----------------------------------------------------------------------------------------------------

    def add(
        self,
        content: Content,
        *,
        user_id: str = "default",
        said_at: datetime | None = None,
        source: str | None = None,
        metadata: Mapping[str, Scalar] | None = None,
    ) -> list[Fact]:
        """Remember a text, or what the user said in chat messages; it can be found at once, and no language model is needed.

        A text becomes one fact, as it is. Of chat messages the distiller keeps what the user stated: no questions, requests,
        greetings or chatter; what is there already in nearly the same words is not stored again. Messages may be `Message`s,
        dictionaries ({"role", "content"}, and "said_at" or "date") or those of LangChain and LlamaIndex. What is said again gets
        the later date, and its metadata names the days before as ``also_said``. A statement about something that has one
        value at a time ("My phone number is ...", "I moved to ...") supersedes the older one, as `update` does.

        A conversation may be handed in again and again as it grows: messages without a date that were told before, by their
        id or by all that stands before them, keep the time at which they were first told.

        Args:
            content: a text, a message, or messages.
            user_id: whose memory it is.
            said_at: when it was said, where a message has no date of its own; now if None.
            source: where it comes from, such as the name of a file; "source" in the metadata will do as well.
            metadata: what `search` and `get_all` can filter by.

        Returns:
            The facts in what was handed in, in its order; also those that were told before, and those that a later one of them
            has superseded (`superseded_by`).

        Raises:
            InvalidInput: nothing was written, because something in it is empty, too long or malformed.
        """
        told: list[Conversation] = []

        def dated(turns: Sequence[Message]) -> Sequence[Message]:
            told.append(self._rooms.retold.dated(user_id, turns, datetime.now(UTC).astimezone()))
            return told[-1].turns

        facts = to_facts(
            content,
            user_id=user_id,
            said_at=said_at,
            source=source,
            metadata=metadata,
            limit=self.settings.max_fact_chars,
            distiller=self._distiller,
            assistant=self.settings.learn_assistant,
            dated=dated,
        )
        kept = self._changes.keep(facts, alike=not isinstance(content, str))
        for conversation in told:
            self._rooms.retold.note(conversation)
        return kept

    def add_many(
        self,
        texts: Sequence[str],
        *,
        user_id: str = "default",
        said_at: datetime | None = None,
        source: str | None = None,
        metadata: Mapping[str, Scalar] | None = None,
    ) -> list[Fact]:
        """Remember several texts, one fact each, embedded in one go.

        Raises:
            InvalidInput: nothing was written, because one of them is empty, too long or malformed.
        """
        if isinstance(texts, str):
            raise InvalidInput("One text where a list was expected", texts, "Use `add` for one text.")
        texts = list(texts)
        for text in texts:
            if not isinstance(text, str):
                raise InvalidInput("A fact must be text", text, "Give strings, or use `add` for chat messages.")
        limit = self.settings.max_fact_chars
        facts = [
            to_fact(text, user_id=user_id, said_at=said_at, source=source, metadata=metadata, limit=limit)
            for text in texts
        ]
        return self._changes.keep(facts)

    def search(
        self, query: str, *, user_id: str = "default", k: int = 5, where: Mapping[str, Scalar] | None = None
    ) -> list[ScoredFact]:
        """The k facts of a user that fit a query best, by meaning and by words.

        Args:
            where: only facts whose metadata (or ``source``) equal these values.
        """
        check_count("k", k, least=1)
        return self._rooms.recall.search(check_question(query), check_user(user_id), k, check_where(where))[0]

    def get(self, fact_id: str) -> Fact:
        """One fact by its id, a superseded one too.

        Raises:
            FactNotFound: there is none.
        """
        return self._rooms.facts.get(check_id(fact_id))

    def get_all(
        self,
        *,
        user_id: str | None = None,
        where: Mapping[str, Scalar] | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Fact]:
        """Live facts, oldest first; of one user if given.

        Raises:
            InvalidInput: limit or offset is not a whole number, or negative.
        """
        check_count("offset", offset)
        if limit is not None:
            check_count("limit", limit)
        where = check_where(where)
        if user_id is None or where:
            facts = self._rooms.facts.live(user_id if user_id is None else check_user(user_id), where)
        else:
            facts = self._rooms.recall.live(check_user(user_id))  # they are at hand: thousands are not read again
        return facts[offset : None if limit is None else offset + limit]

    def update(
        self,
        fact_id: str,
        text: str,
        *,
        said_at: datetime | None = None,
        metadata: Mapping[str, Scalar] | None = None,
    ) -> Fact:
        """Replace a fact by a new version; the old one stays in `history` and is never trained again.

        Modules that carry the old version stop answering at once; the next night learns the rest of them anew. With the text
        that it has, only the date and the metadata that are given change. A text that the user has as another fact makes
        that one the newest version of both.

        Raises:
            FactNotFound: there is no such fact.
            InvalidInput: the text cannot be stored.
        """
        return self._changes.replace(check_id(fact_id), text, said_at, metadata)

    def delete(self, fact_id: str) -> None:
        """Forget a fact in all its versions, older and newer ones: text, questions and weights.

        It leaves the fact store and every cache at once; every module that was trained on it is deleted at once, and the
        next night learns that module's other facts anew, never from the old weights.

        Raises:
            FactNotFound: there is no such fact.
        """
        self._changes.erase(check_id(fact_id))

    def delete_all(self, *, user_id: str) -> int:
        """Forget everything about a user; returns how many live facts went."""
        return self._changes.erase_all(check_user(user_id))

    def history(self, fact_id: str) -> list[Fact]:
        """All versions of a fact, oldest first.

        Raises:
            FactNotFound: there is no such fact.
        """
        return self._rooms.facts.versions(check_id(fact_id))

    # -- answers ---------------------------------------------------------------------------------------------------

    def ask(
        self,
        question: str,
        *,
        user_id: str = "default",
        history: Sequence[Any] = (),
        use_facts: bool = True,
        use_modules: bool = True,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stop: str | Sequence[str] = (),
    ) -> Answer:
        """Answer a question from retrieved facts and from the user's modules.

        Args:
            history: earlier turns of the conversation, oldest first; messages as `add` takes them. The oldest are left out
                where the model cannot read them all.
            use_facts: whether facts may stand in the prompt; False answers from weights alone.
            use_modules: whether modules may take part; False is retrieval alone. With both off the base model answers.
            max_tokens: the longest answer, in tokens.
            temperature: 0 takes the likeliest token; more is more varied.
            stop: texts that end the answer; they are not part of it.
        """
        return self.stream(
            question,
            user_id=user_id,
            history=history,
            use_facts=use_facts,
            use_modules=use_modules,
            max_tokens=max_tokens,
            temperature=temperature,
            stop=stop,
        ).answer

    def stream(
        self,
        question: str,
        *,
        user_id: str = "default",
        history: Sequence[Any] = (),
        use_facts: bool = True,
        use_modules: bool = True,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stop: str | Sequence[str] = (),
    ) -> AnswerStream:
        """Answer like `ask`, piece by piece; the stream's `answer` is the whole of it."""
        from slowwave.answering import AnswerStream, Request

        if max_tokens is not None and (not isinstance(max_tokens, int) or max_tokens < 1):
            raise InvalidInput("Bad max_tokens", max_tokens, "Allow at least one token.")
        if not isinstance(temperature, (int, float)) or not 0 <= temperature < math.inf:
            raise InvalidInput("Bad temperature", temperature, "Give 0 or more.")
        request = Request(
            check_question(question),
            check_user(user_id),
            tuple(turn for turn in as_messages(history or ()) if turn.content.strip()),
            use_facts,
            use_modules,
            max_tokens,
            temperature,
            (stop,) if isinstance(stop, str) else tuple(stop or ()),
        )
        return AnswerStream(self._rooms.answerer.stream(request))

    # -- nights ----------------------------------------------------------------------------------------------------

    def consolidate(self, *, user_id: str | None = None, progress: Progress = no_progress) -> NightReport:
        """Run one night now: learn the recent facts of one user, or of all.

        It may be interrupted and killed at any point: the next night goes on where this one stopped. A base model that
        was never prepared is prepared first (`slowwave prepare`), once on this machine.

        Raises:
            NightRunning: one is under way in another thread.
            MemoryClosed: the memory was closed meanwhile, and the night stopped.
        """
        if user_id is not None:
            check_user(user_id)
        return self._nights.run(user_id, progress)

    def nights(self) -> list[NightReport]:
        """The reports of all nights that finished here, the last one first; one that cannot be read is left out."""
        from slowwave.consolidation.journal import night_reports

        return night_reports(self._rooms.layout.reports)

    def start(
        self,
        schedule: str = "0 3 * * *",
        *,
        user_id: str | None = None,
        done: Done | None = None,
    ) -> None:
        """Run a night by a cron expression (five fields, local time), in the background, until `stop` or `close`.

        Args:
            schedule: minute, hour, day of the month, month, weekday.
            user_id: whose recent facts are learned; everybody's if None.
            done: called after each of these nights, in its thread, with its report or with the error that ended it (which is
                logged as well).

        Raises:
            InvalidInput: the schedule is not a cron expression.
        """
        if user_id is not None:
            check_user(user_id)
        self._nights.start(schedule, lambda: self.consolidate(user_id=user_id), done)

    def stop(self) -> None:
        """Cancel the schedule, and wait for a night that is under way to end; `close` stops it after its current step."""
        self._nights.stop()

    @property
    def scheduled(self) -> bool:
        """Whether nights are scheduled."""
        return self._nights.scheduled

    @property
    def next_night(self) -> datetime | None:
        """When the next scheduled night starts."""
        return self._nights.next_run

    # -- what is known ---------------------------------------------------------------------------------------------

    def modules(self, *, user_id: str | None = None) -> list[ModuleInfo]:
        """The live modules, oldest first; of one user if given."""
        self._rooms.check_open()
        return self._rooms.store.infos(user_id)

    def settled_ids(self, *, user_id: str | None = None) -> frozenset[str]:
        """Ids of the facts that a live module carries and recalled at the gate."""
        from slowwave.consolidation.plan import settled_ids

        self._rooms.check_open()
        base = self._rooms.base
        return settled_ids(self._rooms.store, None if base is None else base.ref.sha256, user_id)

    def status(self, fact_id: str) -> Literal["recent", "settled", "superseded"]:
        """Whether a fact is settled in a module, recent, or superseded by a newer version.

        Raises:
            FactNotFound: there is no such fact.
        """
        fact = self._rooms.facts.get(check_id(fact_id))
        if fact.superseded_by is not None:
            return "superseded"
        return "settled" if fact.id in self.settled_ids(user_id=fact.user_id) else "recent"

    @property
    def context_window(self) -> int:
        """How many tokens the base model reads at most, question, facts and answer together; loads nothing."""
        from slowwave.weights import context_window

        if (base := self._rooms.base) is not None:
            return base.context_window
        return context_window(self.settings.model) or _WINDOW

    def version(self, user_id: str | None = None) -> str:
        """A short text that changes whenever facts or modules change: a key for caches of answers within this process."""
        count = self._rooms.recall.count(user_id) if user_id is not None else 0
        return f"{self._rooms.store.version}.{self._rooms.facts.version}.{count}"

    # -- life ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the schedule, let go of the files and of the folder's lock. Closing twice is fine.

        A night that is under way stops after its current step and is waited for; the next one goes on where it stopped.

        Raises:
            NightRunning: it is the night itself that closes, from its writer or its progress.
        """
        with self._nights.over(), self._rooms.guard:
            if self.closed:
                return
            try:
                self._rooms.close()
            finally:  # whatever a full disk says: the folder can be opened again
                self._lock.release()
                with _opening:
                    if _shared.get(self.folder) is self:
                        del _shared[self.folder]

    @property
    def settings(self) -> Settings:
        """The dials that it runs with; the model and the embedder are the folder's, where nobody named others."""
        return self._rooms.settings

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._rooms.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """One memory a folder: a copy of what holds it holds the same one."""
        return self

    def __reduce__(self) -> tuple[Callable[..., Memory], tuple[str, Settings]]:
        """Elsewhere it is whatever is open on the folder there, with the same settings; without a writer and a distiller."""
        return _revive, (str(self.folder), self.settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r}{', closed' if self.closed else ''})"

    # -- the same, awaited -----------------------------------------------------------------------------------------

    aadd = awaited(add)
    aadd_many = awaited(add_many)
    asearch = awaited(search)
    aget = awaited(get)
    aget_all = awaited(get_all)
    aupdate = awaited(update)
    adelete = awaited(delete)
    adelete_all = awaited(delete_all)
    ahistory = awaited(history)
    aask = awaited(ask, "answer")
    astream = awaited(stream, "stream")
    amodules = awaited(modules)
    anights = awaited(nights)
    asettled_ids = awaited(settled_ids)
    astatus = awaited(status)
    astop = awaited(stop, "night")
    aclose = awaited(close)

    async def aconsolidate(self, *, user_id: str | None = None, progress: Progress = no_progress) -> NightReport:
        """`consolidate` in a thread; where the task is cancelled the night stops after its current step."""
        cancelled = threading.Event()

        def watched(stage: str, done: int, total: int) -> None:
            if cancelled.is_set():
                raise asyncio.CancelledError
            progress(stage, done, total)

        try:
            return await in_a_thread("night", self.consolidate, user_id=user_id, progress=watched)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _revive(folder: str, settings: Settings) -> Memory:
    return Memory.shared(folder, settings=settings)


_shared: dict[Path, Memory] = {}
_opening = threading.RLock()
