"""Inverse workflow generation: benchmarks made backwards from their answers, runs of orchestrators on them, scores."""
