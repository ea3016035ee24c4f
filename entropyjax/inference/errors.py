"""What inference refuses."""


class InferenceError(ValueError):
    """Runs, parameters or observations that cannot be used; the message says what to do."""


def refuse_composite(composite: bool) -> None:
    """Raise `InferenceError` for a composite likelihood, where only a full one gives a posterior."""
    if composite:
        raise InferenceError(
            "The likelihood is a composite one, whose posterior is too sure; take the posterior 'godambe', or 'nuts', "
            "which adjusts its power."
        )
