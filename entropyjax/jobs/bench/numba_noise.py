"""The package's random bits in numba: threefry words and the normals that Box and Muller make of them."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class NoiseFunctions(NamedTuple):
    """`normals(key, index, step)` gives the three of a step; `line_zero` the place at which a line passes zero."""

    normals: Callable[..., Any]
    line_zero: Callable[..., Any]


def noise_functions(jit: Callable[[Any], Any]) -> NoiseFunctions:
    """Return the functions, each passed through `jit`."""
    word, real = np.uint32, np.float32
    turns = np.array([[13, 15, 26, 6], [17, 29, 16, 24]], np.uint32)
    parity, full = word(0x1BD11BDA), word(32)
    scale, offset, quarter = real(2.0**-31), real(2.0**-32), real(math.pi * 2.0**-31)
    zero, half, one, minus_two = real(0.0), real(0.5), real(1.0), real(-2.0)

    @jit
    def threefry(key: Any, x: Any, y: Any) -> Any:
        schedule = (word(key[0]), word(key[1]), word(key[0] ^ key[1] ^ parity))
        x, y = word(x + schedule[0]), word(y + schedule[1])
        for injection in range(5):
            for place in range(4):
                turn = turns[injection % 2, place]
                x = word(x + y)
                y = word(word(word(y << turn) | word(y >> word(full - turn))) ^ x)
            x = word(x + schedule[(injection + 1) % 3])
            y = word(y + schedule[(injection + 2) % 3] + word(injection + 1))
        return x, y

    @jit
    def radius(bits: Any) -> Any:
        return real(math.sqrt(minus_two * math.log(real(np.int32(bits >> word(1))) * scale + offset)))

    def normals(key: Any, index: Any, step: Any) -> Any:
        a, b = threefry(key, index, word(word(2) * step))
        c, e = threefry(key, index, word(word(2) * step + word(1)))
        angle, far = real(np.int32(b)) * quarter, radius(a)
        last = radius(c) * math.cos(real(np.int32(e)) * quarter)
        return far * math.cos(angle), far * math.sin(angle), last

    def line_zero(before: Any, after: Any) -> Any:
        drop = before - after
        return half if drop == zero else min(max(before / drop, zero), one)

    return NoiseFunctions(jit(normals), jit(line_zero))
