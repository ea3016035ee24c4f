/* The statistics of all trajectories: sums, histograms and counts, one of them per thread. */
#ifndef REDUCE_H
#define REDUCE_H
#include "batch.h"

enum { RESOLVED, COLLAPSED, NEVER_FOCUSED, UNRESOLVED, OUTCOMES };

typedef struct { double count, sum, square; } moments;

typedef struct {
    moments entropy, time[EVENTS];
    int64_t outcome[OUTCOMES], failures, steps, projections, histogram[2][BINS];
} statistics;

static inline void count_in(moments *m, double value) { m->count += 1.0, m->sum += value, m->square += value * value; }

static void bin(int64_t *histogram, float time, float horizon)
{
    int place = (int)(time / horizon * BINS);
    histogram[place < BINS ? place : BINS - 1]++;
}

static inline int outcome_of(const float time[EVENTS], float horizon)
{
    if (time[RESOLUTION] <= horizon && time[RESOLUTION] <= time[COLLAPSE]) return RESOLVED;
    if (time[COLLAPSE] <= horizon) return COLLAPSED;
    return time[FOCUS] > horizon ? NEVER_FOCUSED : UNRESOLVED;
}

/* -ffast-math takes every float for finite, so look at the exponent. */
static inline int is_finite(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7f800000u) != 0x7f800000u;
}

/* Add the first `count` trajectories of a batch; `detail`, if any, takes 8 numbers of each. */
static void reduce(statistics *total, const batch *b, const settings *p, int count, float *detail)
{
    float entropy[WIDTH];
    for (int lane = 0; lane < count; lane++) {
        int within = lane % WIDTH;
        if (within == 0) {
            vf gap = load(&b->final[0][lane]), log_rivals = load(&b->derived[LOG_RIVALS][lane]);
            store(entropy, divide(choice_at(gap, log_rivals).entropy, load(&b->log_executors[lane])));
        }
        float time[EVENTS];
        for (int kind = 0; kind < EVENTS; kind++) time[kind] = b->time[kind][lane];
        int outcome = outcome_of(time, p->horizon), failed = b->failed[lane] != 0.0f;
        for (int i = 0; i < 3; i++) failed |= !is_finite(b->final[i][lane]);
        if (detail) {
            for (int i = 0; i < 3; i++) detail[8 * lane + i] = b->final[i][lane];
            for (int kind = 0; kind < EVENTS; kind++) detail[8 * lane + 3 + kind] = time[kind];
            detail[8 * lane + 7] = failed ? -1.0f : (float)outcome;
        }
        if (failed) {
            total->failures++;
            continue;
        }
        count_in(&total->entropy, entropy[within]);
        for (int kind = 0; kind < EVENTS; kind++)
            if (time[kind] <= p->horizon) count_in(&total->time[kind], time[kind]);
        if (time[COLLAPSE] <= p->horizon) bin(total->histogram[0], time[COLLAPSE], p->horizon);
        if (time[RESOLUTION] <= p->horizon) bin(total->histogram[1], time[RESOLUTION], p->horizon);
        total->outcome[outcome]++;
    }
    total->steps += b->steps;
    total->projections += b->projections;
}

static void merge_moments(moments *into, const moments *from)
{
    into->count += from->count, into->sum += from->sum, into->square += from->square;
}

static void merge(statistics *into, const statistics *from)
{
    merge_moments(&into->entropy, &from->entropy);
    for (int kind = 0; kind < EVENTS; kind++) merge_moments(&into->time[kind], &from->time[kind]);
    for (int i = 0; i < OUTCOMES; i++) into->outcome[i] += from->outcome[i];
    for (int which = 0; which < 2; which++)
        for (int i = 0; i < BINS; i++) into->histogram[which][i] += from->histogram[which][i];
    into->failures += from->failures, into->steps += from->steps, into->projections += from->projections;
}

#endif
