"""Measurements: ``python -m benchmarks.NAME [--data DIR] [--seeds N] [--quick]``; `harness` is what they share."""
