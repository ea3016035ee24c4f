"""Inverse Workflow Generation: benchmarks generated backwards from an answer, and runs of orchestrators on them."""
