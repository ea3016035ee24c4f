/* Ensembles of the star model as a C program would run them: see docs/benchmarks.md. Prints one JSON object.

   -DMETHOD='r' (rk4), 't' (tsit5) or 'e' (euler) leaves the other methods out, which compiles faster.

   star method=rk4 count=1000000 steps=256 horizon=128 ... ; with detail=n the first n trajectories go, as
   8 floats each (x, s, c, four event times, outcome), to the file that the last argument names. */
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#include "euler.h"
#include "reduce.h"
#include "rk4.h"
#include "tsit5.h"

#ifndef METHOD
#define METHOD 0
#endif

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The peak of resident memory in KiB, as Linux tells it; 0 elsewhere. */
static long peak_memory(void)
{
    char line[256];
    long peak = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "VmHWM:", 6)) peak = strtol(line + 6, NULL, 10);
    if (status) fclose(status);
    return peak;
}

static void integrate(batch *b, const settings *p, uint64_t first, int count)
{
    char method = METHOD ? METHOD : p->method[0];
    set_up(b, p, first, count, method == 'e');
    if (method == 'e') euler_maruyama(b, p, first, count);
    if (method == 'r') rk4(b, p, count);
    if (method == 't') tsit5(b, p, count);
    if (method != 'e') locate(b, p, count);
}

static void run(const settings *p, statistics *total, float *detail)
{
    int64_t batches = (int64_t)((p->count + BATCH - 1) / BATCH);
#pragma omp parallel
    {
        batch *b = aligned_alloc(64, (sizeof(batch) + 63) / 64 * 64);
        statistics mine = {0};
        if (!b) abort();
        memset(b, 0, sizeof *b);
#pragma omp for schedule(dynamic, 1)
        for (int64_t number = 0; number < batches; number++) {
            uint64_t first = (uint64_t)number * BATCH, left = p->count - first;
            int count = left < BATCH ? (int)left : BATCH;
            integrate(b, p, first, count);
            reduce(&mine, b, p, count, detail && first + BATCH <= p->detail ? detail + 8 * first : NULL);
        }
#pragma omp critical
        merge(total, &mine);
        free(b);
    }
}

static void print_moments(const char *name, const moments *m)
{
    printf("\"%s\": [%.0f, %.17g, %.17g], ", name, m->count, m->sum, m->square);
}

static void print_counts(const char *name, const int64_t *counts, int size, const char *end)
{
    printf("\"%s\": [", name);
    for (int i = 0; i < size; i++) printf("%s%lld", i ? ", " : "", (long long)counts[i]);
    printf("]%s", end);
}

int main(int count, char **words)
{
    settings p = {0};
    const char *file = NULL;
    for (int i = 1; i < count; i++) {
        char *equals = strchr(words[i], '=');
        if (!equals) {
            file = words[i];
            continue;
        }
        *equals = 0;
        if (!read_setting(&p, words[i], equals + 1)) {
            fprintf(stderr, "'%s' is not a setting.\n", words[i]);
            return 2;
        }
    }
    int threads = 1;
#ifdef _OPENMP
    if (p.threads > 0) omp_set_num_threads(p.threads);
    /* Threads start before the clock does. */
#pragma omp parallel
#pragma omp single
    threads = omp_get_num_threads();
#endif
    /* Whole batches of detail. */
    p.detail = (p.detail + BATCH - 1) / BATCH * BATCH;
    float *detail = file ? calloc(p.detail * 8, sizeof(float)) : NULL;
    if (file && p.count < p.detail) p.count = p.detail;
    statistics total = {0};
    double began = now();
    run(&p, &total, detail);
    double seconds = now() - began;
    if (file) {
        FILE *out = fopen(file, "wb");
        if (!out || fwrite(detail, sizeof(float), p.detail * 8, out) != p.detail * 8 || fclose(out)) return 1;
        free(detail);
    }
    printf("{\"seconds\": %.9f, \"threads\": %d, \"width\": %d, ", seconds, threads, WIDTH);
    printf("\"peak_kib\": %ld, ", peak_memory());
    printf("\"failures\": %lld, \"steps\": %lld, \"projections\": %lld, ", (long long)total.failures,
           (long long)total.steps, (long long)total.projections);
    print_moments("normalised_entropy", &total.entropy);
    const char *names[EVENTS] = {"focus_time", "collapse_time", "resolution_time", "horizon_time"};
    for (int kind = 0; kind < EVENTS; kind++) print_moments(names[kind], &total.time[kind]);
    print_counts("outcomes", total.outcome, OUTCOMES, ", ");
    print_counts("collapse_histogram", total.histogram[0], BINS, ", ");
    print_counts("resolution_histogram", total.histogram[1], BINS, "}\n");
    return 0;
}
