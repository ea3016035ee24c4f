/* Events of ODEs: the first step of each kind is noted as it passes, and its zero located at the end. */
#ifndef EVENTS_H
#define EVENTS_H
#include "batch.h"

/* What holds of a state: focused, resolved, dH/dt >= 0. */
typedef struct { vm focused, resolved, rising; } signs;

INLINE signs signs_of(state y, state f, vf threshold, vf done)
{
    return (signs){less(threshold, y.x), at_most(done, y.s), at_most(mul(y.x, f.x), splat(0.0f))};
}

/* At the start dH/dt = 0 is not yet a rise, and events that hold have happened at t = 0. */
INLINE signs first_signs(state y, state f, vf threshold, vf done, vm seen[EVENTS])
{
    signs now = signs_of(y, f, threshold, done);
    vm forwards = at_most(splat(0.0f), y.x);
    now.rising = choose_mask(forwards, less(f.x, splat(0.0f)), less(splat(0.0f), f.x));
    seen[FOCUS] = now.focused, seen[COLLAPSE] = none(), seen[RESOLUTION] = now.resolved, seen[HORIZON] = now.rising;
    return now;
}

/* Compare the ends of a step: which events happened in it, for the first time of their kind; returns any of them. */
INLINE vm watch(signs was, signs now, const vm seen[EVENTS], vm fresh[EVENTS])
{
    fresh[FOCUS] = without(without(now.focused, was.focused), seen[FOCUS]);
    fresh[COLLAPSE] = without(without(was.focused, now.focused), seen[COLLAPSE]);
    fresh[RESOLUTION] = without(without(now.resolved, was.resolved), seen[RESOLUTION]);
    fresh[HORIZON] = without(without(now.rising, was.rising), seen[HORIZON]);
    return either(either(fresh[FOCUS], fresh[COLLAPSE]), either(fresh[RESOLUTION], fresh[HORIZON]));
}

typedef struct { vf value, slope; } signal;

/* The signal of an event and its time derivative. */
INLINE signal signal_of(int kind, state y, const vf d[DERIVED], vf threshold, vf done, shared q)
{
    state f = drift(y, d, q);
    if (kind == FOCUS || kind == COLLAPSE) return (signal){sub(y.x, threshold), f.x};
    if (kind == RESOLUTION) return (signal){sub(y.s, done), f.s};
    vf load = fma_of(d[PER_LOAD], y.c, d[LOAD]), m = reciprocal(dilution(load, q.order));
    vf evidence = fma_of(d[GAIN], y.s, d[EVIDENCE]);
    vf bend = mul(mul(evidence, q.order), mul(mul(m, sub(splat(1.0f), m)), divide(mul(d[PER_LOAD], f.c), load)));
    vf turn = fnma_of(splat(1.0f), bend, mul(mul(d[GAIN], f.s), m));
    vf sign = choose(at_most(splat(0.0f), y.x), splat(1.0f), splat(-1.0f));
    return (signal){mul(sign, fnma_of(evidence, m, y.x)), mul(sign, sub(f.x, turn))};
}

/* The zero in [0, 1] of the cubic with these ends: Newton's method inside a shrinking bracket. */
INLINE vf hermite(vf v0, vf v1, vf s0, vf s1)
{
    vf rise = sub(v1, v0), cubic = fnma_of(splat(2.0f), rise, add(s0, s1));
    vf square = sub(scaled(3.0f, rise), fma_of(splat(2.0f), s0, s1));
    vf low = splat(0.0f), high = splat(1.0f), x = larger(smaller(divide(v0, sub(v0, v1)), high), low);
    vm positive = less(splat(0.0f), v0);
    for (int i = 0; i < 6; i++) {
        vf value = fma_of(fma_of(fma_of(cubic, x, square), x, s0), x, v0);
        vf slope = fma_of(fma_of(scaled(3.0f, cubic), x, scaled(2.0f, square)), x, s0);
        vm same = less(splat(0.0f), value), early = either(both(same, positive), invert(either(same, positive)));
        low = choose(early, x, low), high = choose(early, high, x);
        vf trial = fnma_of(value, reciprocal(slope), x);
        x = choose(both(at_most(low, trial), at_most(trial, high)), trial, scaled(0.5f, add(low, high)));
    }
    return x;
}

/* Work out the times of all events from their brackets. */
static void locate(batch *b, const settings *p, int count)
{
    shared q = shared_of(p);
    vf done = splat(1.0f - p->progress_tolerance);
    for (int lane = 0; lane < count; lane += WIDTH) {
        vf d[DERIVED], threshold = load(&b->threshold[lane]);
        derived_at(b, lane, d);
        for (int kind = 0; kind < EVENTS; kind++) {
            vf start = load(&b->start[kind][lane]), length = load(&b->length[kind][lane]);
            vm happened = less(start, splat(NEVER)), inside = less(splat(0.0f), length);
            if (any(both(happened, inside))) {
                signal v0 = signal_of(kind, state_at(b->before[kind], lane), d, threshold, done, q);
                signal v1 = signal_of(kind, state_at(b->after[kind], lane), d, threshold, done, q);
                vf place = hermite(v0.value, v1.value, mul(length, v0.slope), mul(length, v1.slope));
                start = choose(both(happened, inside), fma_of(length, place, start), start);
            }
            store(&b->time[kind][lane], start);
        }
    }
}

#endif
