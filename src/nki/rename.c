/* Renaming: a write begins a new tile when everything read from the tile afterwards was written by it or by
   later writes. AWS's compiler gives such values storage of their own, so that writers need not wait for
   readers of the old value. Tiles at addresses that the kernel chose, tiles in PSUM, and updates in place
   keep theirs. */
#include "arch/dtype.h"
#include "arch/lifetime.h"
#include "nki/operands.h"
#include "nki/recorder.h"

enum { MOST_EXPOSED = 32 };

/* One access of an instruction to a tile. */
typedef struct access {
    uint32_t at;
    ts_ap *ap;
    bool is_write, is_whole; /* is_whole: every element of ap is written, and none is read */
    bool is_shared;          /* another operand of the instruction accesses the tile as well */
    uint32_t before;         /* 1 + the tile's previous access; 0: none */
} access;

typedef struct rename_pass {
    ts_recorder *r;
    TS_VEC(access) accesses;
    uint32_t *latest; /* for each tile, 1 + its latest access */
    bool *is_first;   /* for each access, whether it begins a new tile */
    ts_arena *scratch;
} rename_pass;

/* Whether the instruction does not depend on the old contents of dst, so that another tile will do. */
static bool is_free(const ts_inst *inst) {
    switch (inst->op) {
    case ts_op_rng: return false;
    case ts_op_dma_copy: return !((const ts_inst_dma_copy *)inst)->is_exchange;
    case ts_op_nc_matmul: return ((const ts_inst_nc_matmul *)inst)->accumulate.mode == ts_accum_never;
    default: return true;
    }
}

static void note(rename_pass *p, uint32_t at, ts_ap *ap, bool is_write, bool is_whole) {
    if (ap->space != ts_space_sbuf) return;
    uint32_t *latest = &p->latest[ap->tensor - 1];
    access made = {
        .at = at, .ap = ap, .is_write = is_write, .is_whole = is_write && is_whole, .before = *latest};
    if (*latest && p->accesses.data[*latest - 1].at == at)
        made.is_shared = p->accesses.data[*latest - 1].is_shared = true;
    ts_vec_push(&p->accesses, p->scratch, made);
    *latest = p->accesses.count;
}

static void list_accesses(rename_pass *p) {
    ts_program *program = p->r->program;
    ts_operand_use uses[TS_MOST_USES];
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_inst *inst = program->code.data[at];
        int count = ts_live_uses(inst, uses);
        for (int i = 0; i < count; i++) {
            ts_ap *ap = uses[i].ap;
            if (ap->space == ts_space_hbm && ap->index)
                note(p, at, &program->indices.data[ap->index - 1], false, false);
            else
                note(p, at, ap, uses[i].is_write, !uses[i].is_read && is_free(inst));
        }
    }
}

static int64_t last_byte(const ts_ap *ap) {
    int64_t last = 0;
    for (int i = 0; i < ap->dims; i++)
        last += ap->dim[i].step * (ap->dim[i].count.max - 1);
    return ap->offset.base + (last + 1) * ts_dtype_get(ap->dtype)->bytes;
}

/* Whether the write provably covers every byte of the read. */
static bool reaches(const ts_ap *write, const ts_ap *read) {
    if (write->dtype == read->dtype && ts_operand_same(write, read)) return true;
    return write->dims == 1 && write->dim[0].step == 1 && write->part.base <= read->part.base &&
           write->part.base + write->parts.max >= read->part.base + read->parts.max &&
           write->offset.base <= read->offset.base && last_byte(write) >= last_byte(read);
}

/* Marks the writes after which nothing older is read, going backwards from the tile's last access. */
static void find_versions(rename_pass *p, uint32_t latest) {
    const ts_ap *exposed[MOST_EXPOSED];
    int count = 0;
    for (uint32_t i = latest; i > 0; i = p->accesses.data[i - 1].before) {
        const access *a = &p->accesses.data[i - 1];
        if (a->is_whole && !a->is_shared) {
            int kept = 0;
            for (int k = 0; k < count; k++)
                if (!reaches(a->ap, exposed[k])) exposed[kept++] = exposed[k];
            count = kept;
            p->is_first[i - 1] = count == 0 && a->before > 0;
        } else if (!a->is_whole) {
            bool is_known = false;
            for (int k = 0; k < count && !is_known; k++)
                is_known = a->ap->dtype == exposed[k]->dtype && ts_operand_same(a->ap, exposed[k]);
            if (!is_known && count == MOST_EXPOSED) return;
            if (!is_known) exposed[count++] = a->ap;
        }
    }
}

static void split(rename_pass *p) {
    ts_recorder *r = p->r;
    uint32_t tiles = r->uses.count;
    ts_tile *now = TS_NEW_ARRAY(p->scratch, ts_tile, tiles + 1);
    for (uint32_t i = 0; i < p->accesses.count; i++) {
        const access *a = &p->accesses.data[i];
        uint32_t old = a->ap->tensor - 1;
        if (p->is_first[i]) now[old] = ts_record_new_tile(r, r->uses.data[old].buffer);
        if (!now[old]) continue;
        ts_tile_use *from = &r->uses.data[old], *to = &r->uses.data[now[old] - 1];
        uint32_t *less = a->is_write ? &from->writes : &from->reads,
                 *more = a->is_write ? &to->writes : &to->reads;
        --*less;
        ++*more;
        a->ap->tensor = now[old];
    }
}

void ts_record_rename(ts_recorder *r) {
    ts_arena scratch = {0};
    rename_pass p = {.r = r, .scratch = &scratch};
    p.latest = TS_NEW_ARRAY(&scratch, uint32_t, r->uses.count + 1);
    list_accesses(&p);
    p.is_first = TS_NEW_ARRAY(&scratch, bool, p.accesses.count + 1);
    for (uint32_t i = 0; i < r->uses.count; i++)
        if (!r->buffers.data[r->uses.data[i].buffer - 1].is_fixed) find_versions(&p, p.latest[i]);
    split(&p);
    ts_arena_free(&scratch);
}
