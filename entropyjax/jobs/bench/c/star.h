/* The star: what a trajectory draws, what is derived from it once, and the drift. */
#ifndef STAR_H
#define STAR_H
#include <math.h>
#include "random.h"
#include "settings.h"

#define LOG2E 1.4426950408889634f
#define LN2 0.6931471805599453f

typedef struct { vf x, s, c; } state;

/* What the drift needs of one trajectory; in memory one row of a batch each. */
enum { LOG_RIVALS, REFLEXION, LOAD, PER_LOAD, RATE, EVIDENCE, GAIN, ERROR, COMPACTION, DERIVED };

/* What it needs that all trajectories share: n, kappa, tau_e + tau_r. */
typedef struct { vf order, kappa, inflow; } shared;

static inline shared shared_of(const settings *p)
{
    return (shared){splat(p->dilution_order), splat(p->resolution_rate), splat(p->executor_tokens + p->reasoning_tokens)};
}

/* Draw the parameters of WIDTH trajectories from their numbers, and derive from them. */
INLINE void prepare(const settings *p, vu index, vf out[DERIVED], vf *rivals)
{
    vf v[DRAWN];
    for (int i = 0; i < DRAWN; i++) {
        vu x = index, y = u_splat(0);
        threefry(p->key[i], &x, &y);
        v[i] = fma_of(uniform(x), splat(p->high[i] - p->low[i]), splat(p->low[i]));
    }
    vf agents = v[0], window = v[1];
    *rivals = scaled(p->roster_similarity, shifted(-1.0f, agents));
    out[LOG_RIVALS] = scaled(LN2, log2_of(*rivals));
    /* delta1 h = delta1 H / ln N_e. */
    out[REFLEXION] = divide(splat(p->reflexion_rate), scaled(LN2, log2_of(shifted(1.0f, *rivals))));
    out[PER_LOAD] = reciprocal(scaled(p->effective_fraction, window));
    out[LOAD] = mul(fma_of(agents, splat(p->roster_tokens), splat(p->system_tokens)), out[PER_LOAD]);
    out[RATE] = v[2];
    out[EVIDENCE] = scaled(1.0f + p->reasoning_gain * log1pf(p->reasoning_tokens / p->reasoning_scale), v[3]);
    out[GAIN] = scaled(p->progress_gain, out[EVIDENCE]);
    out[ERROR] = v[4];
    out[COMPACTION] = v[5];
}

/* q, 1 - q and H, from o = e^{-|x - ln rivals|} and 1 / (1 + o). */
typedef struct { vf right, wrong, entropy; } choice;

INLINE vf odds_of(vf minus) { return exp2_of(scaled(LOG2E, minus)); }

INLINE choice chosen(vf advantage, vf minus, vf odds, vf more, vf log_rivals)
{
    vm ahead = at_most(splat(0.0f), advantage);
    vf less = mul(odds, more), wrong = choose(ahead, less, more);
    vf entropy = fma_of(wrong, log_rivals, fnma_of(minus, less, log1p_of(odds)));
    return (choice){choose(ahead, more, less), wrong, entropy};
}

INLINE choice choice_at(vf x, vf log_rivals)
{
    vf advantage = sub(x, log_rivals), minus = minus_size(advantage), odds = odds_of(minus);
    return chosen(advantage, minus, odds, reciprocal(shifted(1.0f, odds)), log_rivals);
}

/* 1 + L^n, at most 2^100. */
INLINE vf dilution(vf load, vf order)
{
    vf power = mul(order, log2_of(larger(load, splat(1.2e-38f))));
    return shifted(1.0f, exp2_of(smaller(power, splat(100.0f))));
}

typedef struct { state slope; choice made; } flow;

/* The drift, and the choice that is part of it; one division makes both 1 / (1 + o) and m. */
INLINE flow flow_at(state y, const vf d[DERIVED], shared p)
{
    vf advantage = sub(y.x, d[LOG_RIVALS]), minus = minus_size(advantage), odds = odds_of(minus);
    vf diluted = dilution(fma_of(d[PER_LOAD], y.c, d[LOAD]), p.order), sum = shifted(1.0f, odds);
    vf inverse = reciprocal(mul(diluted, sum));
    choice made = chosen(advantage, minus, odds, mul(inverse, diluted), d[LOG_RIVALS]);
    vf target = mul(fma_of(d[GAIN], y.s, d[EVIDENCE]), mul(inverse, sum));
    vf pace = mul(p.kappa, made.right), forgetting = fma_of(d[REFLEXION], made.entropy, d[COMPACTION]);
    state slope = {
        mul(d[RATE], sub(target, y.x)),
        fnma_of(pace, y.s, pace),
        fnma_of(forgetting, y.c, fma_of(d[ERROR], made.wrong, p.inflow)),
    };
    return (flow){slope, made};
}

INLINE state drift(state y, const vf d[DERIVED], shared p) { return flow_at(y, d, p).slope; }

/* y + h f */
INLINE state along(state y, vf h, state f)
{
    return (state){fma_of(h, f.x, y.x), fma_of(h, f.s, y.s), fma_of(h, f.c, y.c)};
}

INLINE state times(vf h, state f) { return (state){mul(h, f.x), mul(h, f.s), mul(h, f.c)}; }

INLINE state choose_state(vm m, state a, state b)
{
    return (state){choose(m, a.x, b.x), choose(m, a.s, b.s), choose(m, a.c, b.c)};
}

/* The x > 0 at which h(x) is `level`: halvings into the basin of Newton's method, on the falling H. */
static inline vf focus_at(float level, vf rivals, vf log_rivals)
{
    vf wanted = scaled(level * LN2, log2_of(shifted(1.0f, rivals)));
    vf low = splat(0.0f), high = shifted(40.0f, larger(log_rivals, splat(0.0f)));
    for (int i = 0; i < 8; i++) {
        vf middle = scaled(0.5f, add(low, high));
        vm focused = less(choice_at(middle, log_rivals).entropy, wanted);
        high = choose(focused, middle, high), low = choose(focused, low, middle);
    }
    vf x = scaled(0.5f, add(low, high));
    for (int i = 0; i < 3; i++) {
        choice at = choice_at(x, log_rivals);
        x = add(x, divide(sub(at.entropy, wanted), mul(x, mul(at.right, at.wrong))));
    }
    return x;
}

#endif
