/* The inside of a pointwise group: the forms of values in the nest, and functions that emit operations by
   kind. Private to the files that emit groups. */
#ifndef TS_COMPILER_LOWER_POINTWISE_H
#define TS_COMPILER_LOWER_POINTWISE_H

#include "compiler/graph/value_range.h"
#include "compiler/lower/recompute.h"

/* The form of a value in the nest. A tile holds the free axes of the nest over which the value varies; along
   the others it is read with step 0. A column is a tile without axes: one element per partition. */
typedef enum ts_form_kind {
    ts_form_immediate,
    ts_form_column,
    ts_form_tile,
    ts_form_later /* not computed: its only reader applies it (ts_later) */
} ts_form_kind;
typedef struct ts_value_form {
    ts_form_kind kind;
    ts_tile tile;          /* for an immediate: its column, if some instruction needs one, otherwise 0 */
    ts_dtype dtype;        /* type as the engines see it */
    uint32_t axes;         /* bit set of the nest's axes that the tile holds */
    const int64_t *stride; /* step by axis, if the tile has gaps as in HBM; NULL = no gaps */
    int64_t start;         /* with gaps: index of its first element in the tile */
    double value;          /* of an immediate */
    int later;             /* of ts_form_later: index in e->later */
} ts_value_form;

/* data alu scalar, or with is_reversed scalar alu data: one operator of tensor_scalar. */
typedef struct ts_step {
    ts_alu alu;
    bool is_reversed;
    ts_value_form scalar;
} ts_step;
typedef struct ts_later {
    ts_value_form data;
    ts_step step;
} ts_later;

typedef struct ts_group_input {
    ts_value *value;
    ts_value_form form;
    bool is_loaded;
    bool needs_column;            /* an immediate that some instruction can only read from memory */
    int64_t stride[TS_VIEW_RANK]; /* the form's strides, if it has gaps */
} ts_group_input;

/* A sum over the group's rows. Its tiles are added up in `acc`. */
typedef struct ts_column_sum {
    int index, view; /* index of the op; index of its view, which has stride 0 along summed axes */
    ts_value_form acc;
} ts_column_sum;

/* The views for which the nest is cut: a result over the whole space, a row result, the inputs, the sums over
   rows. */
enum { TS_EMIT_WHOLE, TS_EMIT_ROW, TS_EMIT_INPUTS };

/* A reduction of rows that come chunk by chunk: the number of its op, and what has been folded, [rows]. */
typedef struct ts_chunked {
    int index;
    ts_value_form acc;
} ts_chunked;

/* A number in memory, one element per partition, that is set before the group's loops: the bias of a
   function. */
typedef struct ts_number_column {
    double value;
    ts_value_form form;
} ts_number_column;
enum { TS_EMIT_NUMBERS = 4 };

typedef struct ts_emitter {
    ts_lower *lower;
    ts_builder *b;
    ts_group *group;
    ts_group_input inputs[TS_GROUP_INPUTS + 4];
    ts_view views[TS_EMIT_INPUTS + TS_GROUP_INPUTS + 4 + TS_GROUP_SUMS];
    ts_column_sum column[TS_GROUP_SUMS];
    int column_count;
    int input_count;
    int first_reduced;                 /* the first axis of the nest that row values do not have */
    ts_value_form forms[TS_GROUP_OPS]; /* by op: the form of its result */
    ts_fate fate[TS_GROUP_OPS];
    uint64_t needed;                  /* bit set of the ops on which stored results depend */
    ts_later later[TS_GROUP_OPS];     /* by op: the operation that its reader applies */
    ts_value_form sums[TS_GROUP_OPS]; /* by op: reductions made as a by-product; bit set has_sum */
    uint64_t has_sum;
    ts_value_form opposite; /* the negation of the predicate in tile opposite_of, once made */
    ts_tile opposite_of;
    ts_nest nest;
    bool has_spans; /* inputs may be loaded with gaps */
    uint32_t axes;  /* bit set of the free axes over which the current op runs */
    uint32_t fixed; /* those of `axes` along which loops step one position at a time */
    uint32_t fixed_loop[TS_VIEW_RANK];
    double busy[ts_engine_count]; /* ns by engine in the nest's innermost trip */
    uint32_t begin;               /* code position before the group's loops */
    ts_number_column numbers[TS_EMIT_NUMBERS];
    int number_count;
    ts_chunked chunked[TS_GROUP_CHUNKED];
    int chunked_count;
} ts_emitter;

static inline bool ts_dtype_is_float(unsigned dtype) {
    return ts_dtype_get((ts_dtype)dtype)->kind == 'f';
}

static inline bool ts_dtype_is_word(unsigned dtype) {
    return dtype == ts_dtype_i32 || dtype == ts_dtype_u32;
}

/* A tile over the current op's axes, for elements of `dtype`. */
ts_value_form ts_pointwise_tile(ts_emitter *e, unsigned dtype, int slots);
/* The operand for a form, over the current op's axes. An immediate must have its column. */
ts_ap ts_pointwise_ap(const ts_emitter *e, const ts_value_form *form);
/* The same with the reduced axes separate: they are the last `*reduced` dimensions. */
ts_ap ts_pointwise_reduced_ap(const ts_emitter *e, const ts_value_form *form, int *reduced);
uint32_t ts_pointwise_all_axes(const ts_emitter *e); /* bit set of all free axes */
/* The free axes of the nest over which row values vary. */
uint32_t ts_pointwise_row_axes(const ts_emitter *e);
/* The operand with one element per partition. */
ts_ap ts_pointwise_column(const ts_emitter *e, const ts_value_form *form);
int ts_pointwise_views(const ts_emitter *e); /* number of views */
/* The number of elements of a tile along these axes. */
int64_t ts_pointwise_elems(const ts_emitter *e, uint32_t axes);
/* Open loops over the positions of some free axes. Until they are closed by release, operands refer to one
   position. can_fix tells whether so many more loops may be open. */
bool ts_pointwise_can_fix(const ts_emitter *e, uint32_t axes);
void ts_pointwise_fix(ts_emitter *e, uint32_t axes);
void ts_pointwise_release(ts_emitter *e);

/* Emits a group as a nest, in four steps. begin: decides which values are stored and makes views of results
   and inputs over the group's space; the caller then chooses the nest. load: loads the inputs that depend on
   exactly the first `opened` loops. compute: emits the ops from index `first` on, and the stores. end:
   informs readers outside. */
ts_status ts_pointwise_begin(ts_emitter *e);
void ts_pointwise_load(ts_emitter *e, int opened, bool is_looped);
/* Inputs with short runs, such as x[..., :32] and x[:, ::2] (pointwise_span.c). spans: whether a view may be
   one. span_factor: the size of its tile relative to its elements. load_span: loads an input including gaps,
   together with others that have the same runs; false, with nothing emitted, if runs should be loaded one by
   one. */
bool ts_pointwise_spans(const ts_view *view);
bool ts_pointwise_spans_fit(const ts_emitter *e); /* whether the chosen nest suits such inputs */
int64_t ts_pointwise_span_factor(const ts_view *view);
bool ts_pointwise_load_span(ts_emitter *e, int input, bool is_looped);
ts_status ts_pointwise_compute(ts_emitter *e, int first);
ts_status ts_pointwise_end(ts_emitter *e);

/* Engines convert the operands that they read and write. is_cast_by_others: whether a conversion between
   floats is left to its readers, or was already made when `in` was written. caster: the index of the op in
   whose dtype an op's result is written; that is the op itself, or a conversion that is its only reader. */
bool ts_pointwise_is_cast_by_others(const ts_emitter *e, int index, const ts_value_form *in);
int ts_pointwise_caster(const ts_emitter *e, int index);

ts_status ts_pointwise_refuse(ts_emitter *e, const ts_op_node *op);

/* dst = a op b, in fp32 or on bits. Chooses the instruction by the forms of the operands. */
void ts_pointwise_binary(ts_emitter *e, ts_engine engine, const ts_ap *dst, ts_alu alu,
                         const ts_value_form *a, const ts_value_form *b);
/* Whether the op is an ALU operator of two floats. */
bool ts_pointwise_is_operator(const ts_op_node *op);
/* The index of the only op in the group that reads the value and is emitted; -1 when there are several, or
   when it reads the value twice. */
int ts_pointwise_only_reader(const ts_emitter *e, int index);
/* Whether the op takes this operand, if it is a number, as an immediate rather than from memory. */
bool ts_pointwise_takes_number(const ts_emitter *e, const ts_op_node *op, uint32_t operand);
/* Emits one op of the group; its result becomes e->forms[index]. */
ts_status ts_pointwise_emit(ts_emitter *e, int index);

ts_alu ts_pointwise_compare_alu(const ts_op_node *op);
/* The function of ScalarE for the op; ts_act_count = none. */
ts_act ts_pointwise_act(unsigned hlo);

/* ---- pointwise_float.c ---- */

/* Adds `passes` over the op's elements in `count` instructions to the engine's busy time. */
void ts_pointwise_busy(ts_emitter *e, ts_engine engine, double passes, double count);
/* Chooses the engine for a conversion of the op's elements, and adds to its busy time. */
ts_engine ts_pointwise_copier(ts_emitter *e, unsigned dst, unsigned src);
/* The op `index` on two floats. Its result, e->forms[index], may be ts_form_later. */
void ts_pointwise_arithmetic(ts_emitter *e, int index, ts_alu alu, const ts_value_form *a,
                             const ts_value_form *b);
void ts_pointwise_function(ts_emitter *e, int index, ts_act func, const ts_value_form *in);
/* in * in, and the sum of fp32 rows, on ScalarE. False, with nothing emitted, if ScalarE would end later than
   VectorE. */
bool ts_pointwise_square(ts_emitter *e, int index, const ts_value_form *in);
bool ts_pointwise_sum(ts_emitter *e, const ts_value_form *in, const ts_value_form *sum);
/* A select, op `index`, between floats and a number; also the maximum of fp32 rows if the group needs it.
   False, with nothing emitted, for other operands. */
bool ts_pointwise_select(ts_emitter *e, int index, const ts_value_form *const *in);

/* ---- pointwise_int.c ---- */

/* Integer arithmetic, on VectorE where ranges show that fp32 is exact, otherwise on GpSimdE. */
bool ts_pointwise_int_takes_number(const ts_emitter *e, const ts_op_node *op, uint32_t operand);
ts_status ts_pointwise_int(ts_emitter *e, const ts_op_node *op, const ts_ap *dst,
                           const ts_value_form *const *in);
/* dst, an integer no wider than `from`, gets its low bytes. */
void ts_pointwise_low_bytes(ts_emitter *e, const ts_ap *dst, const ts_value_form *from);

/* ---- pointwise_convert.c ---- */
ts_status ts_pointwise_convert(ts_emitter *e, const ts_op_node *op, const ts_ap *dst,
                               const ts_value_form *from);
ts_status ts_pointwise_reduce_precision(ts_emitter *e, const ts_op_node *op, const ts_value_form *dst,
                                        const ts_value_form *from);

/* ---- group_sums.c ---- */

/* Sums over rows: their views, after those of the inputs; whether the chosen nest suits them; and the code
   before its loops, for each trip's data, and after its loops. */
void ts_pointwise_sum_views(ts_emitter *e);
bool ts_pointwise_sums_fit(const ts_emitter *e);
void ts_pointwise_sums_open(ts_emitter *e);
void ts_pointwise_sums_add(ts_emitter *e, int index, const ts_value_form *data);
void ts_pointwise_sums_close(ts_emitter *e);
/* group_chunked.c: before the loops over chunks of rows, with each chunk's reduction, and after those loops.
 */
void ts_pointwise_chunked_open(ts_emitter *e);
void ts_pointwise_chunked_fold(ts_emitter *e, int index, ts_alu alu, const ts_value_form *chunk);
void ts_pointwise_chunked_close(ts_emitter *e);
/* Stores the result of op number `index`, whole or one element a row, for the trip of the open loops. */
void ts_pointwise_store(ts_emitter *e, int index, const ts_value_form *form, int queue);
/* The number from which a reduction starts. */
double ts_pointwise_start(const ts_emitter *e, const ts_op_node *op);

/* Whether the op only gives its operand's bits another dtype of the same width. */
bool ts_pointwise_is_relabel(const ts_op_node *op);

#endif
