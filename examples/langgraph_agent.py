"""An agent that learns what its user says and recalls it with a tool (extra `agents`); put your chat model for the scripted."""

import os
import tempfile
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import before_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import create_retriever_tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config

from slowwave import Memory, Settings
from slowwave.integrations.langchain import SlowwaveRetriever

# The default model runs on a laptop; SLOWWAVE_MODEL and SLOWWAVE_EMBEDDER may name others.
names = {"model": "SLOWWAVE_MODEL", "embedder": "SLOWWAVE_EMBEDDER"}
settings = Settings.checked(**{dial: os.environ[name] for dial, name in names.items() if name in os.environ})


class Scripted(GenericFakeChatModel):
    """Stands in for a chat model that calls tools."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


call = {"name": "recall", "args": {"query": "When is the flight?"}, "id": "1"}
model = Scripted(
    messages=iter([AIMessage("Have a good flight!"), AIMessage("", tool_calls=[call]), AIMessage("See above.")])
)

with tempfile.TemporaryDirectory() as folder, Memory(folder, settings=settings) as memory:

    @before_agent
    def learn(state: Any, runtime: Any) -> None:
        """Learn what the user states; what was told in an earlier turn is known, and keeps its date."""
        memory.add(state["messages"], user_id=get_config().get("configurable", {})["user_id"])

    recall = create_retriever_tool(SlowwaveRetriever(memory=memory, k=1), "recall", "What the user once said.")
    agent = create_agent(model, [recall], middleware=[learn], checkpointer=InMemorySaver())
    ada: RunnableConfig = {"configurable": {"user_id": "ada", "thread_id": "today"}}
    for said in ("My flight is tomorrow.", "When is my flight?"):
        messages = agent.invoke({"messages": [HumanMessage(said)]}, ada)["messages"]
    print("\n".join(f"{one.type}: {one.text or 'asks its memory'}" for one in messages))
