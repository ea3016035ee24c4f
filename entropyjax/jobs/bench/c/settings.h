/* What a run is told on its command line, as name=value. */
#ifndef SETTINGS_H
#define SETTINGS_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWN = 6, BINS = 256 };

typedef struct {
    char method[16];
    uint64_t count, detail;
    int steps, max_steps, threads;
    float horizon, rtol, atol, pcoeff, icoeff;
    float theta, progress_tolerance, dwell, hysteresis;
    /* Parameters that all trajectories share. */
    float effective_fraction, dilution_order, roster_similarity, system_tokens, roster_tokens, executor_tokens;
    float reasoning_tokens, reflexion_rate, reasoning_gain, reasoning_scale, progress_gain, resolution_rate;
    float focus_noise, token_noise, step_size, initial_focus, initial_progress, initial_context;
    /* Ranges and key words of n_agents, context_window, focus_rate, evidence, error_tokens, compaction_rate. */
    float low[DRAWN], high[DRAWN];
    uint32_t key[DRAWN][2], noise_key[2];
} settings;

/* Read up to `count` comma-separated numbers. */
static inline void numbers(const char *text, double *out, int count)
{
    for (int i = 0; i < count; i++) {
        char *end;
        out[i] = strtod(text, &end);
        text = *end == ',' ? end + 1 : end;
    }
}

static inline int read_setting(settings *s, const char *name, const char *text)
{
    const struct { const char *name; float *place; } reals[] = {
        {"horizon", &s->horizon}, {"rtol", &s->rtol}, {"atol", &s->atol}, {"pcoeff", &s->pcoeff},
        {"icoeff", &s->icoeff}, {"collapse_threshold", &s->theta}, {"progress_tolerance", &s->progress_tolerance},
        {"dwell", &s->dwell}, {"hysteresis", &s->hysteresis}, {"effective_fraction", &s->effective_fraction},
        {"dilution_order", &s->dilution_order}, {"roster_similarity", &s->roster_similarity},
        {"system_tokens", &s->system_tokens}, {"roster_tokens", &s->roster_tokens},
        {"executor_tokens", &s->executor_tokens}, {"reasoning_tokens", &s->reasoning_tokens},
        {"reflexion_rate", &s->reflexion_rate}, {"reasoning_gain", &s->reasoning_gain},
        {"reasoning_scale", &s->reasoning_scale}, {"progress_gain", &s->progress_gain},
        {"resolution_rate", &s->resolution_rate}, {"focus_noise", &s->focus_noise},
        {"token_noise", &s->token_noise}, {"step_size", &s->step_size}, {"initial_focus", &s->initial_focus},
        {"initial_progress", &s->initial_progress}, {"initial_context", &s->initial_context},
    };
    for (unsigned i = 0; i < sizeof reals / sizeof *reals; i++)
        if (!strcmp(name, reals[i].name)) return *reals[i].place = strtof(text, NULL), 1;
    double list[2 * DRAWN];
    if (!strcmp(name, "method")) return snprintf(s->method, sizeof s->method, "%s", text), 1;
    if (!strcmp(name, "count")) return s->count = strtoull(text, NULL, 10), 1;
    if (!strcmp(name, "detail")) return s->detail = strtoull(text, NULL, 10), 1;
    if (!strcmp(name, "steps")) return s->steps = atoi(text), 1;
    if (!strcmp(name, "max_steps")) return s->max_steps = atoi(text), 1;
    if (!strcmp(name, "threads")) return s->threads = atoi(text), 1;
    if (!strcmp(name, "low") || !strcmp(name, "high")) {
        numbers(text, list, DRAWN);
        for (int i = 0; i < DRAWN; i++) (*name == 'l' ? s->low : s->high)[i] = (float)list[i];
        return 1;
    }
    if (!strcmp(name, "keys")) {
        numbers(text, list, 2 * DRAWN);
        for (int i = 0; i < DRAWN; i++)
            for (int word = 0; word < 2; word++) s->key[i][word] = (uint32_t)list[2 * i + word];
        return 1;
    }
    if (!strcmp(name, "noise_key")) {
        numbers(text, list, 2);
        for (int word = 0; word < 2; word++) s->noise_key[word] = (uint32_t)list[word];
        return 1;
    }
    return 0;
}

#endif
