/* Skewing loops: parts of a loop's body run one or more trips behind the others, so that engines which work
   in program order need not wait for each other within a trip. */
#ifndef TS_PLAN_SKEW_H
#define TS_PLAN_SKEW_H

#include "arch/cost.h"
#include "arch/lifetime.h"
#include "plan/builder.h"

enum {
    TS_SKEW_MOST_UNITS = 128, /* in a body; longer ones stay as they are */
    TS_SKEW_MOST_STAGES = 3,  /* trips that the last stage may be behind the first */
    TS_SKEW_LOOKED_AT = 8     /* trips by which two orders are compared */
};

/* What a unit takes up: engines by their number (arch/program.h), then what engines share. */
enum {
    ts_skew_dma = ts_engine_count,
    ts_skew_psum, /* VectorE and ScalarE take turns there */
    ts_skew_sbuf, /* VectorE and GpSimdE take turns there */
    ts_skew_resources
};

/* An operand of a unit. */
typedef struct ts_skew_use {
    const ts_ap *ap;
    bool is_read, is_write;
} ts_skew_use;

/* A unit of a body is an instruction, or an inner loop as a whole. Times count from its start, in
   picoseconds. */
typedef struct ts_skew_unit {
    uint32_t begin, end; /* its code positions: [begin, end) */
    uint32_t first_use, use_count;
    ts_time busy[ts_skew_resources];
    ts_time done;   /* when other engines can read its results */
    ts_time again;  /* when its own engine can read them */
    ts_time read;   /* when what it reads may be overwritten */
    uint8_t engine; /* none: an inner loop */
    bool is_transfer, is_load, is_product;
    ts_time start; /* in the schedule */
    int stage;     /* trips that it is behind the first stage */
} ts_skew_unit;

/* `to`, `distance` trips after `from`, starts at least `delay` after it. */
typedef struct ts_skew_edge {
    uint32_t from, to;
    int distance;
    ts_time delay; /* positive */
} ts_skew_edge;

/* A loop's body. */
typedef struct ts_skew_body {
    const ts_program *program;
    const ts_chip *chip;
    const ts_tile_info *tiles;
    const uint32_t *places; /* by tensor: the tensor whose storage it uses */
    uint32_t loop;
    int trips;
    ts_arena *arena;
    TS_VEC(ts_skew_unit) units;
    TS_VEC(ts_skew_use) uses;
    bool is_guess;              /* what an inner loop takes depends on outer loops */
    TS_VEC(ts_skew_edge) edges; /* ordered by `to` */
    uint32_t *order;            /* the units in the order of the skewed body */
    int stages;                 /* the largest stage */
} ts_skew_body;

/* Finds the units of the loop's body. False where an instruction has effects that its operands do not show,
   or where there are too many units. */
bool ts_skew_find_units(ts_skew_body *body);
/* Whether operands a of one trip and b of the trip `distance` later may share bytes. */
bool ts_skew_may_meet(const ts_skew_body *body, const ts_ap *a, const ts_ap *b, int distance);
/* Finds what must come before what, up to TS_SKEW_MOST_STAGES trips apart. */
void ts_skew_find_edges(ts_skew_body *body);
/* Chooses stages and order of the units. Returns the picoseconds that all trips together are expected to
   gain; 0: the body stays as it is. */
ts_time ts_skew_choose(ts_skew_body *body);
/* Writes the program anew; bodies[l] says what becomes of loop l, NULL that it stays. */
void ts_skew_rewrite(ts_builder *builder, ts_skew_body *const *bodies);

#endif
