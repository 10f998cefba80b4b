/* Random straight-line code whose operands often overlap, with or without semaphores. */
#ifndef TS_UNIT_RANDOM_CODE_H
#define TS_UNIT_RANDOM_CODE_H

#include "clock_programs.h"

/* An SBUF or PSUM operand in a small part of the memory, so that operands overlap often. */
static inline void add_operand(ts_text *out, uint64_t *state, const char *name, bool may_psum,
                               unsigned count) {
    static const char *const parts[] = {"0:32", "32:32", "0:64", "0:128"};
    bool is_psum = may_psum && below(state, 3) == 0;
    unsigned step = 1 + below(state, 2);
    ts_text_format(out, " %s=%s.f32[p%s +%u %u@%u]", name, is_psum ? "psum" : "sbuf", parts[below(state, 4)],
                   64 * below(state, 12) + 4 * below(state, 2), count, step);
}

static inline void add_compute(ts_text *out, uint64_t *state) {
    static const char *const engines[] = {"vector", "scalar", "gpsimd"};
    static const char *const functions[] = {"relu", "exp", "sqrt"};
    unsigned count = 4 + below(state, 60), engine = below(state, 3);
    switch (below(state, 4)) {
    case 0:
        ts_text_format(out, "%s.tensor_copy", engines[engine]);
        add_operand(out, state, "dst", engine != 2, count);
        add_operand(out, state, "src", engine != 2, count);
        break;
    case 1:
        ts_text_add(out, "scalar.activation");
        add_operand(out, state, "dst", true, count);
        ts_text_format(out, " func=%s", functions[below(state, 3)]);
        add_operand(out, state, "data", true, count);
        ts_text_add(out, " scale=1");
        break;
    case 2:
        ts_text_format(out, "%s.tensor_tensor", engine == 2 ? "gpsimd" : "vector");
        add_operand(out, state, "dst", engine != 2, count);
        add_operand(out, state, "data1", engine != 2, count);
        add_operand(out, state, "data2", false, count);
        ts_text_add(out, " op=add");
        break;
    default:
        ts_text_format(out, "%s.memset", engine == 2 ? "gpsimd" : "vector");
        add_operand(out, state, "dst", engine != 2, count);
        ts_text_add(out, " value=0");
        break;
    }
    ts_text_add(out, "\n");
}

/* A load, a store or a copy inside SBUF of [128, n], on a given queue with a random trigger engine. There are
   few places, so that several transfers read the same one. */
static inline void add_dma(ts_text *out, uint64_t *state, int queue) {
    static const char *const triggers[] = {"sync", "scalar", "gpsimd", "vector"};
    unsigned count = 16u << below(state, 2), offset = 128 * below(state, 5), row = below(state, 4);
    ts_text_format(out, "%s.dma_copy queue=%d", triggers[below(state, 4)], queue);
    switch (below(state, 5)) {
    case 0:
        ts_text_format(out, " dst=sbuf.f32[p0:128 +%u %u] src=sbuf.f32[p0:128 +%u %u]\n",
                       128 * below(state, 5), count, offset, count);
        break;
    case 1:
    case 2:
        ts_text_format(out, " dst=sbuf.f32[p0:128 +%u %u] src=hbm.f32[x +%u 128@64 %u]\n", offset, count,
                       row * 8192, count);
        break;
    default:
        ts_text_format(out, " dst=hbm.f32[x +%u 128@64 %u] src=sbuf.f32[p0:128 +%u %u]\n", row * 8192, count,
                       offset, count);
        break;
    }
}

/* A collective between rows of x, which other instructions load and store. */
static inline void add_collective(ts_text *out, uint64_t *state) {
    static const char *const engines[] = {"gpsimd", "sync", "vector"};
    static const char *const kinds[] = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all"};
    unsigned kind = below(state, 4), scale = 1u << below(state, 4), whole = 512 * scale, part = whole / 4;
    ts_text_format(
        out,
        "%s.collective kind=%s dst=hbm.f32[x +%u %u] src=hbm.f32[x +%u %u] op=%s groups=hbm.i32[g +0 4]\n",
        engines[below(state, 3)], kinds[kind], 8192 * below(state, 4), kind == 2 ? part : whole,
        8192 * below(state, 4), kind == 1 ? part : whole, kind == 0 || kind == 2 ? "add" : "bypass");
}

/* Straight-line code, with collectives of four ranks if is_together. With `queues` 16 every DMA has a queue
   of its own. */
static inline ts_program *random_of(uint64_t seed, int length, int queues, bool is_together) {
    ts_text text = {0};
    uint64_t state = seed * 977 + 5;
    int dmas = 0;
    ts_text_format(&text, "trn 1\nprogram random chip=trn1%s\ntensor x: output 0 f32[4,128,64]\n",
                   is_together ? " ranks=4" : "");
    if (is_together) ts_text_add(&text, "tensor g: constant i32[1,4] = {0 1 2 3}\n");
    for (int i = 0; i < length; i++) {
        if (is_together && below(&state, 6) == 0)
            add_collective(&text, &state);
        else if (below(&state, 4) == 0 && (queues < 16 || dmas < 16))
            add_dma(&text, &state, dmas++ % queues);
        else
            add_compute(&text, &state);
    }
    ts_program *program = parse_text(text.data, "random");
    ts_text_free(&text);
    return program;
}

static inline ts_program *random_program(uint64_t seed, int length, int queues) {
    return random_of(seed, length, queues, false);
}

/* The source that executes an instruction, from its line: an engine, or a queue and its trigger engine. */
static inline unsigned source_of(const char *line) {
    static const char *const engines[] = {"vector", "scalar", "gpsimd", "sync"};
    const char *queue = strstr(line, "queue=");
    unsigned engine = 0;
    while (strncmp(line, engines[engine], strlen(engines[engine])) != 0)
        engine++;
    return queue ? 4 + engine + 4 * (unsigned)strtoul(queue + 6, NULL, 10) : engine;
}

/* Similar code with random semaphores, one for each source. */
static inline ts_program *random_semaphores(uint64_t seed, int length, int queues) {
    enum { SOURCES = 80 };
    ts_text text = {0};
    uint64_t state = seed * 977 + 7;
    unsigned count[SOURCES] = {0};
    ts_text_add(&text, "trn 1\nprogram random chip=trn1 sync=explicit\ntensor x: output 0 f32[4,128,64]\n");
    for (int i = 0; i < length; i++) {
        static const char *const engines[] = {"vector", "scalar", "gpsimd", "sync"};
        size_t start = text.length;
        unsigned kind = below(&state, 8), other = below(&state, SOURCES);
        for (unsigned tries = 0; tries < SOURCES && !count[other]; tries++)
            other = (other + 1) % SOURCES;
        bool is_event = kind == 0 && count[other];
        if (is_event)
            ts_text_format(&text, "%s.event_semaphore", engines[below(&state, 4)]);
        else if (kind < 3)
            add_dma(&text, &state, (int)below(&state, (unsigned)queues));
        else
            add_compute(&text, &state);
        if (text.data[text.length - 1] == '\n') text.length--;
        text.data[text.length] = 0;
        unsigned source = source_of(text.data + start), amount = source < 4 ? 1 + below(&state, 3) : 16;
        if (is_event || (count[other] && below(&state, 3) == 0))
            ts_text_format(&text, " wait=S[%u]>=%u", other, 1 + below(&state, count[other]));
        if (!is_event && below(&state, 2)) {
            ts_text_format(&text, " signal=S[%u]+=%u", source, amount);
            count[source] += amount;
        }
        ts_text_add(&text, "\n");
    }
    ts_program *program = parse_text(text.data, "random");
    ts_text_free(&text);
    return program;
}

#endif
