/* Tsitouras' 5(4) pair with adaptive steps; a slot whose trajectory ends takes the next one of the batch. */
#ifndef TSIT5_H
#define TSIT5_H
#include "events.h"

/* The mean square of e / (atol + rtol max(|y|, |z|)). */
INLINE vf error_square(state e, state y, state z, vf rtol, vf atol)
{
    vf x = divide(e.x, fma_of(rtol, larger(size_of(y.x), size_of(z.x)), atol));
    vf s = divide(e.s, fma_of(rtol, larger(size_of(y.s), size_of(z.s)), atol));
    vf c = divide(e.c, fma_of(rtol, larger(size_of(y.c), size_of(z.c)), atol));
    return scaled(1.0f / 3.0f, fma_of(x, x, fma_of(s, s, mul(c, c))));
}

/* First slopes, and first steps by the rule of Hairer, Norsett and Wanner (Solving ODEs I, II.4), as diffrax has it. */
static void first_steps(batch *b, const settings *p, int count)
{
    const shared q = shared_of(p);
    const vf zero = splat(0.0f), rtol = splat(p->rtol), atol = splat(p->atol);
    for (int lane = 0; lane < count; lane += WIDTH) {
        vf d[DERIVED];
        derived_at(b, lane, d);
        state y = initial_state(p), f = drift(y, d, q), nothing = {zero, zero, zero};
        vf size = root(error_square(y, y, nothing, rtol, atol)), speed = root(error_square(f, y, nothing, rtol, atol));
        vm flat = either(less(size, splat(1e-5f)), less(speed, splat(1e-5f)));
        vf h0 = choose(flat, splat(1e-6f), scaled(0.01f, divide(size, speed)));
        state change = along(drift(along(y, h0, f), d, q), splat(-1.0f), f);
        vf bend = divide(root(error_square(change, y, nothing, rtol, atol)), h0);
        vf most = larger(larger(speed, bend), splat(1e-15f));
        vf h1 = exp2_of(scaled(0.2f, log2_of(divide(splat(0.01f), most))));
        store(&b->slope[0][lane], f.x), store(&b->slope[1][lane], f.s), store(&b->slope[2][lane], f.c);
        store(&b->step[lane], smaller(scaled(100.0f, h0), h1));
    }
}

typedef struct {
    vf d[DERIVED], threshold, t, h, past, steps;
    state y, slope;
    vm busy, seen[EVENTS];
    signs was;
    uint32_t id[WIDTH];
} slots;

/* Give the lanes of the mask the trajectories from `next` on, as far as `count`; returns the next one. */
static __attribute__((noinline)) int take(slots *o, batch *b, const settings *p, vm vacant, int next, int count)
{
    vm taken = none();
    for (int k = 0; k < GROUP; k++) {
        uint32_t given = 0;
        int from = next;
        for (uint32_t bits = n_bits(vacant.v[k]); bits && next < count; bits &= bits - 1, next++) {
            given |= bits & -bits;
            o->id[k * LANES + __builtin_ctz(bits)] = (uint32_t)next;
        }
        if (!given) continue;
        nm m = n_mask(given);
        for (int i = 0; i < DERIVED; i++) o->d[i].v[k] = n_refill(o->d[i].v[k], m, &b->derived[i][from]);
        o->threshold.v[k] = n_refill(o->threshold.v[k], m, &b->threshold[from]);
        o->h.v[k] = n_refill(o->h.v[k], m, &b->step[from]);
        o->slope.x.v[k] = n_refill(o->slope.x.v[k], m, &b->slope[0][from]);
        o->slope.s.v[k] = n_refill(o->slope.s.v[k], m, &b->slope[1][from]);
        o->slope.c.v[k] = n_refill(o->slope.c.v[k], m, &b->slope[2][from]);
        taken.v[k] = m;
    }
    vm seen[EVENTS];
    vf zero = splat(0.0f);
    o->busy = either(without(o->busy, vacant), taken);
    if (!any(taken)) return next;
    o->y = choose_state(taken, initial_state(p), o->y);
    o->t = choose(taken, zero, o->t), o->past = choose(taken, zero, o->past), o->steps = choose(taken, zero, o->steps);
    signs now = first_signs(o->y, o->slope, o->threshold, splat(1.0f - p->progress_tolerance), seen);
    o->was.focused = choose_mask(taken, now.focused, o->was.focused);
    o->was.resolved = choose_mask(taken, now.resolved, o->was.resolved);
    o->was.rising = choose_mask(taken, now.rising, o->was.rising);
    for (int kind = 0; kind < EVENTS; kind++) {
        vm fresh = both(seen[kind], taken);
        o->seen[kind] = choose_mask(taken, fresh, o->seen[kind]);
        for (uint64_t bits = bits_of(fresh); bits; bits &= bits - 1) {
            uint32_t id = o->id[__builtin_ctzll(bits)];
            b->start[kind][id] = b->length[kind][id] = 0.0f;
        }
    }
    return next;
}

static __attribute__((noinline)) void note_slots(
    batch *b, slots *o, const vm fresh[EVENTS], const vf *h, const state *after)
{
    const float *t = (const float *)&o->t, *length = (const float *)h;
    const float *from = (const float *)&o->y, *to = (const float *)after;
    for (int kind = 0; kind < EVENTS; kind++) {
        for (uint64_t bits = bits_of(fresh[kind]); bits; bits &= bits - 1) {
            int lane = __builtin_ctzll(bits);
            uint32_t id = o->id[lane];
            b->start[kind][id] = t[lane], b->length[kind][id] = length[lane];
            for (int i = 0; i < 3; i++) {
                b->before[kind][i][id] = from[i * WIDTH + lane];
                b->after[kind][i][id] = to[i * WIDTH + lane];
            }
        }
        o->seen[kind] = either(o->seen[kind], fresh[kind]);
    }
}

/* Keep the ends of the lanes that are through, and count their steps. */
static __attribute__((noinline)) void leave(batch *b, const slots *o, vm ended, vm failed)
{
    const float *y = (const float *)&o->y, *steps = (const float *)&o->steps;
    uint64_t wrong = bits_of(failed);
    for (uint64_t bits = bits_of(ended); bits; bits &= bits - 1) {
        int lane = __builtin_ctzll(bits);
        uint32_t id = o->id[lane];
        for (int i = 0; i < 3; i++) b->final[i][id] = y[i * WIDTH + lane];
        if (wrong >> lane & 1) b->failed[id] = 1.0f;
        b->steps += (int64_t)steps[lane];
    }
}

/* One step of all lanes from slope f[0]: the end state, its slope f[6], and the estimate of the error. */
INLINE state attempt(state y, vf h, const vf d[DERIVED], shared q, state f[7], state *error)
{
    static const float a[6][6] = {
        {0.161f},
        {-0.008480655492356989f, 0.335480655492357f},
        {2.8971530571054935f, -6.359448489975075f, 4.3622954328695815f},
        {5.325864828439257f, -11.748883564062828f, 7.4955393428898365f, -0.09249506636175525f},
        {5.86145544294642f, -12.92096931784711f, 8.159367898576159f, -0.071584973281401f, -0.028269050394068383f},
        {0.09646076681806523f, 0.01f, 0.4798896504144996f, 1.379008574103742f, -3.290069515436081f, 2.324710524099774f},
    };
    static const float defect[7] = {0.0017800110522257773f, 0.000816434459656747f, -0.007880878010261994f,
                                    0.1447110071732629f, -0.5823571654525552f, 0.45808210592918686f, -1.0f / 66.0f};
    state z = y;
#pragma GCC unroll 6
    for (int stage = 0; stage < 6; stage++) {
        state sum = times(splat(a[stage][0]), f[0]);
#pragma GCC unroll 6
        for (int i = 1; i <= stage; i++) sum = along(sum, splat(a[stage][i]), f[i]);
        z = along(y, h, sum);
        f[stage + 1] = drift(z, d, q);
    }
    state sum = times(splat(defect[0]), f[0]);
#pragma GCC unroll 6
    for (int i = 1; i < 7; i++) sum = along(sum, splat(defect[i]), f[i]);
    *error = times(h, sum);
    return z;
}

static void tsit5(batch *b, const settings *p, int count)
{
    const shared q = shared_of(p);
    const vf rtol = splat(p->rtol), atol = splat(p->atol), done = splat(1.0f - p->progress_tolerance);
    const vf end = splat(p->horizon), one = splat(1.0f), limit = splat((float)p->max_steps);
    /* Powers of the error's square in the PI controller, which is diffrax's; an I controller by default. */
    const vf now_power = splat(-0.1f * (p->pcoeff + p->icoeff)), past_power = splat(0.1f * p->pcoeff);
    slots o;
    memset(&o, 0, sizeof o);
    first_steps(b, p, count);
    int next = take(&o, b, p, mask_of(~(uint64_t)0), 0, count);
    while (any(o.busy)) {
        vf h = smaller(o.h, sub(end, o.t));
        vm last = at_most(end, add(o.t, o.h));
        state f[7], error;
        f[0] = o.slope;
        state z = attempt(o.y, h, o.d, q, f, &error);
        vf square = error_square(error, o.y, z, rtol, atol);
        vm kept = both(less(square, one), o.busy);
        vf log_square = log2_of(larger(square, splat(1e-30f)));
        vf factor = scaled(0.9f, exp2_of(fma_of(now_power, log_square, mul(past_power, o.past))));
        factor = smaller(factor, choose(kept, splat(10.0f), splat(0.9f)));
        factor = larger(factor, choose(kept, one, splat(0.2f)));
        signs now = signs_of(z, f[6], o.threshold, done);
        vm fresh[EVENTS];
        if (any(both(watch(o.was, now, o.seen, fresh), kept))) {
            for (int kind = 0; kind < EVENTS; kind++) fresh[kind] = both(fresh[kind], kept);
            note_slots(b, &o, fresh, &h, &z);
        }
        o.was.focused = choose_mask(kept, now.focused, o.was.focused);
        o.was.resolved = choose_mask(kept, now.resolved, o.was.resolved);
        o.was.rising = choose_mask(kept, now.rising, o.was.rising);
        o.y = choose_state(kept, z, o.y), o.slope = choose_state(kept, f[6], o.slope);
        o.t = choose(kept, add(o.t, h), o.t), o.past = choose(kept, log_square, o.past);
        o.h = mul(h, factor), o.steps = add(o.steps, one);
        last = both(last, kept);
        vm failed = both(without(at_most(limit, o.steps), last), o.busy), ended = either(last, failed);
        if (any(ended)) {
            leave(b, &o, ended, failed);
            next = take(&o, b, p, ended, next, count);
        }
    }
}

#endif
