"""Ordinary prompts that no memory may spoil: the gate compares the loss on these answers with and without a module."""

from __future__ import annotations

__all__ = ["CANARY"]

CANARY: tuple[tuple[str, str], ...] = (
    ("What is the capital of France?", "The capital of France is Paris."),
    ("How many days are there in a week?", "There are seven days in a week."),
    ("Write a short sentence about the sea.", "The sea stretched out to the horizon, calm and blue in the morning light."),
    ("Name three colours of the rainbow.", "Three colours of the rainbow are red, yellow and blue."),
    ("What do plants need to grow?", "Plants need sunlight, water, air and nutrients from the soil to grow."),
    ("Explain in one sentence what a computer does.", "A computer follows instructions to store and process information."),
    ("What is two plus two?", "Two plus two is four."),
    ("Give me a tip for sleeping better.", "Try to go to bed at the same time every night and avoid screens before sleep."),
    ("What is the opposite of hot?", "The opposite of hot is cold."),
    ("Who wrote Romeo and Juliet?", "Romeo and Juliet was written by William Shakespeare."),
    ("Why is the sky blue?", "The sky looks blue because air scatters short blue wavelengths of sunlight more than red ones."),
    ("How do I boil an egg?", "Put the egg in boiling water for about eight minutes, then cool it in cold water."),
)
