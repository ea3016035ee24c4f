/* Groups of GROUP machine vectors that take every operation together, so that one waits while another works.

   A machine vector is 16 floats where the compiler has AVX-512, else a vector extension of 8 or 4. */
#ifndef VECTOR_H
#define VECTOR_H
#include <stdint.h>
#include <string.h>

#ifndef GROUP
#define GROUP 4
#endif
#define INLINE static inline __attribute__((always_inline))
#define EACH _Pragma("GCC unroll 8") for (int k = 0; k < GROUP; k++)

#ifdef __AVX512F__
#include "avx512.h"
#else
#include "portable.h"
#endif

#define WIDTH (GROUP * LANES)

typedef struct { nf v[GROUP]; } vf;
typedef struct { nu v[GROUP]; } vu;
typedef struct { nm v[GROUP]; } vm;

#define RETURN_EACH(type, value) type r; EACH r.v[k] = (value); return r

INLINE vf splat(float a) { RETURN_EACH(vf, n_splat(a)); }
INLINE vf load(const float *p) { RETURN_EACH(vf, n_load(p + k * LANES)); }
INLINE void store(float *p, vf a) { EACH n_store(p + k * LANES, a.v[k]); }
INLINE void store_where(float *p, vm m, vf a) { EACH n_store_where(p + k * LANES, m.v[k], a.v[k]); }
INLINE vf add(vf a, vf b) { RETURN_EACH(vf, a.v[k] + b.v[k]); }
INLINE vf sub(vf a, vf b) { RETURN_EACH(vf, a.v[k] - b.v[k]); }
INLINE vf mul(vf a, vf b) { RETURN_EACH(vf, a.v[k] * b.v[k]); }
/* a b + c, and c - a b */
INLINE vf fma_of(vf a, vf b, vf c) { RETURN_EACH(vf, a.v[k] * b.v[k] + c.v[k]); }
INLINE vf fnma_of(vf a, vf b, vf c) { RETURN_EACH(vf, c.v[k] - a.v[k] * b.v[k]); }
INLINE vf scaled(float a, vf b) { return mul(splat(a), b); }
INLINE vf shifted(float a, vf b) { return add(splat(a), b); }
INLINE vf smaller(vf a, vf b) { RETURN_EACH(vf, n_min(a.v[k], b.v[k])); }
INLINE vf larger(vf a, vf b) { RETURN_EACH(vf, n_max(a.v[k], b.v[k])); }
/* -|a| and |a| */
INLINE vf minus_size(vf a) { RETURN_EACH(vf, n_minus_size(a.v[k])); }
INLINE vf size_of(vf a) { RETURN_EACH(vf, n_size(a.v[k])); }
INLINE vf reciprocal(vf a) { RETURN_EACH(vf, n_reciprocal(a.v[k])); }
INLINE vf divide(vf a, vf b) { return mul(a, reciprocal(b)); }
/* For a >= 0. */
INLINE vf root(vf a) { RETURN_EACH(vf, n_root(a.v[k])); }

INLINE vm less(vf a, vf b) { RETURN_EACH(vm, n_less(a.v[k], b.v[k])); }
INLINE vm at_most(vf a, vf b) { RETURN_EACH(vm, n_at_most(a.v[k], b.v[k])); }
INLINE vm both(vm a, vm b) { RETURN_EACH(vm, a.v[k] & b.v[k]); }
INLINE vm either(vm a, vm b) { RETURN_EACH(vm, a.v[k] | b.v[k]); }
INLINE vm invert(vm a) { RETURN_EACH(vm, (nm)~a.v[k]); }
INLINE vm without(vm a, vm b) { return both(a, invert(b)); }
INLINE vm none(void) { RETURN_EACH(vm, n_mask(0)); }
INLINE int any(vm a)
{
    nm all = a.v[0];
    for (int k = 1; k < GROUP; k++) all |= a.v[k];
    return n_any(all);
}
INLINE uint64_t bits_of(vm a)
{
    uint64_t bits = 0;
    EACH bits |= (uint64_t)n_bits(a.v[k]) << (k * LANES);
    return bits;
}
INLINE vm mask_of(uint64_t bits) { RETURN_EACH(vm, n_mask((uint32_t)(bits >> (k * LANES)))); }
INLINE vf choose(vm m, vf a, vf b) { RETURN_EACH(vf, n_choose(m.v[k], a.v[k], b.v[k])); }
INLINE vm choose_mask(vm m, vm a, vm b) { return either(both(m, a), without(b, m)); }

INLINE vu u_splat(uint32_t a) { RETURN_EACH(vu, n_usplat(a)); }
INLINE vu u_add(vu a, vu b) { RETURN_EACH(vu, a.v[k] + b.v[k]); }
INLINE vu u_xor(vu a, vu b) { RETURN_EACH(vu, a.v[k] ^ b.v[k]); }
INLINE vu u_half(vu a) { RETURN_EACH(vu, a.v[k] >> 1); }
INLINE vu rotate(vu a, const int turns) { RETURN_EACH(vu, n_rotate(a.v[k], turns)); }
/* As signed integers. */
INLINE vf to_float(vu a) { RETURN_EACH(vf, n_to_float(a.v[k])); }
/* first, first + 1, ... */
INLINE vu numbers_from(uint32_t first)
{
    uint32_t all[WIDTH];
    for (int lane = 0; lane < WIDTH; lane++) all[lane] = first + (uint32_t)lane;
    RETURN_EACH(vu, n_uload(all + k * LANES));
}

#define POLYNOMIAL(x, ...) horner(x, (const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float))
INLINE vf horner(vf x, const float *c, const int count)
{
    vf sum = splat(c[count - 1]);
#pragma GCC unroll 16
    for (int i = count - 2; i >= 0; i--) sum = fma_of(sum, x, splat(c[i]));
    return sum;
}

/* 2^x, 0 below the range of float and large above. */
INLINE vf exp2_of(vf x)
{
    vf f, r;
    EACH f.v[k] = n_fraction(x.v[k]);
    vf power = POLYNOMIAL(f, EXP2_COEFFICIENTS);
    EACH r.v[k] = n_scale(power.v[k], x.v[k]);
    return r;
}

/* The logarithm to base 2 of a normal x > 0. */
INLINE vf log2_of(vf x)
{
    vf n, r;
    EACH n_split(x.v[k], &n.v[k], &r.v[k]);
    vf slope = POLYNOMIAL(r, 1.4426952600479126f, -0.7213506102561951f, 0.4808468520641327f, -0.3603389263153076f,
                          0.2900976240634918f, -0.25062817335128784f, 0.20387955009937286f, -0.09588217735290527f);
    return fma_of(r, slope, scaled(0x1p-23f, n));
}

/* ln(1 + u) for u in [0, 1]. */
INLINE vf log1p_of(vf u)
{
    return mul(u, POLYNOMIAL(u, 0.9999998211860657f, -0.4999740421772003f, 0.33275479078292847f, -0.24495460093021393f,
                             0.17745235562324524f, -0.10768162459135056f, 0.04408957064151764f, -0.008539190515875816f));
}

#endif
