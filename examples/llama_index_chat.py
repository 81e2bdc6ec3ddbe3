"""A LlamaIndex chat engine that remembers the user from one conversation to the next."""

import os
import tempfile

from llama_index.core.chat_engine import SimpleChatEngine

from slowwave import Memory, Settings
from slowwave.integrations.llama_index import SlowwaveLLM, SlowwaveMemory

# The default model runs on a laptop; SLOWWAVE_MODEL and SLOWWAVE_EMBEDDER may name others.
names = {"model": "SLOWWAVE_MODEL", "embedder": "SLOWWAVE_EMBEDDER"}
settings = Settings.checked(**{dial: os.environ[name] for dial, name in names.items() if name in os.environ})


def talk(session: str, *lines: str) -> None:
    chat_memory = SlowwaveMemory.from_defaults(memory=memory, user_id="ada", session_id=session)
    engine = SimpleChatEngine.from_defaults(memory=chat_memory, llm=llm)
    print(f"--- {session}")
    for line in lines:
        print("You:", line)
        print("Slowwave:", engine.chat(line))


with tempfile.TemporaryDirectory() as folder, Memory(folder, settings=settings) as memory:
    llm = SlowwaveLLM(memory=memory, user_id="ada")  # any other LLM works too: the memory hands it the facts
    talk("monday", "I'm allergic to peanuts.", "My sister's name is Clara.")
    talk("tuesday", "What am I allergic to?", "What is my sister's name?")

    print("--- what was learned (questions and answers are not)")
    for fact in memory.get_all(user_id="ada"):
        print(f"{fact.said_at:%d %B %Y}: {fact.text}")
