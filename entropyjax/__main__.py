"""`python -m entropyjax` is the command line."""

from entropyjax.cli import main

main()
