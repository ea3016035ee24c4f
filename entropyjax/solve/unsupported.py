"""The exception of paths that cannot run everything."""


class Unsupported(Exception):
    """A computation that a solver path cannot express; the message says which part."""
