"""Bridges to agent frameworks: thin, each behind its own extra. Import the one you need; this package imports none."""
