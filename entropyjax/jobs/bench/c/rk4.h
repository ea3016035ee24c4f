/* The classical Runge-Kutta method with fixed steps; the state stays in registers from 0 to T. */
#ifndef RK4_H
#define RK4_H
#include "events.h"

/* Note the brackets of the lanes in which events were seen for the first time. */
INLINE void note(batch *b, int lane, vm fresh[EVENTS], vm seen[EVENTS], vf start, vf length, state before, state after)
{
    for (int kind = 0; kind < EVENTS; kind++) {
        vm m = fresh[kind];
        if (!any(m)) continue;
        store_where(&b->start[kind][lane], m, start), store_where(&b->length[kind][lane], m, length);
        store_where(&b->before[kind][0][lane], m, before.x), store_where(&b->after[kind][0][lane], m, after.x);
        store_where(&b->before[kind][1][lane], m, before.s), store_where(&b->after[kind][1][lane], m, after.s);
        store_where(&b->before[kind][2][lane], m, before.c), store_where(&b->after[kind][2][lane], m, after.c);
        seen[kind] = either(seen[kind], m);
    }
}

static void rk4(batch *b, const settings *p, int count)
{
    const shared q = shared_of(p);
    const float dt = p->horizon / (float)p->steps;
    const vf half = splat(0.5f * dt), whole = splat(dt), sixth = splat(dt / 6.0f), two = splat(2.0f);
    const vf done = splat(1.0f - p->progress_tolerance);
    for (int lane = 0; lane < count; lane += WIDTH) {
        vf d[DERIVED], threshold = load(&b->threshold[lane]);
        vm seen[EVENTS], fresh[EVENTS];
        derived_at(b, lane, d);
        state y = initial_state(p), slope = drift(y, d, q);
        signs was = first_signs(y, slope, threshold, done, seen);
        note(b, lane, seen, seen, splat(0.0f), splat(0.0f), y, y);
        for (int step = 0; step < p->steps; step++) {
            state f = drift(along(y, half, slope), d, q), sum = along(slope, two, f);
            f = drift(along(y, half, f), d, q), sum = along(sum, two, f);
            f = drift(along(y, whole, f), d, q);
            state next = along(y, sixth, along(sum, splat(1.0f), f));
            slope = drift(next, d, q);
            signs now = signs_of(next, slope, threshold, done);
            if (any(watch(was, now, seen, fresh)))
                note(b, lane, fresh, seen, splat((float)step * dt), whole, y, next);
            was = now, y = next;
        }
        keep_state(b->final, lane, y);
    }
    b->steps = (int64_t)p->steps * count;
}

#endif
