/* Rules about transfers: descriptors, queues, latency, tensors loaded again, and wide dtypes. */
#include "report/advice.h"
#include "report/figures.h"

static void small_transfers(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    uint64_t small = 0, all = 0, descriptors = 0;
    for (int i = 0; i < TS_DMA_SIZES; i++) {
        all += record->sizes[i].bytes;
        descriptors += record->sizes[i].descriptors;
        if (i < 9) small += record->sizes[i].descriptors;
    }
    if (descriptors == 0 || record->bound[ts_bound_dma_descriptors] * 50 < record->total) return;
    ts_advice *advice =
        ts_advise(to, "A3", "bound", ts_bound_dma_descriptors, "Move longer contiguous rows",
                  "keep the axis that is sliced, transposed or broadcast out of the innermost place, so that "
                  "rows in HBM are 512 B or longer; pad a short last axis",
                  "");
    advice->what_if.free = 1u << ts_bound_dma_descriptors;
    ts_text out = {0};
    ts_text_format(&out, "%.0f %% of ", 100.0 * (double)small / (double)descriptors);
    ts_figure_count(&out, (double)descriptors);
    ts_text_add(&out, " descriptors carry less than 512 B; the mean is ");
    ts_figure_bytes(&out, (double)all / (double)descriptors);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

static void queues(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    uint64_t held = 0;
    for (uint32_t i = 0; i < record->queues.count; i++)
        held += record->queues.data[i].held;
    if (record->dma_transfers == 0 || held * 10 < record->dma_transfers) return;
    ts_advice *advice =
        ts_advise(to, "A3", "bound", ts_bound_dma_queue, "Fewer transfers on each queue",
                  "one larger transfer for several tiles: stack small tensors that are used together", "");
    advice->what_if.free = 1u << ts_bound_dma_queue;
    ts_text out = {0};
    ts_text_format(&out, "%llu of %llu transfers wait for their queue, %u queues are in use",
                   (unsigned long long)held, (unsigned long long)record->dma_transfers, record->queues.count);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* The source of a transfer from HBM; NULL for other instructions. */
static const ts_ap *loads_from(const ts_inst *inst) {
    if (inst->op != ts_op_dma_copy) return NULL;
    const ts_ap *src = &((const ts_inst_dma_copy *)inst)->src;
    return src->space == ts_space_hbm ? src : NULL;
}

static uint64_t moved_bytes(const ts_report *report) {
    uint64_t sum = 0;
    for (int i = 0; i < TS_DMA_SIZES; i++)
        sum += report->record.sizes[i].bytes;
    return sum;
}

/* Tensors that are loaded more than twice. The what-if scales their loads so that together they take one
   pass. */
static void reloads(ts_advisor *to) {
    ts_report *report = to->report;
    const ts_program *program = report->program;
    double *left = TS_NEW_ARRAY(&report->arena, double, program->tensors.count + 1);
    const ts_report_tensor *worst = NULL;
    uint64_t again = 0, own = 0, loaded = 0;
    for (uint32_t i = 0; i < report->tensors.count; i++) {
        const ts_report_tensor *tensor = &report->tensors.data[i];
        uint64_t size = program->tensors.data[tensor->tensor].bytes;
        if (size == 0 || tensor->loaded <= 2 * size) continue;
        left[tensor->tensor] = (double)size / (double)tensor->loaded;
        again += tensor->loaded - size;
        own += size;
        loaded += tensor->loaded;
        if (!worst || tensor->loaded - size > worst->loaded - program->tensors.data[worst->tensor].bytes)
            worst = tensor;
    }
    if (!worst || again * 10 < moved_bytes(report)) return;
    ts_advice *advice = ts_advise(
        to, "A5", "edit", ts_bound_count, "Load each value once",
        "use a tensor that several operations read in one of them: one matmul over stacked operands instead "
        "of one each, a scan that carries it, or a block small enough to stay in SBUF",
        "");
    ts_advise_work(to, advice);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_ap *src = loads_from(program->code.data[at]);
        if (src && left[src->tensor] > 0) advice->work[at] = (float)left[src->tensor];
    }
    ts_text out = {0};
    ts_figure_bytes(&out, (double)loaded);
    ts_text_add(&out, " are loaded from tensors that hold ");
    ts_figure_bytes(&out, (double)own);
    ts_text_format(&out, "; %s reaches the chip %.3g times", program->tensors.data[worst->tensor].name,
                   (double)worst->loaded / (double)program->tensors.data[worst->tensor].bytes);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* Whether a transfer stores or loads a value that one part of the program passes to another through HBM. */
static bool is_through_hbm(const ts_program *program, const ts_inst *inst) {
    if (inst->op != ts_op_dma_copy) return false;
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
    const ts_ap *sides[2] = {&dma->dst, &dma->src};
    for (int i = 0; i < 2; i++)
        if (sides[i]->space == ts_space_hbm &&
            program->tensors.data[sides[i]->tensor].kind == ts_tensor_scratch)
            return true;
    return false;
}

static void through_hbm(ts_advisor *to) {
    ts_report *report = to->report;
    const ts_program *program = report->program;
    uint64_t bytes = 0, all = moved_bytes(report);
    for (uint32_t at = 0; at < program->code.count; at++)
        if (is_through_hbm(program, program->code.data[at])) bytes += report->record.lives.data[at].bytes;
    if (all == 0 || bytes * 4 < all) return;
    ts_advice *advice =
        ts_advise(to, "A6", "bound", ts_bound_count, "Keep values on the chip between operations",
                  "smaller tiles or batches so that a layer's values fit SBUF; the placement itself is the "
                  "compiler's: a hand-written kernel can keep them there",
                  "");
    ts_advise_work(to, advice);
    for (uint32_t at = 0; at < program->code.count; at++)
        if (is_through_hbm(program, program->code.data[at])) advice->work[at] = 0;
    ts_text out = {0};
    ts_figure_bytes(&out, (double)bytes);
    ts_text_add(&out, " of ");
    ts_figure_bytes(&out, (double)all);
    ts_text_add(&out, " moved are results that go to HBM and come back");
    advice->remedy.evidence = ts_advise_text(to, &out);
}

static void latency(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    if (record->bound[ts_bound_dma_latency] * 33 < record->total) return;
    ts_advice *advice =
        ts_advise(to, "A11", "bound", ts_bound_dma_latency, "Hide or save DMA round trips",
                  "fuse what depends on each other into one jitted function, and make operations larger: "
                  "each dependent transfer pays its latency once, whatever its size",
                  "");
    advice->what_if.free = 1u << ts_bound_dma_latency;
    ts_text out = {0};
    ts_figure_time(&out, record->bound[ts_bound_dma_latency]);
    ts_text_add(&out, " of the step waits for first bytes and completions; the mean transfer moves ");
    ts_figure_bytes(
        &out, record->dma_transfers ? (double)moved_bytes(to->report) / (double)record->dma_transfers : 0);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* Lists what SBUF holds at its fullest moment, the largest first. */
static void add_alive(const ts_report *report, int most, ts_text *out) {
    int64_t below = INT64_MAX;
    for (int n = 0; n < most; n++) {
        const ts_report_box *best = NULL;
        for (uint32_t i = 0; i < report->boxes.count; i++) {
            const ts_report_box *box = &report->boxes.data[i];
            bool is_alive = !box->is_psum && box->first <= report->sbuf_peak_at &&
                            report->sbuf_peak_at < box->last && box->high - box->low < below;
            if (is_alive && (!best || box->high - box->low > best->high - best->low)) best = box;
        }
        if (!best) return;
        below = best->high - best->low;
        ts_text_add(out, n ? ", " : "; largest at the peak: ");
        ts_figure_bytes(out, best->high - best->low);
        const ts_loc *loc = ts_report_loc(report, best->loc);
        ts_text_add(out, " of ");
        ts_report_place(loc->file ? loc->file : "", loc->line, out);
    }
}

/* Writes that wait for earlier readers of the same buffer. */
static void buffers(ts_advisor *to) {
    ts_report *report = to->report;
    double capacity = report->record.chip.sbuf_partition_bytes;
    bool is_full = report->sbuf_peak >= 0.9 * capacity;
    ts_advice *advice =
        is_full
            ? ts_advise(to, "A22", "bound", ts_bound_wait, "Make room in SBUF",
                        "smaller tiles, bf16 for what lies longest, or computing it again instead of keeping "
                        "it: a free buffer lets a load run ahead",
                        "")
            : ts_advise(
                  to, "A11", "bound", ts_bound_wait, "One more buffer",
                  "smaller tiles leave room for another buffer, so that a load need not wait for its place",
                  "");
    advice->what_if.free = TS_FREE_REUSE;
    ts_text out = {0};
    ts_text_format(&out,
                   "%.0f of %.0f KiB a partition are in use at most, and writes wait for earlier readers",
                   report->sbuf_peak / 1024.0, capacity / 1024);
    if (is_full) add_alive(report, 2, &out);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

static bool is_wide(const ts_report *report, const ts_inst *inst) {
    if (inst->op != ts_op_dma_copy) return false;
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
    const ts_ap *hbm = dma->src.space == ts_space_hbm ? &dma->src : &dma->dst;
    return hbm->space == ts_space_hbm && report->program->tensors.data[hbm->tensor].dtype == ts_dtype_f32;
}

static void bytes(ts_advisor *to) {
    ts_report *report = to->report;
    const ts_record *record = &report->record;
    uint64_t wide = 0, all = moved_bytes(report);
    for (uint32_t at = 0; at < report->program->code.count; at++)
        if (is_wide(report, report->program->code.data[at])) wide += record->lives.data[at].bytes;
    if (record->bound[ts_bound_dma_bytes] * 33 < record->total || wide * 2 < all) return;
    ts_advice *advice = ts_advise(to, "A19", "edit", ts_bound_dma_bytes, "Store in bf16 what travels",
                                  "cast parameters or activations to jnp.bfloat16 where they are stored",
                                  "8 bits of mantissa instead of 24");
    ts_advise_bytes(to, advice);
    for (uint32_t at = 0; at < report->program->code.count; at++)
        if (is_wide(report, report->program->code.data[at])) advice->bytes[at] = 0.5F;
    ts_text out = {0};
    ts_text_format(&out, "%.0f %% of the bytes moved are float32; bytes bound ",
                   100.0 * (double)wide / (double)all);
    ts_figure_time(&out, record->bound[ts_bound_dma_bytes]);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

void ts_advise_transfers(ts_advisor *to) {
    small_transfers(to);
    queues(to);
    reloads(to);
    through_hbm(to);
    latency(to);
    buffers(to);
    bytes(to);
}
