"""Slowwave: agent memory that learns at night."""
