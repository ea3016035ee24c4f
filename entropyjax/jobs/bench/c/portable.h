/* One machine vector of 8 or 4 floats, by the vector extensions of gcc and clang. */
#ifndef PORTABLE_H
#define PORTABLE_H

#ifdef __AVX__
#define LANES 8
#else
#define LANES 4
#endif
typedef float nf __attribute__((vector_size(4 * LANES), may_alias));
typedef uint32_t nu __attribute__((vector_size(4 * LANES)));
typedef int32_t ni __attribute__((vector_size(4 * LANES)));
typedef ni nm;

INLINE nf n_splat(float a) { return a - (nf){0}; }
INLINE nu n_usplat(uint32_t a) { return a - (nu){0}; }
INLINE nf n_load(const float *p) { nf a; memcpy(&a, p, sizeof a); return a; }
INLINE nu n_uload(const uint32_t *p) { nu a; memcpy(&a, p, sizeof a); return a; }
INLINE void n_store(float *p, nf a) { memcpy(p, &a, sizeof a); }
INLINE nf n_choose(nm m, nf a, nf b) { return (nf)(((ni)a & m) | ((ni)b & ~m)); }
INLINE void n_store_where(float *p, nm m, nf a) { n_store(p, n_choose(m, a, n_load(p))); }
INLINE nf n_min(nf a, nf b) { return n_choose(a < b, a, b); }
INLINE nf n_max(nf a, nf b) { return n_choose(a > b, a, b); }
INLINE nf n_minus_size(nf a) { return (nf)((nu)a | 0x80000000u); }
INLINE nf n_size(nf a) { return (nf)((ni)a & 0x7fffffff); }
INLINE nm n_less(nf a, nf b) { return a < b; }
INLINE nm n_at_most(nf a, nf b) { return a <= b; }
INLINE int n_any(nm m)
{
    int64_t words[sizeof(nm) / 8], all = 0;
    memcpy(words, &m, sizeof m);
    for (unsigned word = 0; word < sizeof(nm) / 8; word++) all |= words[word];
    return all != 0;
}
INLINE uint32_t n_bits(nm m)
{
    uint32_t bits = 0;
    for (int lane = 0; lane < LANES; lane++) bits |= (uint32_t)(m[lane] & 1) << lane;
    return bits;
}
INLINE nm n_mask(uint32_t bits)
{
    nm m;
    for (int lane = 0; lane < LANES; lane++) m[lane] = (bits >> lane) & 1 ? -1 : 0;
    return m;
}
INLINE nu n_rotate(nu a, const int turns) { return (a << turns) | (a >> (32 - turns)); }
INLINE nf n_to_float(nu a) { return __builtin_convertvector((ni)a, nf); }
INLINE nf n_reciprocal(nf a) { return 1.0f / a; }
INLINE nf n_root(nf a)
{
    for (int lane = 0; lane < LANES; lane++) a[lane] = __builtin_sqrtf(a[lane]);
    return a;
}
/* The next values of a queue go into the lanes of the mask, in order. */
INLINE nf n_refill(nf old, nm m, const float *queue)
{
    for (int lane = 0; lane < LANES; lane++)
        if (m[lane]) old[lane] = *queue++;
    return old;
}
/* a = 2^n (1 + r) with r in [-1/4, 1/2); n comes times 2^23. */
INLINE void n_split(nf a, nf *n, nf *r)
{
    nu whole = ((nu)a - 0x3f400000u) & 0xff800000u;
    *n = n_to_float(whole);
    *r = (nf)((nu)a - whole) - 1.0f;
}
/* The integer next to a, within the exponents of float; a less it; and p 2^n for it. */
INLINE ni n_nearest(nf a)
{
    nf inside = n_max(n_min(a, n_splat(126.0f)), n_splat(-126.0f));
    return __builtin_convertvector(inside + n_choose(inside < 0.0f, n_splat(-0.5f), n_splat(0.5f)), ni);
}
INLINE nf n_fraction(nf a)
{
    nf inside = n_max(n_min(a, n_splat(126.0f)), n_splat(-126.0f));
    return inside - __builtin_convertvector(n_nearest(a), nf);
}
INLINE nf n_scale(nf p, nf a) { return (nf)((nu)p + ((nu)n_nearest(a) << 23)); }
/* Of 2^f on [-1/2, 1/2]. */
#define EXP2_COEFFICIENTS                                                                                            \
    1.0000001192092896f, 0.6931469440460205f, 0.24022120237350464f, 0.05550713092088699f, 0.009675540961325169f,     \
        0.001327647129073739f

#endif
