/* Euler-Maruyama with the noise drawn from counters in the loop, and the events of noisy trajectories. */
#ifndef EULER_H
#define EULER_H
#include "batch.h"

typedef struct {
    vf focus, resolution, stay, collapse;
    vm focused, resolved, armed;
} watcher;

/* The time in a step from t at which a line from `before` to `after` passes zero. */
INLINE vf line_zero(vf t, vf dt, vf before, vf after)
{
    vf place = divide(before, sub(before, after));
    return fma_of(dt, larger(smaller(place, splat(1.0f)), splat(0.0f)), t);
}

/* Follow the signals over a step from y at t to z: hysteresis, and a stay of `dwell` (docs/model.md). */
INLINE void watch_noise(watcher *w, state y, state z, vf threshold, vf arming, vf done, vf t, vf dt, vf dwell)
{
    vm focused = less(threshold, z.x), resolved = at_most(done, z.s);
    vm gained = without(focused, w->focused), lost = without(w->focused, focused), ready = without(resolved, w->resolved);
    if (any(either(either(gained, lost), ready))) {
        vf turn = line_zero(t, dt, sub(y.x, threshold), sub(z.x, threshold));
        vf end = line_zero(t, dt, sub(y.s, done), sub(z.s, done));
        w->focus = choose(gained, smaller(w->focus, turn), w->focus);
        w->resolution = choose(ready, smaller(w->resolution, end), w->resolution);
        w->stay = choose(lost, turn, choose(focused, splat(NEVER), w->stay));
    }
    vm collapsed = both(without(w->armed, focused), at_most(add(w->stay, dwell), add(t, dt)));
    if (any(collapsed)) w->collapse = choose(collapsed, smaller(w->collapse, w->stay), w->collapse);
    w->armed = either(w->armed, less(arming, z.x));
    w->focused = focused, w->resolved = resolved;
}

static void euler_maruyama(batch *b, const settings *p, uint64_t first, int count)
{
    const shared q = shared_of(p);
    const float dt = p->horizon / (float)p->steps, spread = sqrtf(dt);
    const vf done = splat(1.0f - p->progress_tolerance), dwell = splat(p->dwell - 1e-3f * dt), whole = splat(dt);
    const vf zero = splat(0.0f), one = splat(1.0f), never = splat(NEVER), size = splat(p->step_size);
    const vf gap_noise = splat(p->focus_noise * spread), lottery_noise = splat(spread);
    const vf token_noise = splat(sqrtf(p->step_size) * p->token_noise * spread);
    for (int lane = 0; lane < count; lane += WIDTH) {
        vf d[DERIVED], threshold = load(&b->threshold[lane]), arming = load(&b->arming[lane]), moved = zero;
        derived_at(b, lane, d);
        vu index = numbers_from((uint32_t)first + (uint32_t)lane);
        state y = initial_state(p);
        vm focused = less(threshold, y.x), resolved = at_most(done, y.s);
        watcher w = {choose(focused, zero, never), choose(resolved, zero, never), never, never,
                     focused, resolved, less(arming, y.x)};
        for (int step = 0; step < p->steps; step++) {
            vu a = index, b1 = u_splat(2 * (uint32_t)step), c = index, e = u_splat(2 * (uint32_t)step + 1);
            threefry(p->noise_key, &a, &b1);
            threefry(p->noise_key, &c, &e);
            vf sine, cosine, unused, third, far = radius(a);
            angle(b1, &sine, &cosine);
            angle(e, &unused, &third);
            flow at = flow_at(y, d, q);
            state z = along(y, whole, at.slope);
            vf lottery = mul(root(mul(size, mul(at.made.right, at.made.wrong))), mul(lottery_noise, mul(far, sine)));
            z.x = fma_of(gap_noise, mul(far, cosine), z.x);
            z.s = fma_of(mul(lottery, q.kappa), sub(one, y.s), z.s);
            z.c = fnma_of(lottery, d[ERROR], fma_of(token_noise, mul(radius(c), third), z.c));
            vm outside = either(either(less(z.s, zero), less(one, z.s)), less(z.c, zero));
            moved = choose(outside, add(moved, one), moved);
            z.s = smaller(larger(z.s, zero), one), z.c = larger(z.c, zero);
            watch_noise(&w, y, z, threshold, arming, done, splat((float)step * dt), whole, dwell);
            y = z;
        }
        keep_state(b->final, lane, y);
        store(&b->time[FOCUS][lane], w.focus), store(&b->time[RESOLUTION][lane], w.resolution);
        store(&b->time[COLLAPSE][lane], w.collapse), store(&b->time[HORIZON][lane], never);
        float counts[WIDTH];
        store(counts, moved);
        for (int i = 0; i < WIDTH && lane + i < count; i++) b->projections += (int64_t)counts[i];
    }
    b->steps = (int64_t)p->steps * count;
}

#endif
