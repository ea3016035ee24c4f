"""What inference refuses."""


class InferenceError(ValueError):
    """Runs, parameters or observations that cannot be used; the message says what to do."""
