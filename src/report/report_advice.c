/* What to change: patterns in the record, each with two figures of evidence, and its gain from the clock. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/report.h"

enum { MOST_RULES = 16 };

typedef struct advice {
    ts_report_remedy remedy;
    ts_what_if what_if;
    ts_chip chip; /* of the what-if, when it edits one */
    bool has_chip;
    unsigned of; /* bound by which the line is chosen; ts_bound_count = none */
} advice;

typedef struct rules {
    ts_report *report;
    advice at[MOST_RULES];
    int count;
} rules;

static advice *add(rules *r, const char *id, const char *method, unsigned of, const char *title,
                   const char *action, const char *cost) {
    advice *rule = &r->at[r->count++];
    rule->remedy =
        (ts_report_remedy){.id = id, .method = method, .title = title, .action = action, .cost = cost};
    rule->of = of;
    rule->chip = r->report->record.chip;
    return rule;
}

static const char *text(rules *r, ts_text *out) {
    const char *copy = ts_arena_string(&r->report->arena, out->data ? out->data : "");
    ts_text_free(out);
    return copy;
}

static ts_time busy_of(const ts_report *report, unsigned op, unsigned engine) {
    ts_time sum = 0;
    for (uint32_t i = 0; i < report->record.rows.count; i++) {
        const ts_record_row *row = &report->record.rows.data[i];
        if (row->op == op && (engine == ts_engine_none || row->engine == engine)) sum += row->busy;
    }
    return sum;
}

static void small_transfers(rules *r) {
    const ts_record *record = &r->report->record;
    uint64_t small = 0, all = 0, descriptors = 0;
    for (int i = 0; i < TS_DMA_SIZES; i++) {
        all += record->sizes[i].bytes;
        descriptors += record->sizes[i].descriptors;
        if (i < 9) small += record->sizes[i].descriptors;
    }
    if (descriptors == 0 || record->bound[ts_bound_dma_descriptors] * 50 < record->total) return;
    advice *rule =
        add(r, "A3", "bound", ts_bound_dma_descriptors, "Move longer contiguous rows",
            "keep the axis that is sliced, transposed or broadcast out of the innermost place, so that "
            "rows in HBM are 512 B or longer; pad a short last axis",
            "");
    rule->what_if.free = 1u << ts_bound_dma_descriptors;
    ts_text out = {0};
    ts_text_format(&out, "%.0f %% of ", 100.0 * (double)small / (double)descriptors);
    ts_figure_count(&out, (double)descriptors);
    ts_text_add(&out, " descriptors carry less than 512 B; the mean is ");
    ts_figure_bytes(&out, (double)all / (double)descriptors);
    rule->remedy.evidence = text(r, &out);
}

static void queues(rules *r) {
    const ts_record *record = &r->report->record;
    uint64_t held = 0;
    for (uint32_t i = 0; i < record->queues.count; i++)
        held += record->queues.data[i].held;
    if (record->dma_transfers == 0 || held * 10 < record->dma_transfers) return;
    advice *rule =
        add(r, "A3", "bound", ts_bound_dma_queue, "Fewer transfers on each queue",
            "one larger transfer for several tiles: stack small tensors that are used together", "");
    rule->what_if.free = 1u << ts_bound_dma_queue;
    ts_text out = {0};
    ts_text_format(&out, "%llu of %llu transfers wait for their queue, %u queues are in use",
                   (unsigned long long)held, (unsigned long long)record->dma_transfers, record->queues.count);
    rule->remedy.evidence = text(r, &out);
}

static void latency(rules *r) {
    const ts_record *record = &r->report->record;
    if (record->bound[ts_bound_dma_latency] * 33 < record->total) return;
    advice *rule =
        add(r, "A11", "bound", ts_bound_dma_latency, "Hide or save DMA round trips",
            "fuse what depends on each other into one jitted function, and make operations larger: each "
            "dependent transfer pays its latency once, whatever its size",
            "");
    rule->what_if.free = 1u << ts_bound_dma_latency;
    ts_text out = {0};
    ts_text_add(&out, "");
    ts_figure_time(&out, record->bound[ts_bound_dma_latency]);
    ts_text_format(&out, " of the step waits for first bytes and completions; the mean transfer moves ");
    ts_figure_bytes(&out, record->dma_transfers ? (double)(record->hbm_read_bytes + record->hbm_write_bytes) /
                                                      (double)record->dma_transfers
                                                : 0);
    rule->remedy.evidence = text(r, &out);
}

/* Transfers of values that another part of the program wrote to HBM. */
static void through_hbm(rules *r) {
    ts_report *report = r->report;
    const ts_program *program = report->program;
    uint8_t *codes = TS_NEW_ARRAY(&report->arena, uint8_t, program->code.count + 1);
    uint64_t bytes = 0, all = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        if (program->code.data[at]->op != ts_op_dma_copy) continue;
        const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)program->code.data[at];
        const ts_ap *sides[2] = {&dma->dst, &dma->src};
        all += report->record.lives.data[at].bytes;
        for (int i = 0; i < 2; i++)
            if (sides[i]->space == ts_space_hbm &&
                program->tensors.data[sides[i]->tensor].kind == ts_tensor_scratch)
                codes[at] = 1;
        if (codes[at]) bytes += report->record.lives.data[at].bytes;
    }
    if (all == 0 || bytes * 4 < all) return;
    advice *rule =
        add(r, "A6", "bound", ts_bound_count, "Keep values on the chip between operations",
            "smaller tiles or batches so that a layer's values fit SBUF; the placement itself is the "
            "compiler's: a hand-written kernel can keep them there",
            "");
    rule->what_if.free_codes = codes;
    ts_text out = {0};
    ts_figure_bytes(&out, (double)bytes);
    ts_text_add(&out, " of ");
    ts_figure_bytes(&out, (double)all);
    ts_text_add(&out, " moved are results that go to HBM and come back");
    rule->remedy.evidence = text(r, &out);
}

static void bytes(rules *r) {
    const ts_record *record = &r->report->record;
    const ts_program *program = r->report->program;
    uint64_t wide = 0, all = 0;
    for (uint32_t i = 0; i < r->report->tensors.count; i++) {
        const ts_report_tensor *tensor = &r->report->tensors.data[i];
        uint64_t moved = tensor->loaded + tensor->stored;
        all += moved;
        if (program->tensors.data[tensor->tensor].dtype == ts_dtype_f32) wide += moved;
    }
    if (record->bound[ts_bound_dma_bytes] * 33 < record->total || wide * 2 < all) return;
    advice *rule = add(r, "A19", "edit", ts_bound_dma_bytes, "Store in bf16 what travels",
                       "cast parameters or activations to jnp.bfloat16 where they are stored",
                       "8 bits of mantissa instead of 24");
    rule->has_chip = true;
    rule->chip.dma_engine_bytes_per_ns *= 2;
    rule->chip.hbm_bytes_per_ns *= 2;
    ts_text out = {0};
    ts_text_format(&out, "%.0f %% of the bytes moved are float32; bytes bound ",
                   100.0 * (double)wide / (double)all);
    ts_figure_time(&out, record->bound[ts_bound_dma_bytes]);
    rule->remedy.evidence = text(r, &out);
}

static void fp32_matmul(rules *r) {
    const ts_record *record = &r->report->record;
    ts_time fp32 = 0, all = busy_of(r->report, ts_op_nc_matmul, ts_engine_tensor);
    for (uint32_t at = 0; at < r->report->program->code.count; at++) {
        const ts_inst *inst = r->report->program->code.data[at];
        if (inst->op == ts_op_nc_matmul && ((const ts_inst_nc_matmul *)inst)->moving.dtype == ts_dtype_f32)
            fp32++;
    }
    if (fp32 == 0 || all * 100 < record->total) return;
    advice *rule = add(r, "A7", "edit", ts_bound_tensor, "Multiply in bf16",
                       "cast both operands of the matmul to jnp.bfloat16 and keep "
                       "preferred_element_type=jnp.float32: sums stay fp32",
                       "products of 8-bit mantissas");
    rule->has_chip = true;
    rule->chip.fp32_matmul_passes = 1;
    ts_text out = {0};
    ts_text_format(&out, "float32 operands take %.0f passes of the PE array; matmuls keep Tensor busy for ",
                   record->chip.fp32_matmul_passes);
    ts_figure_time(&out, all);
    rule->remedy.evidence = text(r, &out);
}

static void transposes(rules *r) {
    ts_time busy = busy_of(r->report, ts_op_nc_transpose, ts_engine_none);
    if (busy * 100 < r->report->record.total) return;
    advice *rule = add(r, "A4", "bound", ts_bound_count, "Save transposes",
                       "store a weight transposed once, outside the step; swap the operands of a matmul", "");
    rule->what_if.free_ops = (uint64_t)1 << ts_op_nc_transpose;
    ts_text out = {0};
    ts_figure_time(&out, busy);
    ts_text_add(&out, " of engine time transposes tiles, ");
    ts_figure_percent(&out, ts_figure_share(busy, r->report->record.total));
    ts_text_add(&out, " of the step's length");
    rule->remedy.evidence = text(r, &out);
}

static void vector_passes(rules *r) {
    ts_time wide = busy_of(r->report, ts_op_tensor_tensor, ts_engine_vector) +
                   busy_of(r->report, ts_op_scalar_tensor_tensor, ts_engine_vector);
    ts_time all = r->report->record.busy[ts_engine_vector];
    if (wide * 5 < all || r->report->record.bound[ts_bound_vector] * 50 < r->report->record.total) return;
    advice *rule =
        add(r, "A2", "edit", ts_bound_vector, "Give Vector one fp32 input instead of two",
            "make one input bf16, or write the expression so that one side is a scalar or a column",
            "8 bits of mantissa where the input is bf16");
    rule->what_if.half_ops = (uint64_t)1 << ts_op_tensor_tensor | (uint64_t)1 << ts_op_scalar_tensor_tensor;
    ts_text out = {0};
    ts_figure_time(&out, wide);
    ts_text_add(&out, " of Vector's ");
    ts_figure_time(&out, all);
    ts_text_add(&out, " combine two tensors, which takes two cycles an element");
    rule->remedy.evidence = text(r, &out);
}

static void small_instructions(rules *r) {
    const ts_record *record = &r->report->record;
    ts_time overhead = 0, all = 0;
    for (uint32_t i = 0; i < record->rows.count; i++) {
        const ts_record_row *row = &record->rows.data[i];
        if (row->op == ts_op_dma_copy || row->engine == ts_engine_none || row->count == 0) continue;
        ts_engine_cost cost = ts_engine_cost_get(&record->chip, (ts_engine)row->engine);
        all += row->busy;
        overhead += (ts_time)row->count * ts_cycles_time(cost.overhead_cycles, cost.ghz);
    }
    if (overhead * 5 < all || all * 20 < record->total) return;
    advice *rule = add(r, "A9", "bound", ts_bound_wait, "Larger instructions",
                       "a larger batch, or one operation over stacked tensors instead of one each", "");
    rule->has_chip = true;
    rule->chip.issue_overhead_cycles = rule->chip.tensor_overhead_cycles = 0;
    rule->chip.min_ii_cycles = 1;
    ts_text out = {0};
    ts_figure_percent(&out, ts_figure_share(overhead, all));
    ts_text_add(&out, " of engine time is the fixed cost of ");
    ts_figure_count(&out, (double)(record->instructions - record->dma_transfers));
    ts_text_add(&out, " instructions");
    rule->remedy.evidence = text(r, &out);
}

static void others(rules *r) {
    const ts_record *record = &r->report->record;
    ts_text out = {0};
    if (record->launch * 5 > record->total) {
        advice *rule =
            add(r, "A16", "bound", ts_bound_count, "Launch less often",
                "several steps in one program: jax.lax.scan over batches, or trainstone run --steps", "");
        rule->what_if.free = 1u << ts_bound_launch;
        ts_figure_time(&out, record->launch);
        ts_text_format(&out, " of the step is the launch, %.0f %%",
                       100 * ts_figure_share(record->launch, record->total));
        rule->remedy.evidence = text(r, &out);
    }
    uint64_t off = 0;
    ts_time busy = 0;
    for (unsigned op = 1; op < ts_op_count; op++)
        if (ts_op_is_off_engine(op) && busy_of(r->report, op, ts_engine_none) > 0) {
            off |= (uint64_t)1 << op;
            busy += busy_of(r->report, op, ts_engine_none);
        }
    if (off) {
        advice *rule =
            add(r, "A14", "bound", ts_bound_gpsimd, "Avoid what no engine does",
                "another spelling: a one-hot matmul for a gather, a cheaper function for an exact one",
                "its cost is assumed: no figure is published");
        rule->what_if.free_ops = off;
        ts_figure_time(&out, busy);
        ts_text_format(&out, " in routines beside the documented instructions, %.2g %% of all elements",
                       100.0 * (double)record->off_engine_elems /
                           (double)(record->elems ? record->elems : 1));
        rule->remedy.evidence = text(r, &out);
    }
    advice *ports =
        add(r, "A1", "bound", ts_bound_vector, "Let engines take turns on PSUM and SBUF less",
            "read a matmul's result once, by one engine, straight to the type that is stored", "");
    ports->what_if.free = TS_FREE_PORTS;
    ports->remedy.evidence = "Vector excludes Scalar from PSUM and GpSimd from SBUF while it runs";
    advice *reuse =
        add(r, "A11", "bound", ts_bound_wait, "One more buffer",
            "smaller tiles leave room for another buffer, so that a load need not wait for its place", "");
    reuse->what_if.free = TS_FREE_REUSE;
    ts_text_format(&out,
                   "%.0f of %.0f KiB a partition are in use at most, and writes wait for earlier readers",
                   r->report->sbuf_peak / 1024.0, record->chip.sbuf_partition_bytes / 1024);
    reuse->remedy.evidence = text(r, &out);
    advice *tables = add(r, "A13", "bound", ts_bound_scalar, "Switch function tables less",
                         "functions of one table in a row: gelu and tanh instead of gelu and exp, say", "");
    tables->what_if.free = TS_FREE_TABLES;
    ts_text_format(&out, "each change of table costs %.0f ns on Scalar, which is busy ",
                   record->chip.act_table_load_ns);
    ts_figure_percent(&out, ts_figure_share(record->busy[ts_engine_scalar], record->total));
    tables->remedy.evidence = text(r, &out);
}

static int by_gain(const void *a, const void *b) {
    const advice *x = a, *y = b;
    if (x->remedy.gain != y->remedy.gain) return x->remedy.gain > y->remedy.gain ? -1 : 1;
    return strcmp(x->remedy.title, y->remedy.title);
}

static uint32_t line_of(const ts_report *report, unsigned bound) {
    uint32_t best = 0;
    if (bound >= ts_bound_count || report->lines.count == 0) return 0;
    for (uint32_t i = 1; i < report->lines.count; i++)
        if (report->lines.data[i].bounds[bound] > report->lines.data[best].bounds[bound]) best = i;
    return report->lines.data[best].bounds[bound] > 0 ? best + 1 : 0;
}

/* All that is shown, in one run. Chips that were edited join where they differ from the one asked for. */
static ts_status join(rules *r, int shown, const ts_report_options *options, ts_diag *diag) {
    ts_report *report = r->report;
    const ts_chip *asked = &report->record.chip;
    ts_chip chip = *asked;
    uint8_t *codes = TS_NEW_ARRAY(&report->arena, uint8_t, report->program->code.count + 1);
    ts_what_if all = {.chip = &chip, .free_codes = codes};
    for (int i = 0; i < shown; i++) {
        const ts_what_if *one = &r->at[i].what_if;
        all.free |= one->free;
        all.free_ops |= one->free_ops;
        all.half_ops |= one->half_ops;
        for (uint32_t at = 0; one->free_codes && at < report->program->code.count; at++)
            codes[at] |= one->free_codes[at];
        for (int p = 0; r->at[i].has_chip && p < ts_param_count(); p++)
            if (ts_param_value(&r->at[i].chip, p) != ts_param_value(asked, p))
                memcpy((char *)&chip + ts_param_at(p)->offset,
                       (const char *)&r->at[i].chip + ts_param_at(p)->offset, sizeof(double));
    }
    ts_time total;
    TS_TRY(ts_report_clock(report, options, &all, 1, &total, diag));
    report->together = total < report->record.total ? report->record.total - total : 0;
    return ts_ok;
}

ts_status ts_report_advise(ts_report *report, const ts_report_options *options, ts_diag *diag) {
    rules *r = TS_NEW(&report->arena, rules);
    r->report = report;
    small_transfers(r);
    queues(r);
    latency(r);
    through_hbm(r);
    bytes(r);
    fp32_matmul(r);
    transposes(r);
    vector_passes(r);
    small_instructions(r);
    others(r);
    ts_what_if what_ifs[MOST_RULES];
    ts_time totals[MOST_RULES];
    for (int i = 0; i < r->count; i++) {
        what_ifs[i] = r->at[i].what_if;
        if (r->at[i].has_chip) what_ifs[i].chip = &r->at[i].chip;
    }
    TS_TRY(ts_report_clock(report, options, what_ifs, r->count, totals, diag));
    for (int i = 0; i < r->count; i++)
        r->at[i].remedy.gain = totals[i] < report->record.total ? report->record.total - totals[i] : 0;
    qsort(r->at, (size_t)r->count, sizeof r->at[0], by_gain);
    int shown = 0;
    while (shown < r->count && shown < TS_REPORT_REMEDIES &&
           r->at[shown].remedy.gain * 200 >= report->record.total && r->at[shown].remedy.gain > 0)
        shown++;
    for (int i = 0; i < shown; i++) {
        r->at[i].remedy.line = line_of(report, r->at[i].of);
        ts_vec_push(&report->remedies, &report->arena, r->at[i].remedy);
    }
    return shown ? join(r, shown, options, diag) : ts_ok;
}
