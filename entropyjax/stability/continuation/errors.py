"""The error of this package."""


class ContinuationError(ValueError):
    """A problem that cannot be continued as it was posed; the message says what to change.

    A branch that ends early is no error: it is returned, and its ends say why.
    """
