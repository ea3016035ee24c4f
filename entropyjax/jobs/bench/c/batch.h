/* A batch of trajectories in memory, one row per quantity. */
#ifndef BATCH_H
#define BATCH_H
#include "star.h"

#define BATCH (16 * WIDTH)
#define NEVER 3e38f

enum { FOCUS, COLLAPSE, RESOLUTION, HORIZON, EVENTS };

typedef float row[BATCH];
/* A queue is read in whole vectors from any place. */
typedef float queue[BATCH + 16];

typedef struct {
    queue derived[DERIVED], threshold, slope[3], step;
    row arming, log_executors;
    /* The step in which an event was first seen: its start and length, and the states at its ends. */
    row start[EVENTS], length[EVENTS], before[EVENTS][3], after[EVENTS][3];
    row time[EVENTS], final[3], failed;
    int64_t steps, projections;
} batch;

INLINE void derived_at(const batch *b, int lane, vf out[DERIVED])
{
    for (int i = 0; i < DERIVED; i++) out[i] = load(&b->derived[i][lane]);
}

INLINE state state_at(const row rows[3], int lane)
{
    return (state){load(&rows[0][lane]), load(&rows[1][lane]), load(&rows[2][lane])};
}

INLINE void keep_state(row rows[3], int lane, state y)
{
    store(&rows[0][lane], y.x), store(&rows[1][lane], y.s), store(&rows[2][lane], y.c);
}

INLINE state initial_state(const settings *p)
{
    return (state){splat(p->initial_focus), splat(p->initial_progress), splat(p->initial_context)};
}

/* Draw `count` trajectories from number `first` on, and derive from what is drawn. */
static void set_up(batch *b, const settings *p, uint64_t first, int count, int noisy)
{
    for (int lane = 0; lane < count; lane += WIDTH) {
        vf d[DERIVED], rivals;
        prepare(p, numbers_from((uint32_t)first + (uint32_t)lane), d, &rivals);
        for (int i = 0; i < DERIVED; i++) store(&b->derived[i][lane], d[i]);
        store(&b->log_executors[lane], scaled(LN2, log2_of(shifted(1.0f, rivals))));
        store(&b->threshold[lane], focus_at(p->theta, rivals, d[LOG_RIVALS]));
        if (noisy) store(&b->arming[lane], focus_at(p->theta - p->hysteresis, rivals, d[LOG_RIVALS]));
        for (int kind = 0; kind < EVENTS; kind++) store(&b->start[kind][lane], splat(NEVER));
        store(&b->failed[lane], splat(0.0f));
    }
    b->steps = b->projections = 0;
}

#endif
