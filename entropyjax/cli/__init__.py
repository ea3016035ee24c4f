"""The command line: parse, call, print."""

from entropyjax.cli.app import main as main
