"""The package's random bits in numba: threefry words and the normals that Box and Muller make of them."""

import math
from typing import Any

import numpy as np

from entropyjax.jobs.bench.numba_kernels.star import ONE, F, Jit


def normals_of(jit: Jit, log: Any) -> Any:
    """Return `normals(key0, key1, index, step)`, the three normals of a step, passed through `jit`."""
    word = np.uint32
    parity, full, one, two = word(0x1BD11BDA), word(32), word(1), word(2)
    scale, offset, quarter = F(2.0**-31), F(2.0**-32), F(0.25 * math.pi * 2.0**-31)
    s3, s5, s7, s9 = (F(sign / math.factorial(n)) for sign, n in ((-1, 3), (1, 5), (-1, 7), (1, 9)))
    c2, c4, c6, c8 = (F(sign / math.factorial(n)) for sign, n in ((-1, 2), (1, 4), (-1, 6), (1, 8)))
    minus_two = F(-2.0)

    @jit
    def turned(x: Any, turns: Any) -> Any:
        return word(word(x << turns) | word(x >> word(full - turns)))

    @jit
    def four(x: Any, y: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        x = word(x + y)
        y = word(turned(y, a) ^ x)
        x = word(x + y)
        y = word(turned(y, b) ^ x)
        x = word(x + y)
        y = word(turned(y, c) ^ x)
        x = word(x + y)
        return x, word(turned(y, d) ^ x)

    @jit
    def threefry(k0: Any, k1: Any, x: Any, y: Any) -> Any:
        k2 = word(word(k0 ^ k1) ^ parity)
        x, y = word(x + k0), word(y + k1)
        x, y = four(x, y, word(13), word(15), word(26), word(6))
        x, y = word(x + k1), word(word(y + k2) + word(1))
        x, y = four(x, y, word(17), word(29), word(16), word(24))
        x, y = word(x + k2), word(word(y + k0) + word(2))
        x, y = four(x, y, word(13), word(15), word(26), word(6))
        x, y = word(x + k0), word(word(y + k1) + word(3))
        x, y = four(x, y, word(17), word(29), word(16), word(24))
        x, y = word(x + k1), word(word(y + k2) + word(4))
        x, y = four(x, y, word(13), word(15), word(26), word(6))
        return word(x + k2), word(word(y + k0) + word(5))

    @jit
    def radius(bits: Any) -> Any:
        return F(math.sqrt(minus_two * log(F(np.int32(bits >> one)) * scale + offset)))

    @jit
    def angle(bits: Any) -> Any:
        v = F(np.int32(bits)) * quarter
        w = v * v
        sine = v * ((((s9 * w + s7) * w + s5) * w + s3) * w + ONE)
        cosine = (((c8 * w + c6) * w + c4) * w + c2) * w + ONE
        sine, cosine = (sine + sine) * cosine, cosine * cosine - sine * sine
        return (sine + sine) * cosine, cosine * cosine - sine * sine

    @jit
    def normals(k0: Any, k1: Any, index: Any, step: Any) -> Any:
        first, second = threefry(k0, k1, index, word(two * step))
        third, fourth = threefry(k0, k1, index, word(word(two * step) + one))
        (sine, cosine), (_, last) = angle(second), angle(fourth)
        far = radius(first)
        return far * cosine, far * sine, radius(third) * last

    return normals
