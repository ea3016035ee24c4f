"""Weighted minimax polynomials whose coefficients are numbers of a given precision."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import mpmath
from mpmath import mp, mpf

Function = Callable[[mpf], mpf]


class Problem(NamedTuple):
    """Find c with max weight(x) |target(x) - sum_k c_k x^k| least, at the points of a grid."""

    points: list[mpf]
    targets: list[mpf]
    weights: list[mpf]


def problem(target: Function, weight: Function, interval: tuple[mpf, mpf], count: int) -> Problem:
    """The problem on `30 count` Chebyshev points of the interval: none is 0, where targets may be 0/0."""
    low, high = (mpf(end) for end in interval)
    number = 30 * count
    nodes = [mpmath.cos(mp.pi * (k + mpf(1) / 2) / number) for k in reversed(range(number))]
    points = [(low + high) / 2 + (high - low) / 2 * node for node in nodes]
    return Problem(points, [target(x) for x in points], [abs(weight(x)) for x in points])


def errors(of: Problem, coefficients: Sequence[mpf]) -> list[mpf]:
    """The weighted error at every point."""
    out = []
    for x, target, weight in zip(*of, strict=True):
        total = mpf(0)
        for c in reversed(coefficients):
            total = total * x + c
        out.append(weight * (target - total))
    return out


def minimax(of: Problem, count: int) -> list[mpf]:
    """The best `count` coefficients, by Remez's exchange."""
    last = len(of.points) - 1
    chosen = [round(last * k / count) for k in range(count + 1)]
    coefficients: list[mpf] = []
    for _ in range(60):
        rows = [[of.weights[i] * of.points[i] ** p for p in range(count)] + [(-1) ** k] for k, i in enumerate(chosen)]
        right = [of.weights[i] * of.targets[i] for i in chosen]
        *coefficients, level = mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix(right))
        error = errors(of, coefficients)
        if max(abs(e) for e in error) <= abs(level) * mpf("1.001"):
            break
        chosen = _alternation(error, count + 1)
    return coefficients


def _alternation(error: list[mpf], wanted: int) -> list[int]:
    """The places of the largest errors of alternating sign, one in each run of equal sign."""
    runs: list[list[int]] = []
    for i, e in enumerate(error):
        if runs and (e > 0) == (error[runs[-1][-1]] > 0):
            runs[-1].append(i)
        else:
            runs.append([i])
    peaks = [max(run, key=lambda i: abs(error[i])) for run in runs]
    while len(peaks) > wanted:
        # Without the smallest its neighbours have one sign, and the larger of them stays.
        k = min(range(len(peaks)), key=lambda k: abs(error[peaks[k]]))
        if len(peaks) == wanted + 1 or k in {0, len(peaks) - 1}:
            peaks.pop(0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1)
        else:
            other = min(k - 1, k + 1, key=lambda k: abs(error[peaks[k]]))
            del peaks[min(k, other) : max(k, other) + 1]
    if len(peaks) < wanted:
        raise ArithmeticError(f"The error changes sign {len(peaks)} times, not {wanted}: take fewer coefficients.")
    return peaks


def rounded(value: mpf, bits: int) -> mpf:
    """The nearest number of so many significant bits."""
    with mp.workprec(bits):
        return +value


def fit(target: Function, weight: Function, interval: tuple[mpf, mpf], count: int, bits: int) -> tuple[list[mpf], mpf]:
    """Return `count` coefficients of `bits` bits from the constant up, and the largest weighted error.

    Each is rounded in turn, and those after it are fitted again to what the rounding left over.
    """
    of = problem(target, weight, interval, count)
    done: list[mpf] = []
    left = of
    for missing in range(count, 0, -1):
        c = rounded(minimax(left, missing)[0], bits)
        done.append(c)
        left = Problem(
            left.points,
            [(target - c) / x for x, target in zip(left.points, left.targets, strict=True)],
            [weight * abs(x) for x, weight in zip(left.points, left.weights, strict=True)],
        )
    return done, max(abs(e) for e in errors(of, done))
