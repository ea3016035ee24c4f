"""Parts of `scripts/closed_loop.py`: the experiment, the fit, what it foretells, and tables and a figure of them."""
