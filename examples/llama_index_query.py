"""Query a memory from LlamaIndex: retrieve facts as nodes, and answer with them."""

import os
import tempfile

from slowwave import Memory, Settings
from slowwave.integrations.llama_index import SlowwaveLLM, SlowwaveRetriever

# The default model runs on a laptop; SLOWWAVE_MODEL and SLOWWAVE_EMBEDDER may name others.
names = {"model": "SLOWWAVE_MODEL", "embedder": "SLOWWAVE_EMBEDDER"}
settings = Settings.checked(**{dial: os.environ[name] for dial, name in names.items() if name in os.environ})

with tempfile.TemporaryDirectory() as folder, Memory(folder, settings=settings) as memory:
    memory.add_many(
        ["I'm allergic to peanuts.", "My favourite colour is green.", "My sister's name is Clara."],
        user_id="ada",
        source="diary",
    )
    question = "What is my favourite colour?"

    print(f"The facts nearest to {question!r}:")
    for node in SlowwaveRetriever(memory, user_id="ada", similarity_top_k=2).retrieve(question):
        print(f"  {node.get_score():.2f}  {node.text}  (from the {node.metadata['source']})")

    llm = SlowwaveLLM(memory=memory, user_id="ada")
    answer = llm.complete(question)
    print("The answer:", answer.text)
    told = answer.raw or {}
    print(f"  rests on {told['source']}, confidence {told['confidence']:.2f}")

    print("Piece by piece: ", end="")
    for piece in llm.stream_complete(question):
        print(piece.delta, end="", flush=True)
    print()
