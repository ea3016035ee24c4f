"""The error of this package."""


class PlotError(ValueError):
    """A figure that a dataset cannot give as asked; the message says what it has and how to choose."""
