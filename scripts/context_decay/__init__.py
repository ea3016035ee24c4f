"""Fits of the attention-dilution curve to published tables; scripts/fit_context_decay.py runs them."""
