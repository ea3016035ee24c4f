"""Print the tables of entropyjax/solve/native/functions: polynomials with their errors, constants in parts.

Usage: python scripts/functions/coefficients.py [NAME ...]
"""

import sys

import mpmath
import numpy as np
from mpmath import mp, mpf
from remez import fit, rounded
from tables import TABLES

mp.dps = 80
BITS = {"float32": 24, "float64": 53}
# Constants and the bits of their parts but the last, which has all bits of its format.
CONSTANTS = {
    "ln 2": (mpmath.log(2), {"float32": (15,), "float64": (41,)}),
    "2/3": (mpf(2) / 3, {"float32": (12,), "float64": (26,)}),
    "pi/2": (mp.pi / 2, {"float32": (11, 11, 11), "float64": (33, 33)}),
}


def polynomial(name: str, dtype: str) -> tuple[list[np.floating], float]:
    """The coefficients of a table, from the constant up, and the base-2 logarithm of their error."""
    table = next(make for make in TABLES if make.__name__ == name)(dtype)
    found, error = fit(*table, BITS[dtype])
    return [np.dtype(dtype).type(float(c)) for c in found], float(mpmath.log(error, 2))


def parts(value: mpf, bits: tuple[int, ...], dtype: str) -> list[np.floating]:
    """Numbers of so many bits, and a last one, whose sum is the value."""
    out = []
    for width in (*bits, BITS[dtype]):
        out.append(rounded(value, width))
        value = value - out[-1]
    return [np.dtype(dtype).type(float(part)) for part in out]


def main(names: list[str]) -> None:
    """Print the named tables, or all."""
    for make, dtypes in TABLES.items():
        for dtype in dtypes if not names or make.__name__ in names else ():
            values, error = polynomial(make.__name__, dtype)
            print(f"# {make.__name__}, {dtype}: relative error 2^{error:.1f}")
            print("\n".join(f"    {value!s}," for value in values))
    for name, (value, widths) in CONSTANTS.items():
        for dtype, bits in widths.items() if not names or name in names else ():
            print(f"# {name}, {dtype}")
            print("\n".join(f"    {part!s}," for part in parts(value, bits, dtype)))


if __name__ == "__main__":
    main(sys.argv[1:])
