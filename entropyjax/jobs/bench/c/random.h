/* Threefry-2x32 with 20 rounds (Salmon et al., SC 2011), and normals from its words by Box and Muller. */
#ifndef RANDOM_H
#define RANDOM_H
#include "vector.h"

/* Encrypt the counter (x, y) in place. */
INLINE void threefry(const uint32_t key[2], vu *x, vu *y)
{
    static const int turns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
    const uint32_t schedule[3] = {key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDAu};
    vu a = u_add(*x, u_splat(schedule[0])), b = u_add(*y, u_splat(schedule[1]));
#pragma GCC unroll 5
    for (int injection = 0; injection < 5; injection++) {
#pragma GCC unroll 4
        for (int round = 0; round < 4; round++) {
            a = u_add(a, b);
            b = u_xor(rotate(b, turns[injection % 2][round]), a);
        }
        a = u_add(a, u_splat(schedule[(injection + 1) % 3]));
        b = u_add(b, u_splat(schedule[(injection + 2) % 3] + (uint32_t)injection + 1));
    }
    *x = a, *y = b;
}

/* A number in (0, 1] from the upper 31 bits. */
INLINE vf uniform(vu word) { return fma_of(to_float(u_half(word)), splat(0x1p-31f), splat(0x1p-32f)); }

/* sin and cos of the angle pi v / 2^31 by Taylor series at a quarter of it, doubled twice. */
INLINE void angle(vu word, vf *sine, vf *cosine)
{
    vf quarter = scaled(0x1.921fb6p-32f, to_float(word)), square = mul(quarter, quarter);
    vf a = mul(quarter, POLYNOMIAL(square, 1.0f, -1.0f / 6, 1.0f / 120, -1.0f / 5040, 1.0f / 362880));
    vf b = POLYNOMIAL(square, 1.0f, -1.0f / 2, 1.0f / 24, -1.0f / 720, 1.0f / 40320);
    for (int i = 0; i < 2; i++) {
        vf twice = mul(add(a, a), b);
        b = fma_of(b, b, scaled(-1.0f, mul(a, a)));
        a = twice;
    }
    *sine = a, *cosine = b;
}

/* sqrt(-2 ln u) */
INLINE vf radius(vu word) { return root(scaled(-1.3862943611198906f, log2_of(uniform(word)))); }

#endif
