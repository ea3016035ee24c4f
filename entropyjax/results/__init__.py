"""Outcome and failure codes of a trajectory."""

from entropyjax.results.codes import Failure as Failure, Outcome as Outcome, describe as describe
