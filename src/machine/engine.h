/* What all engines use: the run in progress, operands as rows of elements, work that threads share, and
   kernels of operators and functions. Private to src/machine. */
#ifndef TS_MACHINE_ENGINE_H
#define TS_MACHINE_ENGINE_H

#include "arch/isa.h"
#include "base/clones.h"
#include "machine/core.h"

/* Counts of casts, for the checks of a run (check_casts.c). Notes n values, and what they were cast to; and
   an integer that was saturated. */
typedef struct ts_casts ts_casts;
void ts_casts_note(ts_casts *casts, unsigned dtype, const float *from, const void *to, int64_t n);
void ts_casts_note_clamped(ts_casts *casts, unsigned dtype, int64_t value);

/* A run in progress. All of its memory is allocated before the first instruction. */
typedef struct ts_exec {
    ts_machine *machine;
    ts_core *core;
    const ts_program *program;
    const ts_homes *homes; /* NULL: tiles lie at their addresses */
    uint8_t *const *data;  /* host memory of each tensor */
    int64_t *counters;     /* per loop: the current trip */
    int64_t *trips;        /* per loop: how many trips it makes */
    uint32_t at;           /* code position; loop marks change it */
    ts_run_stats stats;
    ts_trace *trace; /* NULL: not recorded */
    ts_host host;    /* isa is never ts_isa_auto */
    ts_pool *pool;   /* NULL: the run works in its own thread alone */
    ts_meeting *meeting;
    int member;
    ts_host_call *host_call;
    const atomic_bool *cancel;
    bool is_stochastic;
    uint32_t key[2];          /* of the run's random words (stochastic.c) */
    uint64_t instructions;    /* begun, loop marks included */
    struct ts_checks *checks; /* NULL: none */
    ts_casts *casts;          /* of the current instruction; NULL: not counted */
    ts_diag *diag;
} ts_exec;

/* Executes an instruction. There is one such function for each row of isa.def: ts_exec_nc_matmul and so
   on. */
typedef ts_status ts_exec_function(ts_exec *exec, const ts_inst *inst);
#define F(kind, name)
#define INST(name, ...) ts_exec_function ts_exec_##name;
#include "arch/isa.def"

/* An operand in the current trip: `parts` rows of `elems` elements, one row per partition. Neighbouring
   dimensions that address like one are joined, so that an operand without gaps has a single dimension. The
   innermost dimension is number dims - 1. */
typedef struct ts_rows {
    uint8_t *base; /* first element of the first row */
    int64_t pitch; /* bytes from row to row */
    int64_t parts, elems;
    int64_t low, high; /* byte range of one row, relative to base */
    uint8_t space, dtype, size;
    bool is_plain; /* fp32, adjacent and aligned: each row is an array of floats */
    int dims;
    int64_t step[TS_AP_DIMS]; /* bytes */
    int64_t count[TS_AP_DIMS];
    int32_t part;       /* first partition */
    uint32_t tile;      /* on chip: number of the tile (ts_ap.tensor) */
    int64_t offset;     /* of `base` in its partition or tensor; bytes */
    bool is_stochastic; /* writes round stochastically, with random words of `key` */
    uint32_t key[2];
    ts_casts *casts;
} ts_rows;

/* A part of a memory on chip: the bytes [low, high) of `parts` partitions. */
typedef struct ts_area {
    uint8_t space;
    int32_t part, parts;
    int64_t low, high;
} ts_area;
/* The most areas and windows of each kind that one instruction has. */
enum { TS_WRITES = 4, TS_ACROSS = 2, TS_PSUM_READS = 6, TS_READS = 3 };

/* What an instruction touches of HBM, as host addresses: for partition p (numbered as on chip) the bytes from
   low + p * step to high + p * step. */
typedef struct ts_window {
    int64_t low, high, step;
    int32_t part, parts;
    bool is_written;
} ts_window;

/* What is known of an instruction's operands, as they are resolved one by one. */
typedef struct ts_operand_set {
    ts_exec *exec;
    bool is_empty;       /* some count is 0, so the instruction does nothing */
    bool has_whole;      /* some destination on chip is overwritten as a whole */
    bool is_crossing;    /* operands on chip lie in different partitions; ts_rows_across not counted */
    int32_t part, parts; /* of the first operand on chip; 0 parts: none so far */
    int shadows;         /* taken so far, for copies of sources */
    uint32_t operands;   /* resolved so far */
    int64_t bytes;       /* of all operands */
    int writes, across, psum_reads;
    int reads;
    ts_window read[TS_READS]; /* in HBM, by instructions other than DMAs (through.h) */
    int across_hbm;
    ts_window read_across_hbm[TS_ACROSS]; /* in HBM, by all partitions */
    ts_area written[TS_WRITES], read_across[TS_ACROSS], psum_read[TS_PSUM_READS]; /* on chip */
} ts_operand_set;

/* Resolves an operand and treats it as a destination: it may be written in part, and read. */
void ts_rows_get(ts_operand_set *set, const ts_ap *ap, ts_rows *rows);
/* The same for a destination of which the instruction writes every element, without reading it. */
void ts_rows_whole(ts_operand_set *set, const ts_ap *ap, ts_rows *rows);
/* Resolves a source of an instruction that writes `dst`. Instructions read their sources as they were before
   they began: where the two overlap, except element by element, the rows point to a copy. `is_pointwise`:
   element i of dst depends on element i of this source only. */
void ts_rows_source(ts_operand_set *set, const ts_ap *ap, const ts_rows *dst, bool is_pointwise,
                    ts_rows *rows);
/* The same for an instruction that reads a partition's bytes wherever they are: rows that a load, put off,
   would have set point to HBM (deferred.h). */
void ts_rows_source_near(ts_operand_set *set, const ts_ap *ap, const ts_rows *dst, bool is_pointwise,
                         ts_rows *rows);
/* Resolves a source of which each partition of the destination needs all partitions. If the two may share
   bytes, ts_rows_protect must follow. */
void ts_rows_across(ts_operand_set *set, const ts_ap *ap, ts_rows *rows);
/* Does what ts_rows_source does for one more destination of a source that is resolved. */
void ts_rows_protect(ts_operand_set *set, ts_rows *rows, const ts_rows *dst, bool is_pointwise);

/* ts_rows_source, ts_rows_source_near and ts_rows_across in two steps. ts_rows_peek only resolves; the second
   step *meets* the operand: it makes moves into it that are put off, and fills bytes that nothing has set. */
void ts_rows_peek(ts_operand_set *set, const ts_ap *ap, ts_rows *rows);
void ts_rows_meet(ts_operand_set *set, const ts_rows *dst, bool is_pointwise, ts_rows *rows);
void ts_rows_meet_near(ts_operand_set *set, const ts_rows *dst, bool is_pointwise, ts_rows *rows);
void ts_rows_meet_across(ts_operand_set *set, ts_rows *rows);
/* What rows on chip touch. */
ts_area ts_rows_area(const ts_rows *rows);

/* An operand touches `area`: makes the moves there that are put off (deferred.c). Those that a destination
   overwrites as a whole are dropped instead, by ts_deferred_known, once all operands are known. */
void ts_deferred_meet(ts_exec *exec, const ts_area *area, bool is_written, bool is_whole);
void ts_deferred_known(ts_exec *exec, bool is_empty);
/* Bytes of HBM are about to change: makes the loads from there that are put off. */
void ts_deferred_store(ts_exec *exec, const uint8_t *data, int64_t bytes);
/* Makes all loads that are put off, before somebody else may change HBM. */
void ts_deferred_load_all(ts_exec *exec);

/* What a member brings to a meeting. The memory of its rows does not change until all have met again. */
typedef struct ts_offer {
    const ts_inst *inst; /* an exchange or a collective */
    ts_rows src, dst;
    const int32_t *groups; /* of a collective */
    int64_t rows, columns;
    bool is_copy; /* nobody writes src; in dst the member shows parts of its result */
} ts_offer;
/* Waits until all members have come (meeting.c). ts_deadlock for all that wait when a member's program has
   ended, ts_cancelled when the run is cancelled. */
ts_status ts_meet(const ts_exec *exec, const ts_offer *offer);
/* What a member brought to the last meeting; valid until all meet again. */
const ts_offer *ts_meeting_offer(const ts_exec *exec, int member);
/* Lets the other members read elements [first, last) of dst of this one, once all have met again. */
void ts_meeting_show(const ts_exec *exec, const ts_rows *dst, int64_t first, int64_t last);
/* Waits for members that are sure to come, without a new offer. Fails only if members are in other processes,
   which may end. */
ts_status ts_meet_again(const ts_exec *exec);
int ts_meeting_members(const ts_meeting *meeting);
/* Copies to dst what the other core of a pair has in the src of its matching exchange. */
ts_status ts_exchange(ts_exec *exec, const ts_inst_dma_copy *inst);

/* The destinations on chip count as set from now on. */
void ts_rows_end_unset(const ts_operand_set *set);
/* All operands are resolved: counts the instruction as executed, and returns whether it must be, that is,
   unless it is empty. Its work must go through ts_work_local or ts_split, since earlier instructions may be
   waiting. */
static inline bool ts_operands_known(const ts_operand_set *set) {
    if (!set->is_empty) set->exec->stats.instructions++;
    if (set->has_whole) ts_deferred_known(set->exec, set->is_empty);
    if (!set->is_empty && set->has_whole) ts_rows_end_unset(set);
    return !set->is_empty;
}
/* Runs all instructions that wait (segment.c). */
void ts_segment_run(const ts_exec *exec);
/* The same as ts_operands_known, but first runs all instructions that wait. */
static inline bool ts_operands_ready(const ts_operand_set *set) {
    if (!set->is_empty) ts_segment_run(set->exec);
    return ts_operands_known(set);
}

/* Elements computed at a time, so that buffers of one chunk lie in the first-level cache. */
enum { TS_CHUNK = 1024 };

/* The first element of row `part`, counted from the operand's first partition. */
static inline uint8_t *ts_rows_at(const ts_rows *rows, int64_t part) {
    return rows->base + part * rows->pitch;
}
/* Whether the elements of a row follow each other in order, without gaps. */
static inline bool ts_rows_are_adjacent(const ts_rows *rows) {
    return rows->dims == 1 && (rows->step[0] == rows->size || rows->elems == 1);
}
/* Whether the elements of a row fill all its bytes from low to high, in any order. */
bool ts_rows_are_dense(const ts_rows *rows);
/* Whether each row is adjacent and aligned to its element size, so that it is a C array. */
static inline bool ts_rows_are_arrays(const ts_rows *rows) {
    return ts_rows_are_adjacent(rows) &&
           (((uint64_t)(uintptr_t)rows->base | (uint64_t)rows->pitch) & (rows->size - 1u)) == 0;
}
/* Reads elements [from, from + n) of a row as fp32, n <= TS_CHUNK: in place when possible, else through
   `buffer` (TS_CHUNK elements, aligned to 64 bytes). n and `buffer` are such in all functions below. */
const float *ts_rows_gather(const ts_rows *rows, int64_t part, int64_t from, int64_t n, float *buffer);
static inline const float *ts_rows_read(const ts_rows *rows, int64_t part, int64_t from, int64_t n,
                                        float *buffer) {
    if (rows->is_plain) return (const float *)(const void *)ts_rows_at(rows, part) + from;
    return ts_rows_gather(rows, part, from, n, buffer);
}
/* The same for integers, extended to 32 bits: signed dtypes by their sign, others by zeros. */
const uint32_t *ts_rows_read_bits(const ts_rows *rows, int64_t part, int64_t from, int64_t n,
                                  uint32_t *buffer);
/* The same for elements as they are stored, adjacent in the result. */
const void *ts_rows_read_raw(const ts_rows *rows, int64_t part, int64_t from, int64_t n, void *buffer);
/* Where to compute fp32 elements of a row: in place when possible, else `buffer`. ts_rows_write then stores
   them, which takes nothing if they are in place. */
float *ts_rows_room(const ts_rows *rows, int64_t part, int64_t from, int64_t n, float *buffer);
static inline float *ts_rows_target(const ts_rows *rows, int64_t part, int64_t from, int64_t n,
                                    float *buffer) {
    if (rows->is_plain) return (float *)(void *)ts_rows_at(rows, part) + from;
    return ts_rows_room(rows, part, from, n, buffer);
}
/* Stores fp32 values, cast to the dtype of the row. */
void ts_rows_put(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const float *values);
static inline void ts_rows_write(const ts_rows *rows, int64_t part, int64_t from, int64_t n,
                                 const float *values) {
    float *own = rows->is_plain ? (float *)(void *)ts_rows_at(rows, part) + from : NULL;
    if (own && n == 1)
        *own = *values;
    else if (!own || values != own)
        ts_rows_put(rows, part, from, n, values);
}
/* The values cast to the dtype of the row, adjacent in `raw`; nothing is stored in the row. */
void ts_rows_narrow(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const float *values,
                    void *raw);
/* Store the low bits of each value, and elements as they are. */
void ts_rows_write_bits(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const uint32_t *values);
void ts_rows_write_raw(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const void *raw);
/* Copies rows [first, last) of `from` to those of dst, which has equally many elements: as bits if the dtypes
   agree, else through fp32. */
void ts_rows_copy(const ts_rows *dst, const ts_rows *from, int64_t first, int64_t last);
/* Stores 32-bit integers in the dtype of the row: 32-bit integers as bits, narrower ones saturated, floats
   rounded. */
void ts_rows_write_ints(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const uint32_t *values,
                        bool is_signed);

/* Random words (stochastic.c). Makes a key of another one and a 64-bit number. */
void ts_random_key(const uint32_t key[2], uint32_t low, uint32_t high, uint32_t result[2]);
/* The words of elements [from, from + n) of a row, n <= TS_CHUNK. `words` has room for TS_CHUNK + 2; the
   result lies in it. */
const uint32_t *ts_random_row(const uint32_t key[2], int64_t row, int64_t from, int64_t n, uint32_t *words);
/* The words of n moves, each identified by where it goes to and where it comes from. */
void ts_random_places(const uint32_t key[2], uint32_t dst, uint32_t dst_step, uint32_t src, uint32_t src_step,
                      int64_t n, uint32_t *words);

/* One value per partition: a constant, or rows of one element. */
typedef struct ts_column {
    bool is_constant;
    double value;
    ts_rows rows;
} ts_column;
void ts_column_get(ts_operand_set *set, const ts_scalar *scalar, const ts_rows *dst, ts_column *column);
float ts_column_value(const ts_column *column, int64_t part);
/* The value as an integer: integer columns exactly, others truncated toward zero. */
int64_t ts_column_int(const ts_column *column, int64_t part);

/* Runs the instructions that wait, and then calls task(context, first, last) on pieces of [0, count), from
   several threads if that pays. unit_ns: about how long one unit takes. Pieces must be independent. */
typedef void ts_piece(void *context, int64_t first, int64_t last);
void ts_split(const ts_exec *exec, int64_t count, double unit_ns, ts_piece *task, void *context);

/* The work of an instruction, cut into units. Unit u reads and writes only partition u / units of the
   operands, but may read all of those of ts_rows_across. The context is copied. */
typedef struct ts_work {
    ts_piece *task;
    int64_t parts, units; /* partitions; units per partition */
    double unit_ns;
    void *context;
    size_t size; /* bytes of the context */
} ts_work;
/* Executes the work at once, or later together with that of its neighbours (segment.h). */
void ts_work_local(ts_operand_set *set, const ts_work *work);
/* The same for a context that begins with the ts_rows of the destination, which the work writes only through
   the functions for rows, so that they may be changed while it waits. Returns whether it waits. */
bool ts_work_rows(ts_operand_set *set, const ts_work *work);
/* The chunks of all rows of `dst`, in order: unit u is chunk u % per_row of row u / per_row. */
typedef struct ts_chunks {
    int64_t size, per_row, elems;
} ts_chunks;
ts_chunks ts_chunks_of(const ts_rows *dst);
static inline int64_t ts_chunk_length(const ts_chunks *chunks, int64_t from) {
    return chunks->elems - from < chunks->size ? chunks->elems - from : chunks->size;
}
/* A chunk: elements [from, from + n) of row `part`. */
typedef struct ts_chunk {
    int64_t part, from, n;
} ts_chunk;
static inline ts_chunk ts_chunk_at(const ts_chunks *chunks, int64_t unit) {
    ts_chunk c = {.part = unit / chunks->per_row, .from = unit % chunks->per_row * chunks->size};
    c.n = ts_chunk_length(chunks, c.from);
    return c;
}
static inline void ts_chunk_next(const ts_chunks *chunks, ts_chunk *c) {
    c->from += chunks->size;
    if (c->from >= chunks->elems) {
        c->from = 0;
        c->part++;
    }
    c->n = ts_chunk_length(chunks, c->from);
}

/* About how many ns an operator takes per element. */
double ts_alu_ns(unsigned op);
/* out[i] = a[i] op b[i] in fp32; a, b and out may be the same array. */
void ts_alu_floats(unsigned op, const float *a, const float *b, float *out, int64_t n);
/* out[i] = a[i] op b, or b op a[i] if is_reversed, for one number b. False: the operator has no such loop. */
bool ts_alu_floats_by(unsigned op, const float *a, float b, bool is_reversed, float *out, int64_t n);
/* Two operators in one loop: out[i] = (a[i] op[0] number[0]) op[1] b[i], each rounded; if b is NULL, with
   number[1] in its place. is_reversed swaps an operator's sides. Only for pairs of operators for which
   ts_alu_is_two is true. a, b and out may be the same array. */
typedef struct ts_alu_two {
    uint8_t op[2];
    bool is_reversed[2];
    float number[2];
} ts_alu_two;
bool ts_alu_is_two(const ts_alu_two *two);
void ts_alu_floats_two(const ts_alu_two *two, const float *a, const float *b, float *out, int64_t n);
/* Operators on arrays of bf16, rounded to nearest even, for operators for which ts_alu_is_bf16 is true: a[i]
   op b[i], a[i] op b, and b op a[i]. */
bool ts_alu_is_bf16(unsigned op);
void ts_alu_bf16(unsigned op, const uint16_t *a, const uint16_t *b, uint16_t *out, int64_t n);
void ts_alu_bf16_by(unsigned op, const uint16_t *a, float b, uint16_t *out, int64_t n);
void ts_alu_bf16_of(unsigned op, float b, const uint16_t *a, uint16_t *out, int64_t n);
/* out[i] = a[i] op b[i] for 32-bit integers: exact, wrapping. Comparisons and logical operators give 1 or 0.
   Shifts work on `width` bits. */
void ts_alu_ints(unsigned op, bool is_signed, int width, const uint32_t *a, const uint32_t *b, uint32_t *out,
                 int64_t n);
/* One operator on one pair. */
float ts_alu_float(unsigned op, float a, float b);
/* Whether this instruction applies the operator to integers as they are stored, rather than in fp32. */
bool ts_alu_is_integer(const ts_inst *inst, unsigned op, unsigned dtype1, unsigned dtype2);

/* result[i] = mask[i] & keep ? yes[i] : no[i], for elements of `size` bytes. */
void ts_blend(int size, const uint32_t *mask, uint32_t keep, const void *yes, const void *no, void *result,
              int64_t n);
/* Folds n elements of a row into `total` and returns it: max and min in any order, others left to right. */
float ts_fold_row(unsigned op, const float *row, int64_t n, float total);

/* The accumulators of an instruction's engine, one per partition, and what the instruction does with them. */
typedef struct ts_accumulation {
    uint8_t *base; /* accumulator of the first partition */
    int64_t pitch; /* bytes */
    uint8_t op, cmd;
    bool has_result, is_negated;
    ts_rows result;   /* receives the accumulators, one element per partition */
    ts_column loaded; /* load_reduce: the initial values */
} ts_accumulation;
/* Resolves `result` (space none: the accumulators are not read out) for an instruction that works in the
   partitions of dst. op and cmd must be set. The caller must then protect its sources from the result. */
void ts_accumulation_get(ts_operand_set *set, const ts_ap *result, const ts_rows *dst, ts_accumulation *a);
/* The value that a partition's accumulator starts with; and stores the one that it ends with. */
float ts_accumulation_begin(const ts_accumulation *a, int64_t part);
void ts_accumulation_end(const ts_accumulation *a, int64_t part, float total);

/* About how many ns a function takes per element. */
double ts_act_ns(unsigned func);
/* out[i] = func(in[i]); the arrays may be the same. Every level of the CPU gives the same bits. */
void ts_act_floats(ts_isa isa, unsigned func, const float *in, float *out, int64_t n);
/* Floats in memory that are read or written soon, to be prefetched. */
typedef struct ts_next {
    const float *at; /* NULL: none */
    bool is_written;
} ts_next;
/* out[i] = func(in[i] * scale + bias) in one pass; NULL leaves scale or bias out. Prefetches the n floats of
   `next` on the way. False, with anything in `out`: the function or the values need more than one pass. */
bool ts_act_try(ts_isa isa, unsigned func, const float *in, const float *scale, const float *bias,
                ts_next next, float *out, int64_t n);
/* ts_act_floats for the functions of act_unit.c. */
void ts_act_units(unsigned func, const float *in, float *out, int64_t n);
/* The plain twin of ts_act_floats, within 1 ULP. */
void ts_act_ref(unsigned func, const float *in, float *out, int64_t n);

/* Adds n elements of each row to that row's total, for TS_LANES rows side by side; each row is added in
   order. rows[lane] must be readable for all lanes. */
enum { TS_LANES = 16 };
void ts_fold_add(const float *const *rows, int64_t n, float *totals);

#endif
