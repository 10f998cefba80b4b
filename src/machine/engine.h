/* What the engines share: the run in progress, operands as rows of bytes, and work split over threads.
   Private to src/machine. */
#ifndef TS_MACHINE_ENGINE_H
#define TS_MACHINE_ENGINE_H

#include "arch/isa.h"
#include "base/clones.h"
#include "machine/core.h"

/* What casts did, for the checks of a run (check_casts.c). */
typedef struct ts_casts ts_casts;
void ts_casts_note(ts_casts *casts, unsigned dtype, const float *from, const void *to, int64_t n);
void ts_casts_note_clamped(ts_casts *casts, unsigned dtype, int64_t value);

/* A run in progress. Everything is allocated before the first instruction. */
typedef struct ts_exec {
    ts_machine *machine;
    ts_core *core;
    const ts_program *program;
    const ts_homes *homes; /* NULL: tiles lie at their addresses */
    uint8_t *const *data;  /* host memory of each tensor */
    int64_t *counters;     /* of each loop */
    int64_t *trips;
    uint32_t at; /* position in program->code; loop marks move it */
    ts_run_stats stats;
    ts_trace *trace; /* NULL: nobody asks */
    ts_host host;    /* isa is never ts_isa_auto */
    ts_pool *pool;   /* NULL: as many programs as threads run at once, each in its own */
    ts_meeting *meeting;
    int member;
    ts_host_call *host_call;
    const atomic_bool *cancel;
    bool is_stochastic;
    uint32_t key[2];          /* of the run's random words */
    uint64_t instructions;    /* begun, loop marks included */
    struct ts_checks *checks; /* NULL: none */
    ts_casts *casts;          /* of the instruction; NULL: nobody counts */
    ts_diag *diag;
} ts_exec;

/* One function for each row of isa.def, all of this type: ts_exec_nc_matmul and so on. */
typedef ts_status ts_exec_function(ts_exec *exec, const ts_inst *inst);
#define F(kind, name)
#define INST(name, ...) ts_exec_function ts_exec_##name;
#include "arch/isa.def"

/* An operand at this trip: `parts` rows of `elems` elements. Neighbouring dimensions that address like one
   are joined, so an operand without gaps has one dimension; step[dims - 1] belongs to the innermost. */
typedef struct ts_rows {
    uint8_t *base; /* first element of the first row */
    int64_t pitch; /* bytes from row to row */
    int64_t parts, elems;
    int64_t low, high; /* byte range of one row, relative to base */
    uint8_t space, dtype, size;
    bool is_plain; /* fp32, adjacent and aligned: rows are arrays of floats */
    int dims;
    int64_t step[TS_AP_DIMS]; /* bytes */
    int64_t count[TS_AP_DIMS];
    int32_t part;       /* first partition */
    uint32_t tile;      /* on chip: ts_ap.tensor */
    int64_t offset;     /* of base in its partition or tensor, bytes */
    bool is_stochastic; /* how what is written rounds, with the words of `key` */
    uint32_t key[2];
    ts_casts *casts;
} ts_rows;

/* What an operand touches of a memory on chip: these bytes of these partitions. */
typedef struct ts_area {
    uint8_t space;
    int32_t part, parts;
    int64_t low, high;
} ts_area;
enum { TS_WRITES = 4, TS_ACROSS = 2, TS_PSUM_READS = 6, TS_READS = 3 };

/* What is touched of HBM: partition p (numbered as on chip) the bytes from low + p * step to high + p * step,
   host addresses. */
typedef struct ts_window {
    int64_t low, high, step;
    int32_t part, parts;
    bool is_written;
} ts_window;

/* An instruction's operands. `is_empty` once some count is 0: then the instruction does nothing. */
typedef struct ts_operand_set {
    ts_exec *exec;
    bool is_empty;
    bool has_whole;   /* some destination on chip is set whatever it held */
    bool is_crossing; /* operands on chip do not lie in the same partitions, those of ts_rows_across apart */
    int32_t part, parts; /* of the first operand on chip; no parts while there is none */
    int shadows;         /* used so far */
    uint32_t operands;   /* resolved so far */
    int64_t bytes;       /* of all operands */
    int writes, across, psum_reads;
    int reads;
    ts_window read[TS_READS]; /* of HBM, by an instruction that is no DMA (through.h) */
    ts_area written[TS_WRITES], read_across[TS_ACROSS], psum_read[TS_PSUM_READS]; /* on chip */
} ts_operand_set;

/* Resolves an operand, a destination as far as others know. */
void ts_rows_get(ts_operand_set *set, const ts_ap *ap, ts_rows *rows);
/* The same for a destination each of whose elements the instruction writes. */
void ts_rows_whole(ts_operand_set *set, const ts_ap *ap, ts_rows *rows);
/* Resolves a source whose instruction writes `dst`. An instruction reads its sources as they were before it
   began: where the two overlap other than element on element, the rows point to a copy. `is_pointwise`:
   element i of dst depends on element i of this source alone. */
void ts_rows_source(ts_operand_set *set, const ts_ap *ap, const ts_rows *dst, bool is_pointwise,
                    ts_rows *rows);
/* A source whose partitions all of the destination's depend on; ts_rows_protect follows where the two may
   share bytes. */
void ts_rows_across(ts_operand_set *set, const ts_ap *ap, ts_rows *rows);
/* The same as ts_rows_source for a resolved source and one more destination. */
void ts_rows_protect(ts_operand_set *set, ts_rows *rows, const ts_rows *dst, bool is_pointwise);

/* A source in two steps: resolved, and then met, as ts_rows_source and ts_rows_across do it. */
void ts_rows_peek(ts_operand_set *set, const ts_ap *ap, ts_rows *rows);
void ts_rows_meet(ts_operand_set *set, const ts_rows *dst, bool is_pointwise, ts_rows *rows);
void ts_rows_meet_across(ts_operand_set *set, ts_rows *rows);
ts_area ts_rows_area(const ts_rows *rows);

/* What is put off of an operand is done; not what a destination sets anew as a whole, once the operands are
   known (deferred.c). */
void ts_deferred_meet(ts_exec *exec, const ts_area *area, bool is_written, bool is_whole);
void ts_deferred_known(ts_exec *exec, bool is_empty);

/* What a member of a meeting comes with. The rows' memory is as it was until all have met again. */
typedef struct ts_offer {
    const ts_inst *inst; /* an exchange or a collective */
    ts_rows src, dst;
    const int32_t *groups; /* of a collective */
    int64_t rows, columns;
    bool is_copy; /* src is one that nobody writes, dst where the member shows parts of its result */
} ts_offer;
/* meeting.c: waits until all members have come. Fails, as for all who wait, when a program has ended or the
   run is cancelled. */
ts_status ts_meet(const ts_exec *exec, const ts_offer *offer);
/* What a member came with; from then on until all meet again. */
const ts_offer *ts_meeting_offer(const ts_exec *exec, int member);
/* Lets the others read elements [first, last) of what it has in dst, once all have met again. */
void ts_meeting_show(const ts_exec *exec, const ts_rows *dst, int64_t first, int64_t last);
/* The same for members that are sure to come, without a new offer. Fails only where they are in processes
   that may end. */
ts_status ts_meet_again(const ts_exec *exec);
int ts_meeting_members(const ts_meeting *meeting);
/* dst = what the other core has in the src of its exchange of the same number. */
ts_status ts_exchange(ts_exec *exec, const ts_inst_dma_copy *inst);

/* Everything is resolved, and the instruction will set its destinations. */
void ts_rows_end_unset(const ts_operand_set *set);
/* Counts the instruction as executed unless it is empty; then it must not be executed. Its work must go
   through ts_work_local or ts_split: earlier instructions may be waiting. */
static inline bool ts_operands_known(const ts_operand_set *set) {
    if (!set->is_empty) set->exec->stats.instructions++;
    if (set->has_whole) ts_deferred_known(set->exec, set->is_empty);
    if (!set->is_empty && set->has_whole) ts_rows_end_unset(set);
    return !set->is_empty;
}
/* Runs what waits (segment.c). */
void ts_segment_run(const ts_exec *exec);
/* The same as ts_operands_known, and nothing waits any more. */
static inline bool ts_operands_ready(const ts_operand_set *set) {
    if (!set->is_empty) ts_segment_run(set->exec);
    return ts_operands_known(set);
}

/* Elements handled at a time: buffers of one chunk lie in the L1 cache. */
enum { TS_CHUNK = 1024 };

static inline uint8_t *ts_rows_at(const ts_rows *rows, int64_t part) {
    return rows->base + part * rows->pitch;
}
static inline bool ts_rows_are_adjacent(const ts_rows *rows) {
    return rows->dims == 1 && (rows->step[0] == rows->size || rows->elems == 1);
}
/* Whether the elements of a row are all of its bytes from low to high, in whatever order. */
bool ts_rows_are_dense(const ts_rows *rows);
/* Adjacent, and each element where one of its size may be. */
static inline bool ts_rows_are_arrays(const ts_rows *rows) {
    return ts_rows_are_adjacent(rows) &&
           (((uint64_t)(uintptr_t)rows->base | (uint64_t)rows->pitch) & (rows->size - 1u)) == 0;
}
/* Elements [from, from + n) of a row, n <= TS_CHUNK: in place when possible, else through `buffer`
   (TS_CHUNK elements, aligned to 64 bytes). */
const float *ts_rows_gather(const ts_rows *rows, int64_t part, int64_t from, int64_t n, float *buffer);
static inline const float *ts_rows_read(const ts_rows *rows, int64_t part, int64_t from, int64_t n,
                                        float *buffer) {
    if (rows->is_plain) return (const float *)(const void *)ts_rows_at(rows, part) + from;
    return ts_rows_gather(rows, part, from, n, buffer);
}
/* Integers as they are, extended to 32 bits by the sign of their dtype; other dtypes by zeros. */
const uint32_t *ts_rows_read_bits(const ts_rows *rows, int64_t part, int64_t from, int64_t n,
                                  uint32_t *buffer);
/* Elements as stored, packed. */
const void *ts_rows_read_raw(const ts_rows *rows, int64_t part, int64_t from, int64_t n, void *buffer);
/* Where to compute elements of a row: in place when possible, else `buffer`; then ts_rows_write stores them
   (and has nothing to do when they are in place). */
float *ts_rows_room(const ts_rows *rows, int64_t part, int64_t from, int64_t n, float *buffer);
static inline float *ts_rows_target(const ts_rows *rows, int64_t part, int64_t from, int64_t n,
                                    float *buffer) {
    if (rows->is_plain) return (float *)(void *)ts_rows_at(rows, part) + from;
    return ts_rows_room(rows, part, from, n, buffer);
}
void ts_rows_put(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const float *values);
static inline void ts_rows_write(const ts_rows *rows, int64_t part, int64_t from, int64_t n,
                                 const float *values) {
    float *own = rows->is_plain ? (float *)(void *)ts_rows_at(rows, part) + from : NULL;
    if (own && n == 1)
        *own = *values;
    else if (!own || values != own)
        ts_rows_put(rows, part, from, n, values);
}
/* The same values in the row's dtype, packed. */
void ts_rows_narrow(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const float *values,
                    void *raw);
void ts_rows_write_bits(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const uint32_t *values);
void ts_rows_write_raw(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const void *raw);
/* Rows [first, last) of `from`, as many elements in each, to those of dst: bits where the dtypes agree, else
   through fp32. */
void ts_rows_copy(const ts_rows *dst, const ts_rows *from, int64_t first, int64_t last);
/* 32-bit integers to the row's dtype: bits for 32-bit integers, saturation for narrower ones, floats
   rounded to nearest even. */
void ts_rows_write_ints(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const uint32_t *values,
                        bool is_signed);

/* Random words (stochastic.c). A key made of another one. */
void ts_random_key(const uint32_t key[2], uint32_t low, uint32_t high, uint32_t result[2]);
/* Of elements [from, from + n) of a row, n <= TS_CHUNK; `words` has room for TS_CHUNK + 2, the result lies in
 * it. */
const uint32_t *ts_random_row(const uint32_t key[2], int64_t row, int64_t from, int64_t n, uint32_t *words);
/* Of n moves, each known by where it goes and where it comes from. */
void ts_random_places(const uint32_t key[2], uint32_t dst, uint32_t dst_step, uint32_t src, uint32_t src_step,
                      int64_t n, uint32_t *words);

/* Value for each partition: a constant or a column. */
typedef struct ts_column {
    bool is_constant;
    double value;
    ts_rows rows;
} ts_column;
void ts_column_get(ts_operand_set *set, const ts_scalar *scalar, const ts_rows *dst, ts_column *column);
float ts_column_value(const ts_column *column, int64_t part);
/* As an integer: integer columns as they are, others truncated. */
int64_t ts_column_int(const ts_column *column, int64_t part);

/* Calls task(context, first, last) over [0, count) in pieces, from several threads when the whole is worth
   it: unit_ns is what one unit costs about. Pieces must be independent. */
typedef void ts_piece(void *context, int64_t first, int64_t last);
void ts_split(const ts_exec *exec, int64_t count, double unit_ns, ts_piece *task, void *context);

/* The work of an instruction each of whose units reads and writes one partition of its operands alone, those
   of ts_rows_across excepted: unit u that of number u / units. The context is copied. */
typedef struct ts_work {
    ts_piece *task;
    int64_t parts, units; /* partitions; units of each */
    double unit_ns;
    void *context;
    size_t size;
} ts_work;
/* Executes it now or later, together with its neighbours. */
void ts_work_local(ts_operand_set *set, const ts_work *work);
/* The same where the context begins with the rows of the destination, and the work writes them by the
   functions for rows alone. */
bool ts_work_rows(ts_operand_set *set, const ts_work *work); /* whether it waits */
/* The chunks of all rows of `dst`, in order: unit u is chunk u % chunks of row u / chunks. */
typedef struct ts_chunks {
    int64_t size, per_row, elems;
} ts_chunks;
ts_chunks ts_chunks_of(const ts_rows *dst);
static inline int64_t ts_chunk_length(const ts_chunks *chunks, int64_t from) {
    return chunks->elems - from < chunks->size ? chunks->elems - from : chunks->size;
}
/* One of them: elements [from, from + n) of row `part`. */
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

/* What an operator costs about, per element. */
double ts_alu_ns(unsigned op);
/* out[i] = a[i] op b[i] in fp32; a, b and out may be the same array. */
void ts_alu_floats(unsigned op, const float *a, const float *b, float *out, int64_t n);
/* a op b, reversed b op a, for one b; false: the operator has no such loop. */
bool ts_alu_floats_by(unsigned op, const float *a, float b, bool is_reversed, float *out, int64_t n);
/* (a op[0] number[0]) op[1] b at once, b NULL: op[1] number[1], where ts_alu_is_two; reversed as above. Each
   operator rounds. a, b and out may be the same array. */
typedef struct ts_alu_two {
    uint8_t op[2];
    bool is_reversed[2];
    float number[2];
} ts_alu_two;
bool ts_alu_is_two(const ts_alu_two *two);
void ts_alu_floats_two(const ts_alu_two *two, const float *a, const float *b, float *out, int64_t n);
/* One operator on arrays of bf16, rounded to nearest even, where the operator is one of these: two arrays, an
   array by a number, a number by an array. */
bool ts_alu_is_bf16(unsigned op);
void ts_alu_bf16(unsigned op, const uint16_t *a, const uint16_t *b, uint16_t *out, int64_t n);
void ts_alu_bf16_by(unsigned op, const uint16_t *a, float b, uint16_t *out, int64_t n);
void ts_alu_bf16_of(unsigned op, float b, const uint16_t *a, uint16_t *out, int64_t n);
/* Exact 32-bit integers, wrapping; compare and logical operators give 1 or 0. Shifts take `width` bits. */
void ts_alu_ints(unsigned op, bool is_signed, int width, const uint32_t *a, const uint32_t *b, uint32_t *out,
                 int64_t n);
/* One operator on one pair. */
float ts_alu_float(unsigned op, float a, float b);
/* Whether the operator has this instruction work on integers as they are stored. */
bool ts_alu_is_integer(const ts_inst *inst, unsigned op, unsigned dtype1, unsigned dtype2);

/* result[i] = mask[i] & keep ? yes[i] : no[i], elements of `size` bytes. */
void ts_blend(int size, const uint32_t *mask, uint32_t keep, const void *yes, const void *no, void *result,
              int64_t n);
/* `total` folded with n elements of a row; max and min in any order, the others left to right. */
float ts_fold_row(unsigned op, const float *row, int64_t n, float total);

/* The accumulators of an instruction's engine, one a partition, and what it does with them. */
typedef struct ts_accumulation {
    uint8_t *base; /* that of the first partition */
    int64_t pitch; /* bytes */
    uint8_t op, cmd;
    bool has_result, is_negated;
    ts_rows result;   /* one element a partition, of the accumulators in the end */
    ts_column loaded; /* load_reduce: what they begin with */
} ts_accumulation;
/* Resolves `result` (space none: nothing is read out) for an instruction that works in the partitions of dst;
   op and cmd are set. Sources must then be protected from the result. */
void ts_accumulation_get(ts_operand_set *set, const ts_ap *result, const ts_rows *dst, ts_accumulation *a);
/* Where the accumulator of a partition starts, and where it ends up. */
float ts_accumulation_begin(const ts_accumulation *a, int64_t part);
void ts_accumulation_end(const ts_accumulation *a, int64_t part, float total);

double ts_act_ns(unsigned func);
/* out[i] = func(in[i]); the arrays may be the same. Every level that the CPU has gives the same bits. */
void ts_act_floats(ts_isa isa, unsigned func, const float *in, float *out, int64_t n);
/* Floats far away that are read or written soon. */
typedef struct ts_next {
    const float *at; /* NULL: none */
    bool is_written;
} ts_next;
/* out[i] = func(in[i] * scale + bias) at once, NULL leaving either out; false, and anything in `out`, where
   the function or the values want more than one pass. On the way the n floats of `next` are fetched. */
bool ts_act_try(ts_isa isa, unsigned func, const float *in, const float *scale, const float *bias,
                ts_next next, float *out, int64_t n);
/* The part of it in act_unit.c. */
void ts_act_units(unsigned func, const float *in, float *out, int64_t n);
/* The plain twin, within 1 ULP. */
void ts_act_ref(unsigned func, const float *in, float *out, int64_t n);

/* Rows folded side by side with add: their chains are independent, the order in each is kept. rows[lane] for
   all TS_LANES lanes must be readable; totals[lane] is where each chain stands. */
enum { TS_LANES = 16 };
void ts_fold_add(const float *const *rows, int64_t n, float *totals);

#endif
