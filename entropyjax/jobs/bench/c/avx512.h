/* One machine vector of 16 floats, by AVX-512 intrinsics. */
#ifndef AVX512_H
#define AVX512_H
#include <immintrin.h>

#define LANES 16
typedef __m512 nf;
typedef uint32_t nu __attribute__((vector_size(64)));
typedef int32_t ni __attribute__((vector_size(64)));
typedef __mmask16 nm;

INLINE nf n_splat(float a) { return _mm512_set1_ps(a); }
INLINE nu n_usplat(uint32_t a) { return (nu)_mm512_set1_epi32((int)a); }
INLINE nf n_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE nu n_uload(const uint32_t *p) { return (nu)_mm512_loadu_si512(p); }
INLINE void n_store(float *p, nf a) { _mm512_storeu_ps(p, a); }
INLINE void n_store_where(float *p, nm m, nf a) { _mm512_mask_storeu_ps(p, m, a); }
INLINE nf n_min(nf a, nf b) { return _mm512_min_ps(a, b); }
INLINE nf n_max(nf a, nf b) { return _mm512_max_ps(a, b); }
INLINE nf n_minus_size(nf a) { return (nf)((ni)a | (int32_t)0x80000000); }
INLINE nf n_size(nf a) { return (nf)((ni)a & 0x7fffffff); }
INLINE nm n_less(nf a, nf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
INLINE nm n_at_most(nf a, nf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
INLINE int n_any(nm m) { return m != 0; }
INLINE uint32_t n_bits(nm m) { return m; }
INLINE nm n_mask(uint32_t bits) { return (nm)bits; }
INLINE nf n_choose(nm m, nf a, nf b) { return _mm512_mask_blend_ps(m, b, a); }
INLINE nu n_rotate(nu a, const int turns) { return (nu)_mm512_rolv_epi32((__m512i)a, _mm512_set1_epi32(turns)); }
INLINE nf n_to_float(nu a) { return _mm512_cvtepi32_ps((__m512i)a); }
/* One Newton step on 14 bits gives all of single precision. */
INLINE nf n_reciprocal(nf a)
{
    nf r = _mm512_rcp14_ps(a);
    return _mm512_fmadd_ps(_mm512_fnmadd_ps(a, r, n_splat(1.0f)), r, r);
}
INLINE nf n_root(nf a)
{
    nf r = _mm512_rsqrt14_ps(n_max(a, n_splat(1e-30f))), b = a * r;
    return _mm512_fmadd_ps(_mm512_fnmadd_ps(b, r, n_splat(1.0f)), n_splat(0.5f) * b, b);
}
/* The next values of a queue go into the lanes of the mask, in order. */
INLINE nf n_refill(nf old, nm m, const float *queue) { return _mm512_mask_expandloadu_ps(old, m, queue); }
/* a = 2^n (1 + r) with r in [-1/4, 1/2); n comes times 2^23. */
INLINE void n_split(nf a, nf *n, nf *r)
{
    nf m = _mm512_getmant_ps(a, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_zero);
    *n = n_to_float((nu)a - (nu)m);
    *r = m - n_splat(1.0f);
}
/* a less the integer below it; and p 2^n for that integer. */
#ifdef __AVX512DQ__
INLINE nf n_fraction(nf a) { return _mm512_reduce_ps(a, 1); }
#else
INLINE nf n_fraction(nf a) { return a - _mm512_roundscale_ps(a, 1); }
#endif
INLINE nf n_scale(nf p, nf a) { return _mm512_scalef_ps(p, a); }
/* Of 2^f on [0, 1). */
#define EXP2_COEFFICIENTS                                                                                            \
    0.9999999403953552f, 0.6931530833244324f, 0.24015361070632935f, 0.05582631751894951f, 0.008989340625703335f,     \
        0.0018775765784084797f

#endif
