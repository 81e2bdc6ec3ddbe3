"""A day, a night and a question: the whole of Slowwave in ten lines."""

import os
import tempfile

from slowwave import Memory, Settings

# The default model runs on a laptop; SLOWWAVE_MODEL and SLOWWAVE_EMBEDDER may name others.
names = {"model": "SLOWWAVE_MODEL", "embedder": "SLOWWAVE_EMBEDDER"}
settings = Settings.checked(**{dial: os.environ[name] for dial, name in names.items() if name in os.environ})

with tempfile.TemporaryDirectory() as folder, Memory(folder, settings=settings, effort="quick") as memory:
    memory.add("I'm allergic to peanuts.", user_id="ada")
    memory.add("My sister's name is Clara.", user_id="ada")
    memory.add([{"role": "user", "content": "Hi! I moved to Porto last week. Any tips?"}], user_id="ada")

    for hit in memory.search("What can't Ada eat?", user_id="ada", k=1):
        print(f"found: {hit.text} (score {hit.score:.2f})")

    report = memory.consolidate()
    print(f"last night: {report.settled} facts settled, {report.recent} stay recent")

    answer = memory.ask("What is my sister's name?", user_id="ada", use_facts=False)
    print(f"from weights alone: {answer.text} (confidence {answer.confidence:.2f})")
