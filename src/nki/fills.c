/* How much of a tensor a kernel writes: where all of it, its memory need not be initialised. */
#include <stdlib.h>

#include "arch/dtype.h"
#include "nki/recorder.h"
#include "plan/liveness.h"

/* A tensor divided into units of bytes such that every write covers whole units. */
typedef struct cover {
    const ts_program *program;
    uint32_t tensor;
    int64_t unit, units, left; /* unit: bytes; left: units not written yet */
    bool *is_written;
    bool is_read_early, is_indexed; /* read before all of it was written; written where data says */
} cover;

/* Runs of `run` adjacent bytes, one for each combination of counters of the dimensions before `outer`. */
typedef struct runs {
    ts_ref ref;
    int outer;
    int64_t run, size;
} runs;

static runs runs_of(const cover *c, const ts_ap *ap) {
    runs r = {.size = ts_dtype_get(ap->dtype)->bytes};
    ts_ap_resolve(c->program, ap, NULL, &r.ref);
    r.run = r.size;
    for (r.outer = r.ref.dims; r.outer > 0; r.outer--) {
        int64_t step = r.ref.step[r.outer - 1] * r.size, count = r.ref.count[r.outer - 1];
        if (count != 1 && step != r.run) break;
        r.run *= count;
    }
    return r;
}

/* The OR of all offsets at which a run begins or ends; its lowest set bit is the largest usable unit. */
static int64_t cuts(const runs *r) {
    int64_t bits = r->ref.offset | r->run;
    for (int i = 0; i < r->outer; i++)
        if (r->ref.count[i] != 1) bits |= r->ref.step[i] * r->size;
    return bits;
}

static void mark(cover *c, const runs *r) {
    int64_t count = r->ref.elems * r->size / r->run;
    for (int64_t k = 0; k < count; k++) {
        int64_t at = r->ref.offset, rest = k;
        for (int i = r->outer; i-- > 0; rest /= r->ref.count[i])
            at += rest % r->ref.count[i] * r->ref.step[i] * r->size;
        for (int64_t u = at / c->unit; u < (at + r->run) / c->unit; u++) {
            c->left -= !c->is_written[u];
            c->is_written[u] = true;
        }
    }
}

/* The operand with which the instruction writes the tensor at addresses that are known. *is_read: it depends
   on the tensor's old contents. */
static const ts_ap *use_of(cover *c, ts_inst *inst, bool *is_read) {
    ts_operand_use uses[TS_MOST_USES];
    const ts_ap *written = NULL;
    int count = ts_live_uses(inst, uses);
    *is_read = false;
    for (int i = 0; i < count; i++) {
        if (uses[i].ap->space != ts_space_hbm || uses[i].ap->tensor != c->tensor) continue;
        *is_read |= uses[i].is_read;
        if (!uses[i].is_write) continue;
        if (uses[i].ap->index == TS_NO_INDEX)
            written = uses[i].ap;
        else
            c->is_indexed = true;
    }
    return written;
}

static void mark_all(cover *c) {
    const ts_program *program = c->program;
    for (uint32_t at = 0; at < program->code.count && c->left > 0; at++) {
        bool is_read;
        const ts_ap *written = use_of(c, program->code.data[at], &is_read);
        c->is_read_early |= is_read;
        if (!written) continue;
        runs r = runs_of(c, written);
        if (r.run > 0) mark(c, &r);
    }
}

ts_fill ts_record_fill(const ts_program *program, uint32_t tensor) {
    enum { MOST_UNITS = 1 << 26 };
    cover c = {.program = program, .tensor = tensor};
    int64_t bytes = (int64_t)program->tensors.data[tensor].bytes, bits = bytes;
    if (program->loops.count > 0 || bytes == 0) return (ts_fill){0};
    for (uint32_t at = 0; at < program->code.count; at++) {
        bool is_read;
        const ts_ap *written = use_of(&c, program->code.data[at], &is_read);
        if (!written) continue;
        runs r = runs_of(&c, written);
        bits |= cuts(&r);
    }
    c.unit = bits & -bits;
    c.units = c.left = bytes / c.unit;
    if (c.units > MOST_UNITS) return (ts_fill){0};
    c.is_written = calloc((size_t)c.units, sizeof *c.is_written);
    if (!c.is_written) return (ts_fill){0};
    mark_all(&c);
    ts_fill fill = {.is_whole = c.left == 0 && !c.is_read_early};
    if (c.left > 0 && !c.is_indexed) {
        fill.left = c.left * c.unit;
        while (c.is_written[fill.first / c.unit])
            fill.first += c.unit;
    }
    free(c.is_written);
    return fill;
}
