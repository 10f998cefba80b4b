/* Rules about the engines: what the PE array multiplies and how full it is, passes of VectorE, and engines
   that wait for themselves or for each other. */
#include "report/advice.h"
#include "report/figures.h"

static const ts_inst_nc_matmul *as_matmul(const ts_inst *inst) {
    return inst->op == ts_op_nc_matmul ? (const ts_inst_nc_matmul *)inst : NULL;
}

/* ---- the PE array ---- */

static void fp32_matmul(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    ts_time all = ts_advise_busy(to->report, ts_op_nc_matmul, ts_engine_tensor);
    bool has_fp32 = false;
    for (uint32_t at = 0; at < to->report->program->code.count; at++) {
        const ts_inst_nc_matmul *matmul = as_matmul(to->report->program->code.data[at]);
        has_fp32 |= matmul && matmul->moving.dtype == ts_dtype_f32;
    }
    if (!has_fp32 || all * 100 < record->total) return;
    ts_advice *advice = ts_advise(
        to, "A7", "edit", ts_bound_tensor, "Multiply in bf16",
        "cast both operands of the matmul to jnp.bfloat16 and keep preferred_element_type=jnp.float32, so "
        "that sums stay fp32; or NEURON_CC_FLAGS=--auto-cast=matmult",
        "products of 8-bit mantissas");
    advice->has_chip = true;
    advice->chip.fp32_matmul_passes = 1;
    ts_text out = {0};
    ts_text_format(&out, "float32 operands take %.0f passes of the PE array; matmuls keep Tensor busy for ",
                   record->chip.fp32_matmul_passes);
    ts_figure_time(&out, all);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

static void transposes(ts_advisor *to) {
    const ts_program *program = to->report->program;
    ts_time busy = ts_advise_busy(to->report, ts_op_nc_transpose, ts_engine_none);
    if (busy * 100 < to->report->record.total) return;
    ts_advice *advice =
        ts_advise(to, "A4", "bound", ts_bound_count, "Save transposes",
                  "store a weight transposed once, outside the step; swap the operands of a matmul", "");
    ts_advise_work(to, advice);
    for (uint32_t at = 0; at < program->code.count; at++)
        if (program->code.data[at]->op == ts_op_nc_transpose) advice->work[at] = 0;
    ts_text out = {0};
    ts_figure_time(&out, busy);
    ts_text_add(&out, " of engine time transposes tiles, ");
    ts_figure_percent(&out, ts_figure_share(busy, to->report->record.total));
    ts_text_add(&out, " of the step's length");
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* Rows, columns and moving elements of a matmul. */
typedef struct fill {
    double rows, columns, moving;
} fill;

static fill fill_of(const ts_inst_nc_matmul *matmul) {
    return (fill){matmul->stationary.parts.max, (double)ts_advise_elems(&matmul->stationary),
                  (double)ts_advise_elems(&matmul->moving)};
}

/* The share of a matmul's time that it would take if others shared the array with it: the array splits into
   tiles of 32 rows, stationary operands with the same moving rows lie side by side, and short moving operands
   follow each other. */
static double part_when_filled(const ts_report *report, fill f) {
    double rows = 32 * (double)(((int64_t)f.rows + 31) / 32), least = report->record.chip.min_ii_cycles;
    double part = rows / 128 * (f.columns < 128 ? f.columns / 128 : 1);
    return f.moving < least ? part * f.moving / least : part;
}

/* The mean of all matmuls, weighted by the time they take; 0 rows when there are none. */
static fill mean_fill(const ts_report *report) {
    const ts_program *program = report->program;
    double weight = 0, least = report->record.chip.min_ii_cycles;
    fill sum = {0};
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst_nc_matmul *matmul = as_matmul(program->code.data[at]);
        if (!matmul || matmul->is_stationary_onezero) continue;
        fill f = fill_of(matmul);
        double own = (double)report->record.lives.data[at].count * (f.moving > least ? f.moving : least);
        weight += own;
        sum.rows += own * f.rows;
        sum.columns += own * f.columns;
        sum.moving += own * f.moving;
    }
    if (weight <= 0) return (fill){0};
    return (fill){sum.rows / weight, sum.columns / weight, sum.moving / weight};
}

static void underfilled(ts_advisor *to) {
    const ts_report *report = to->report;
    const ts_program *program = report->program;
    ts_time busy = ts_advise_busy(report, ts_op_nc_matmul, ts_engine_tensor);
    fill mean = mean_fill(report);
    bool is_full = mean.rows >= 96 && mean.columns >= 96 && mean.moving >= 128;
    if (mean.rows <= 0 || busy * 50 < report->record.total || is_full) return;
    ts_advice *advice = ts_advise(to, "A8", "bound", ts_bound_count, "Fill the PE array",
                                  "contract over 128 or more, several heads or small matmuls in one batched "
                                  "product; put the longer free axis on the moving side",
                                  "");
    ts_advise_work(to, advice);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst_nc_matmul *matmul = as_matmul(program->code.data[at]);
        if (matmul && !matmul->is_stationary_onezero)
            advice->work[at] = (float)part_when_filled(report, fill_of(matmul));
    }
    ts_text out = {0};
    ts_text_format(&out,
                   "matmuls fill %.0f of 128 rows and %.0f of 128 columns and move %.0f elements a row on "
                   "average; they keep Tensor busy for ",
                   mean.rows, mean.columns, mean.moving);
    ts_figure_time(&out, busy);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

void ts_advise_matmuls(ts_advisor *to) {
    transposes(to);
    fp32_matmul(to);
    underfilled(to);
}

/* ---- Vector ---- */

/* A sum, difference or product of two tensors in SBUF with fp32 operands takes VectorE two cycles per
   element; with bf16 operands, one. */
static bool is_wide_pair(const ts_inst *inst) {
    if (inst->op != ts_op_tensor_tensor || inst->engine != ts_engine_vector) return false;
    const ts_inst_tensor_tensor *pair = (const ts_inst_tensor_tensor *)inst;
    return pair->data1.space == ts_space_sbuf && pair->data2.space == ts_space_sbuf &&
           (pair->data1.dtype == ts_dtype_f32 || pair->data2.dtype == ts_dtype_f32) &&
           (pair->op == ts_alu_add || pair->op == ts_alu_subtract || pair->op == ts_alu_multiply);
}

static void vector_passes(ts_advisor *to) {
    const ts_report *report = to->report;
    const ts_program *program = report->program;
    const ts_chip *chip = &report->record.chip;
    double cycles = 0;
    ts_time all = report->record.busy[ts_engine_vector];
    float *parts = TS_NEW_ARRAY(&to->report->arena, float, program->code.count + 1);
    for (uint32_t at = 0; at < program->code.count; at++) {
        parts[at] = 1;
        if (!is_wide_pair(program->code.data[at])) continue;
        double elems =
            (double)ts_advise_elems(&((const ts_inst_tensor_tensor *)program->code.data[at])->data1);
        double least = chip->min_ii_cycles, before = 2 * elems > least ? 2 * elems : least;
        double after = elems > least ? elems : least;
        before += chip->issue_overhead_cycles;
        cycles += (double)report->record.lives.data[at].count * before;
        parts[at] = (float)((after + chip->issue_overhead_cycles) / before);
    }
    ts_time wide = ts_cycles_time(cycles, chip->vector_ghz);
    if (wide * 5 < all || report->record.bound[ts_bound_vector] * 50 < report->record.total) return;
    ts_advice *advice =
        ts_advise(to, "A2", "edit", ts_bound_count, "Combine tensors in bf16",
                  "keep both sides of elementwise sums and products in jnp.bfloat16, or make one side a "
                  "scalar or a column: then an element takes one cycle instead of two",
                  "8 bits of mantissa in what is combined");
    advice->what_if.work = advice->work = parts;
    ts_text out = {0};
    ts_figure_time(&out, wide);
    ts_text_add(&out, " of Vector's ");
    ts_figure_time(&out, all);
    ts_text_add(&out, " add or multiply two float32 tensors, at two cycles an element");
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* The activation whose result the reduction at `at` sums, recorded shortly before it in the same loop; NULL:
   none. */
static const ts_inst_activation *summed_activation(const ts_program *program, uint32_t at) {
    enum { NEAR = 8 };
    const ts_inst_tensor_reduce *reduce = (const ts_inst_tensor_reduce *)program->code.data[at];
    if (reduce->op != ts_alu_add && reduce->op != ts_alu_max) return NULL;
    for (uint32_t back = 1; back <= NEAR && back <= at; back++) {
        const ts_inst *inst = program->code.data[at - back];
        if (inst->op == ts_op_loop || inst->op == ts_op_end) return NULL;
        if (inst->op != ts_op_activation) continue;
        const ts_inst_activation *activation = (const ts_inst_activation *)inst;
        if (activation->reduce.space == ts_space_none && reduce->op == ts_alu_add &&
            ts_advise_same(program, &activation->dst, &reduce->data))
            return activation;
    }
    return NULL;
}

static void sums_apart(ts_advisor *to) {
    const ts_report *report = to->report;
    const ts_program *program = report->program;
    float *parts = TS_NEW_ARRAY(&to->report->arena, float, program->code.count + 1);
    double cycles = 0, elems = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        parts[at] = 1;
        if (program->code.data[at]->op != ts_op_tensor_reduce || !summed_activation(program, at)) continue;
        parts[at] = 0;
        double own = (double)ts_advise_elems(&((const ts_inst_tensor_reduce *)program->code.data[at])->data);
        elems += (double)report->record.lives.data[at].count * own;
        cycles +=
            (double)report->record.lives.data[at].count * (own + report->record.chip.issue_overhead_cycles);
    }
    ts_time busy = ts_cycles_time(cycles, report->record.chip.vector_ghz);
    if (busy * 100 < report->record.total) return;
    ts_advice *advice = ts_advise(to, "A18", "edit", ts_bound_count, "Sum while Scalar activates",
                                  "in a kernel give activation its reduce operand; in JAX write the sum "
                                  "right at the exponential, as jax.nn.softmax does",
                                  "");
    advice->what_if.work = advice->work = parts;
    ts_text out = {0};
    ts_figure_time(&out, busy);
    ts_text_add(&out, " of Vector sums what Scalar has just written, ");
    ts_figure_count(&out, elems);
    ts_text_add(&out, " elements a partition in a pass of their own");
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* ---- fixed costs and waits ---- */

static void small_instructions(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    ts_time overhead = 0, all = 0;
    for (uint32_t i = 0; i < record->rows.count; i++) {
        const ts_record_row *row = &record->rows.data[i];
        if (row->op == ts_op_dma_copy || row->engine == ts_engine_none || row->count == 0) continue;
        ts_engine_cost cost = ts_engine_cost_get(&record->chip, (ts_engine)row->engine);
        all += row->busy;
        overhead += (ts_time)row->count * ts_cycles_time(cost.overhead_cycles, cost.ghz);
    }
    if (overhead * 5 < all || all * 20 < record->total) return;
    ts_advice *advice =
        ts_advise(to, "A9", "bound", ts_bound_wait, "Larger instructions",
                  "a larger batch, or one operation over stacked tensors instead of one each", "");
    advice->has_chip = true;
    advice->chip.issue_overhead_cycles = advice->chip.tensor_overhead_cycles = 0;
    advice->chip.min_ii_cycles = 1;
    ts_text out = {0};
    ts_figure_percent(&out, ts_figure_share(overhead, all));
    ts_text_add(&out, " of engine time is the fixed cost of ");
    ts_figure_count(&out, (double)(record->instructions - record->dma_transfers));
    ts_text_add(&out, " instructions");
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* Instructions that wait for the previous result of their own engine. */
static void chains(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    uint64_t count = record->instructions - record->dma_transfers;
    if (count == 0 || record->bound[ts_bound_wait] * 20 < record->total) return;
    ts_advice *advice = ts_advise(to, "A10", "bound", ts_bound_wait, "Break chains of dependent instructions",
                                  "work on two independent tiles in turn, or make each instruction longer: "
                                  "what reads the last result of its own engine waits for it",
                                  "");
    advice->what_if.free = TS_FREE_CHAINS;
    ts_text out = {0};
    ts_figure_time(&out, record->bound[ts_bound_wait]);
    ts_text_format(&out,
                   " of the step waits for results; the mean instruction writes %.0f elements a partition",
                   (double)record->elems / (double)count / 128);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* In three trips of the costliest loop: the time in which any engine or queue works, and the sum of all their
   times. */
static bool take_turns(const ts_report *report, ts_time *any, ts_time *sum) {
    const ts_record *loop = &report->loop_record;
    ts_time covered = 0;
    *any = *sum = 0;
    if (report->loop < 0 || loop->slices_truncated) return false;
    for (uint32_t i = 0; i < loop->slices.count; i++) { /* in order of start */
        const ts_slice *slice = &loop->slices.data[i];
        ts_time start = slice->start > covered ? slice->start : covered;
        *sum += slice->end - slice->start;
        if (slice->end <= start) continue;
        *any += slice->end - start;
        covered = slice->end;
    }
    return *sum > 0 && *any * 10 > *sum * 9;
}

static void turns(ts_advisor *to) {
    ts_time any, sum;
    if (to->report->program->order == ts_order_list || !take_turns(to->report, &any, &sum)) return;
    const ts_report *report = to->report;
    if (report->record.loops.data[report->loop].bound * 10 < report->record.total) return;
    ts_advice *advice =
        ts_advise(to, "A12", "reclock", ts_bound_count, "Let trips of a loop overlap",
                  "split the tile in two, or start the next trip's loads and products before this one's are "
                  "read: the order is the compiler's; a kernel can say order=list",
                  "");
    advice->is_list = true;
    ts_text out = {0};
    ts_text_add(&out, "three trips of the hottest loop keep engines and queues busy for ");
    ts_figure_time(&out, sum);
    ts_text_add(&out, " in all, one at a time for ");
    ts_figure_time(&out, any);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

static void ports(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    if (record->busy[ts_engine_vector] == 0 ||
        record->busy[ts_engine_scalar] + record->busy[ts_engine_gpsimd] == 0)
        return;
    ts_advice *advice =
        ts_advise(to, "A1", "bound", ts_bound_vector, "Let engines take turns on PSUM and SBUF less",
                  "read a matmul's result once, by one engine, straight to the type that is stored", "");
    advice->what_if.free = TS_FREE_PORTS;
    ts_text out = {0};
    ts_text_add(&out, "Vector excludes Scalar from PSUM and GpSimd from SBUF while it runs; they are busy ");
    ts_figure_time(&out, record->busy[ts_engine_vector]);
    ts_text_add(&out, " and ");
    ts_figure_time(&out, record->busy[ts_engine_scalar] + record->busy[ts_engine_gpsimd]);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

static void tables(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    if (record->busy[ts_engine_scalar] == 0) return;
    ts_advice *advice =
        ts_advise(to, "A13", "bound", ts_bound_scalar, "Switch function tables less",
                  "functions of one table in a row: gelu and tanh instead of gelu and exp, say", "");
    advice->what_if.free = TS_FREE_TABLES;
    ts_text out = {0};
    ts_text_format(&out, "each change of table costs %.0f ns on Scalar, which is busy ",
                   record->chip.act_table_load_ns);
    ts_figure_percent(&out, ts_figure_share(record->busy[ts_engine_scalar], record->total));
    ts_text_add(&out, " of the step");
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* Names the routines that no document describes. */
static void off_engine(ts_advisor *to) {
    ts_report *report = to->report;
    const ts_program *program = report->program;
    ts_time busy = 0;
    ts_text out = {0};
    for (unsigned op = 1; op < ts_op_count; op++) {
        ts_time own = ts_op_is_off_engine(op) ? ts_advise_busy(report, op, ts_engine_none) : 0;
        if (own == 0) continue;
        ts_text_format(&out, "%s%s", busy ? ", " : "", ts_op_get(op)->name);
        busy += own;
    }
    if (busy == 0) return;
    ts_advice *advice = ts_advise(
        to, "A14", "bound", ts_bound_count, "Avoid what no engine does",
        "another spelling: a one-hot matmul for a gather, a cheaper function for an exact one, no calls of "
        "Python in a loop",
        "its cost is assumed: no figure is published");
    ts_advise_work(to, advice);
    for (uint32_t at = 0; at < program->code.count; at++)
        if (ts_op_is_off_engine(program->code.data[at]->op)) advice->work[at] = 0;
    ts_text_add(&out, " beside the documented instructions take ");
    ts_figure_time(&out, busy);
    ts_text_format(&out, " for %.2g %% of all elements",
                   100.0 * (double)report->record.off_engine_elems /
                       (double)(report->record.elems ? report->record.elems : 1));
    advice->remedy.evidence = ts_advise_text(to, &out);
}

void ts_advise_engines(ts_advisor *to) {
    vector_passes(to);
    sums_apart(to);
    small_instructions(to);
    chains(to);
    turns(to);
    ports(to);
    tables(to);
    off_engine(to);
}
