"""Codes: outcomes and failures of trajectories, kinds of fixed points, phases and critical values."""

from entropyjax.results.codes import (
    Criterion as Criterion,
    Effort as Effort,
    Failure as Failure,
    Kind as Kind,
    Optimum as Optimum,
    Outcome as Outcome,
    Phase as Phase,
    Validity as Validity,
    describe as describe,
)
