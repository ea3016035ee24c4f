"""The error of this package."""


class WorkflowError(ValueError):
    """A workflow, or a text that should hold one, that cannot be used; the message says what to change."""
