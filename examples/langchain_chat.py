"""Chat with a memory through LangChain: answers rest on what the user said, and say on what."""

import os
import tempfile

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig

from slowwave import Memory, Settings
from slowwave.integrations.langchain import ChatSlowwave

# The default model runs on a laptop; SLOWWAVE_MODEL and SLOWWAVE_EMBEDDER may name others.
names = {"model": "SLOWWAVE_MODEL", "embedder": "SLOWWAVE_EMBEDDER"}
settings = Settings.checked(**{dial: os.environ[name] for dial, name in names.items() if name in os.environ})

with tempfile.TemporaryDirectory() as folder, Memory(folder, settings=settings) as memory:
    memory.add("I'm allergic to peanuts.", user_id="ada")
    memory.add("My sister's name is Clara.", user_id="ada")

    chat = ChatSlowwave(memory=memory)
    ada: RunnableConfig = {"configurable": {"user_id": "ada"}}

    print("You: What am I allergic to?")
    answer = chat.invoke("What am I allergic to?", ada)
    told = answer.response_metadata["slowwave"]
    print("Slowwave:", answer.text)
    print(f"  (rests on {told['source']}, confidence {told['confidence']:.2f})")
    for fact_id in told["facts"]:
        print("  - you said:", memory.get(fact_id).text)

    print("You: What is my sister's name?")
    print("Slowwave: ", end="")
    conversation = [HumanMessage("Hello."), AIMessage("Hello, Ada."), HumanMessage("What is my sister's name?")]
    for chunk in chat.stream(conversation, ada):
        print(chunk.text, end="", flush=True)
    print()

    print("Somebody else: What am I allergic to?")
    print("Slowwave:", chat.invoke("What am I allergic to?", {"configurable": {"user_id": "bob"}}).text)
