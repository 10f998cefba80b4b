/* Inside a pointwise group: how values are at hand in the nest, and the emitters of operations by kind.
   Private to lower_pointwise.c, pointwise_*.c and recipe.c. */
#ifndef TS_COMPILER_LOWER_POINTWISE_H
#define TS_COMPILER_LOWER_POINTWISE_H

#include "compiler/graph/value_range.h"
#include "compiler/lower/recompute.h"

/* How a value is at hand: a tile holds the free axes of the nest that the value varies over, and is read with
   step 0 along the others. A column is a tile of no axes: one element a partition. */
typedef enum ts_form_kind {
    ts_form_immediate,
    ts_form_column,
    ts_form_tile,
    ts_form_later /* nowhere yet: its one reader takes the step along (ts_later) */
} ts_form_kind;
typedef struct ts_value_form {
    ts_form_kind kind;
    ts_tile tile;          /* of an immediate: its column, where some instruction needs one; else 0 */
    ts_dtype dtype;        /* as engines see it */
    uint32_t axes;         /* a bit for each axis of the nest that the tile holds */
    const int64_t *stride; /* by axis, where the tile lies as in HBM, gaps included; NULL = without gaps */
    int64_t start;         /* of that: its first element in the tile */
    double value;          /* immediate */
    int later;             /* number of the op that waits */
} ts_value_form;

/* data alu scalar, or scalar alu data: one operator of tensor_scalar. */
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
    int64_t stride[TS_VIEW_RANK]; /* its form's, where that has gaps */
} ts_group_input;

/* A sum over the group's rows: its tiles are added up in `acc`. */
typedef struct ts_column_sum {
    int index, view; /* numbers of the op and of its view, with stride 0 along what is summed */
    ts_value_form acc;
} ts_column_sum;

/* The views that the nest is cut for: of a result over the whole space, of a row result, of the inputs and of
   the sums over rows. */
enum { TS_EMIT_WHOLE, TS_EMIT_ROW, TS_EMIT_INPUTS };

/* A number in memory, one element a partition, that was set before the group's loops: as bias of a function.
 */
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
    int first_reduced;                 /* axes of the nest from here on are not those of row values */
    ts_value_form forms[TS_GROUP_OPS]; /* of each op's result */
    ts_fate fate[TS_GROUP_OPS];
    uint64_t needed;                  /* bits by number: ops that something stored depends on */
    ts_later later[TS_GROUP_OPS];     /* of ops whose form says so */
    ts_value_form sums[TS_GROUP_OPS]; /* of reductions that were made on the way, as bits of has_sum say */
    uint64_t has_sum;
    ts_value_form opposite; /* of the predicate in this tile, once it was made */
    ts_tile opposite_of;
    ts_nest nest;
    bool has_spans; /* inputs may be loaded with gaps */
    uint32_t axes;  /* free axes that the op being emitted runs over */
    uint32_t fixed; /* of these, axes along which loops step over single positions */
    uint32_t fixed_loop[TS_VIEW_RANK];
    double busy[ts_engine_count]; /* of the nest's innermost trip, ns */
    uint32_t begin;               /* position in the program before the group's loops */
    ts_number_column numbers[TS_EMIT_NUMBERS];
    int number_count;
} ts_emitter;

static inline bool ts_dtype_is_float(unsigned dtype) {
    return ts_dtype_get((ts_dtype)dtype)->kind == 'f';
}

static inline bool ts_dtype_is_word(unsigned dtype) {
    return dtype == ts_dtype_i32 || dtype == ts_dtype_u32;
}

/* A tile over the op's axes, for elements of `dtype`. */
ts_value_form ts_pointwise_tile(ts_emitter *e, unsigned dtype, int slots);
/* The form over the op's axes. An immediate must have its column. */
ts_ap ts_pointwise_ap(const ts_emitter *e, const ts_value_form *form);
/* The same with the reduced axes apart, the last `*reduced` dimensions. */
ts_ap ts_pointwise_reduced_ap(const ts_emitter *e, const ts_value_form *form, int *reduced);
uint32_t ts_pointwise_all_axes(const ts_emitter *e); /* the free ones */
/* The free axes of the nest that a row value varies over. */
uint32_t ts_pointwise_row_axes(const ts_emitter *e);
/* One element a partition. */
ts_ap ts_pointwise_column(const ts_emitter *e, const ts_value_form *form);
int ts_pointwise_views(const ts_emitter *e); /* how many there are */
/* Elements of a tile along these axes. */
int64_t ts_pointwise_elems(const ts_emitter *e, uint32_t axes);
/* Loops over the positions of some free axes: until they are released, operands are those of one position.
   can_fix: whether so many more loops may be open. */
bool ts_pointwise_can_fix(const ts_emitter *e, uint32_t axes);
void ts_pointwise_fix(ts_emitter *e, uint32_t axes);
void ts_pointwise_release(ts_emitter *e);

/* A group as a nest, in four steps: what becomes of its values, and views of results and inputs over its
   space (the nest is the caller's to choose); loads of the inputs that wait for the first `opened` loops and
   no more; the ops from number `first` on, and stores; and what readers outside have to know. */
ts_status ts_pointwise_begin(ts_emitter *e);
void ts_pointwise_load(ts_emitter *e, int opened, bool is_looped);
/* Inputs of short runs, as x[..., :32] and x[:, ::2] (pointwise_span.c). Whether a view may be one; how many
   times its elements the bytes are that its tile needs; and an input's load, gaps and all, together with
   others of the same runs. False, and nothing emitted, where runs are loaded one by one. */
bool ts_pointwise_spans(const ts_view *view);
bool ts_pointwise_spans_fit(const ts_emitter *e); /* the nest that was chosen */
int64_t ts_pointwise_span_factor(const ts_view *view);
bool ts_pointwise_load_span(ts_emitter *e, int input, bool is_looped);
ts_status ts_pointwise_compute(ts_emitter *e, int first);
ts_status ts_pointwise_end(ts_emitter *e);

/* Engines cast what they read and write. Whether a conversion of floats is left to the ops that read it, or
   was made as `in` was written; and the number of the op whose dtype an op's result is written in: its own,
   or that of the conversion that alone reads it. */
bool ts_pointwise_is_cast_by_others(const ts_emitter *e, int index, const ts_value_form *in);
int ts_pointwise_caster(const ts_emitter *e, int index);

ts_status ts_pointwise_refuse(ts_emitter *e, const ts_op_node *op);

/* dst = a op b in fp32 or on bits, choosing the instruction by where the operands are. */
void ts_pointwise_binary(ts_emitter *e, ts_engine engine, const ts_ap *dst, ts_alu alu,
                         const ts_value_form *a, const ts_value_form *b);
/* An ALU operator of two floats. */
bool ts_pointwise_is_operator(const ts_op_node *op);
/* The one op of the group that reads the value and is emitted; -1 when it is not one, or reads it twice. */
int ts_pointwise_only_reader(const ts_emitter *e, int index);
/* Whether the op takes the operand, when it is a number, inside an instruction and not from memory. */
bool ts_pointwise_takes_number(const ts_emitter *e, const ts_op_node *op, uint32_t operand);
/* One op of the group: its result becomes e->forms[index]. */
ts_status ts_pointwise_emit(ts_emitter *e, int index);

ts_alu ts_pointwise_compare_alu(const ts_op_node *op);
/* The function of ScalarE that the op is; ts_act_count = none. */
ts_act ts_pointwise_act(unsigned hlo);

/* pointwise_float.c. Counts so many passes over the op's elements in `count` instructions. */
void ts_pointwise_busy(ts_emitter *e, ts_engine engine, double passes, double count);
/* The engine for a copy of the op's elements between dtypes, counted. */
ts_engine ts_pointwise_copier(ts_emitter *e, unsigned dst, unsigned src);
/* Op number `index`, of two floats: its result is e->forms[index], which may have to wait. */
void ts_pointwise_arithmetic(ts_emitter *e, int index, ts_alu alu, const ts_value_form *a,
                             const ts_value_form *b);
void ts_pointwise_function(ts_emitter *e, int index, ts_act func, const ts_value_form *in);
/* in * in, and the sum of fp32 rows, on ScalarE. False, and nothing emitted, where it has more to do than
   VectorE. */
bool ts_pointwise_square(ts_emitter *e, int index, const ts_value_form *in);
bool ts_pointwise_sum(ts_emitter *e, const ts_value_form *in, const ts_value_form *sum);
/* A select of op number `index` between floats and a number, and the largest of fp32 rows. False, and nothing
   emitted, where it is between others. */
bool ts_pointwise_select(ts_emitter *e, int index, const ts_value_form *const *in);

/* Integer arithmetic (pointwise_int.c): on VectorE where ranges show that fp32 is exact, else on GpSimdE. */
bool ts_pointwise_int_takes_number(const ts_emitter *e, const ts_op_node *op, uint32_t operand);
ts_status ts_pointwise_int(ts_emitter *e, const ts_op_node *op, const ts_ap *dst,
                           const ts_value_form *const *in);
/* dst, an integer of at most as many bytes as `from`, takes its low bytes. */
void ts_pointwise_low_bytes(ts_emitter *e, const ts_ap *dst, const ts_value_form *from);

/* pointwise_convert.c */
ts_status ts_pointwise_convert(ts_emitter *e, const ts_op_node *op, const ts_ap *dst,
                               const ts_value_form *from);
ts_status ts_pointwise_reduce_precision(ts_emitter *e, const ts_op_node *op, const ts_value_form *dst,
                                        const ts_value_form *from);

/* group_sums.c: views of the sums over rows, after those of the inputs; whether the nest that was chosen
   suits them; what comes before its loops, with each trip's data, and after them. */
void ts_pointwise_sum_views(ts_emitter *e);
bool ts_pointwise_sums_fit(const ts_emitter *e);
void ts_pointwise_sums_open(ts_emitter *e);
void ts_pointwise_sums_add(ts_emitter *e, int index, const ts_value_form *data);
void ts_pointwise_sums_close(ts_emitter *e);
/* The number that a reduction starts from. */
double ts_pointwise_start(const ts_emitter *e, const ts_op_node *op);

/* Whether the op's result is its operand's bits under another dtype of the same width. */
bool ts_pointwise_is_relabel(const ts_op_node *op);

#endif
