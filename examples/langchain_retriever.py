"""Find what each user said, from a LangChain chain: one retriever, many users."""

import os
import tempfile

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig, RunnablePassthrough

from slowwave import Memory, Settings
from slowwave.integrations.langchain import SlowwaveRetriever

# SLOWWAVE_MODEL and SLOWWAVE_EMBEDDER may name other models; finding facts needs the embedder alone.
names = {"model": "SLOWWAVE_MODEL", "embedder": "SLOWWAVE_EMBEDDER"}
settings = Settings.checked(**{dial: os.environ[name] for dial, name in names.items() if name in os.environ})

with tempfile.TemporaryDirectory() as folder, Memory(folder, settings=settings) as memory:
    memory.add("I'm allergic to peanuts.", user_id="ada")
    memory.add("I work as a nurse.", user_id="ada")
    memory.add("I'm allergic to cats.", user_id="bob")

    retriever = SlowwaveRetriever(memory=memory, k=1)

    print("What each user is allergic to, by similarity:")
    for user in ("ada", "bob"):
        config: RunnableConfig = {"configurable": {"user_id": user}}  # whose memory: decided per call
        for document in retriever.invoke("What am I allergic to?", config):
            print(f"  {user}: {document.page_content} (score {document.metadata['score']:.2f})")

    prompt = ChatPromptTemplate.from_template("Known: {facts}\nQuestion: {question}")
    facts = retriever | (lambda documents: " ".join(document.page_content for document in documents))
    chain = {"facts": facts, "question": RunnablePassthrough()} | prompt  # any chat model may follow

    print("\nThe prompt that a chain builds for ada:")
    print(chain.invoke("Where do I work?", {"configurable": {"user_id": "ada"}}).to_messages()[0].text)
