/* Spilling: when SBUF cannot hold all live tiles, some are kept in HBM between uses, as by AWS's compiler. To
   make room, the tile whose next use is farthest is sent out. A tile that a single load filled is loaded
   again (or, if nothing read it yet, only then); any other is saved after its last write. A tile is brought
   back before its use, by at most the time of a transfer, if a tile with a later use can make room for it.
   Kernels that choose addresses themselves are left alone. */
#include <stdlib.h>

#include "arch/cost.h"
#include "arch/dtype.h"
#include "nki/operands.h"
#include "nki/recorder.h"
#include "plan/liveness.h"

enum { NEVER = -1, STEP = 8, LEAST = 40 }; /* percent of SBUF to fill: tried in steps, down to the least */

/* A rectangle of partitions and bytes of a tile that contains everything written so far. */
typedef struct box {
    int64_t part, end_part, byte, end_byte;
} box;

/* The life of a tile from its first access, or from its reload, until it ends or is sent out. */
typedef struct piece {
    ts_tile now;                    /* the tile that holds it */
    bool is_here;                   /* it is in SBUF */
    uint32_t next;                  /* index of its next access in `at` */
    uint32_t writes, reads;         /* number in this piece so far */
    uint32_t last_write;            /* position */
    box written, kept;              /* written: so far; kept: the part in `saved` */
    uint32_t saved;                 /* 1 + tensor that holds its value; 0: none */
    uint32_t early;                 /* 1 + index of the DMA that brought it before its use; 0: none */
    const ts_inst_dma_copy *source; /* the load that can fill it again; NULL: none */
} piece;

/* A tile that was sent out, and the position that needs it. */
typedef struct request {
    uint32_t tile, use;
} request;

/* A DMA to insert before the instruction at a position. */
typedef struct added {
    uint32_t before, number;
    ts_inst *inst;
} added;

typedef struct spill {
    ts_recorder *r;
    ts_arena scratch;
    uint32_t tiles;
    uint32_t *first_access, *at; /* for each tile, where its positions begin in `at` */
    piece *pieces;
    TS_VEC(uint32_t) here; /* tiles in SBUF */
    TS_VEC(uint32_t) back; /* those of them that the current instruction needs back */
    uint32_t *hbm_write;   /* for each tensor, 1 + position of its last write; 0: none */
    bool *is_late;         /* for each position: a load that is moved to its first use */
    int64_t held, room;    /* bytes of a partition in use, and available */
    ts_time *start;        /* for each position, when it could start if no engine waited for another */
    ts_time lead;          /* how long before its use a tile is brought back */
    uint32_t seen;         /* positions whose tiles were requested */
    TS_VEC(request) asked;
    uint32_t served; /* of these requests */
    ts_diag *diag;   /* NULL: placement reports what does not fit */
    TS_VEC(added) added;
} spill;

typedef void each_ap(spill *s, ts_ap *ap, uint32_t at, bool is_write);

/* Calls `see` for an instruction's operands in SBUF, including indices: reads before writes. */
static void for_each(spill *s, uint32_t at, each_ap *see) {
    ts_program *program = s->r->program;
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(program->code.data[at], uses);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < count; i++) {
            ts_ap *ap = uses[i].ap;
            if (pass == 0 && ap->space == ts_space_hbm && ap->index)
                see(s, &program->indices.data[ap->index - 1], at, false);
            if (uses[i].is_write == (pass == 1) && ap->space == ts_space_sbuf)
                see(s, ap, at, uses[i].is_write);
        }
}

/* ---- when tiles are used ---- */

static void count_access(spill *s, ts_ap *ap, uint32_t at, bool is_write) {
    (void)at;
    (void)is_write;
    s->first_access[ap->tensor]++;
}

static void list_access(spill *s, ts_ap *ap, uint32_t at, bool is_write) {
    (void)is_write;
    piece *p = &s->pieces[ap->tensor - 1];
    s->at[s->first_access[ap->tensor - 1] + p->next++] = at;
}

static const ts_buffer_info *buffer_of(const spill *s, uint32_t tile) {
    return &s->r->buffers.data[s->r->uses.data[tile].buffer - 1];
}

/* The most bytes of a partition that hold values with further uses. */
static int64_t most_live(spill *s) {
    uint32_t count = s->r->program->code.count;
    int64_t *change = TS_NEW_ARRAY(&s->scratch, int64_t, (size_t)count + 1), live = 0, most = 0;
    for (uint32_t i = 0; i < s->tiles; i++) {
        uint32_t first = s->first_access[i], end = s->first_access[i + 1];
        if (first == end) continue;
        change[s->at[first]] += s->r->builder.tiles.data[i].bytes;
        change[s->at[end - 1] + 1] -= s->r->builder.tiles.data[i].bytes;
    }
    for (uint32_t at = 0; at < count; at++) {
        live += change[at];
        if (live > most) most = live;
    }
    return most;
}

/* Time from a transfer's trigger until an engine can use the data, when nothing else runs. */
static ts_time time_back(const ts_chip *chip, int64_t bytes) {
    double of_row = chip->dma_descriptor_ns + (double)bytes / chip->dma_engine_bytes_per_ns,
           ns = chip->dma_trigger_ns + chip->dma_first_byte_ns + chip->dma_completion_ns +
                chip->dma_rows_per_engine * of_row;
    return (ts_time)(ns * 1000);
}

static void estimate_starts(spill *s) {
    const ts_program *program = s->r->program;
    ts_time busy[ts_engine_count] = {0}, now = 0;
    s->start = TS_NEW_ARRAY(&s->scratch, ts_time, program->code.count + 1);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        ts_operands operands;
        ts_cost cost;
        s->start[at] = now;
        if (inst->op == ts_op_dma_copy) continue;
        ts_inst_operands(program, inst, NULL, &operands);
        ts_inst_cost(&s->r->chip, inst, &operands, &cost);
        busy[inst->engine] += cost.occupancy;
        if (busy[inst->engine] > now) now = busy[inst->engine];
    }
    for (uint32_t i = 0; i < s->tiles; i++) {
        const ts_tile_info *tile = &s->r->builder.tiles.data[i];
        ts_time time = tile->space == ts_space_sbuf ? time_back(&s->r->chip, tile->bytes) : 0;
        if (time > s->lead) s->lead = time;
    }
}

static void list_accesses(spill *s) {
    ts_program *program = s->r->program;
    s->tiles = s->r->builder.tiles.count;
    s->first_access = TS_NEW_ARRAY(&s->scratch, uint32_t, s->tiles + 2);
    s->pieces = TS_NEW_ARRAY(&s->scratch, piece, s->tiles + 1);
    s->hbm_write = TS_NEW_ARRAY(&s->scratch, uint32_t, program->tensors.count + 1);
    s->is_late = TS_NEW_ARRAY(&s->scratch, bool, program->code.count + 1);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_ap *dst = ts_operand_dst(program->code.data[at]);
        if (dst && dst->space == ts_space_hbm) s->hbm_write[dst->tensor] = at + 1;
        for_each(s, at, count_access);
    }
    for (uint32_t i = 0; i < s->tiles; i++)
        s->first_access[i + 1] += s->first_access[i];
    s->at = TS_NEW_ARRAY(&s->scratch, uint32_t, s->first_access[s->tiles] + 1);
    for (uint32_t at = 0; at < program->code.count; at++)
        for_each(s, at, list_access);
    for (uint32_t i = 0; i < s->tiles; i++)
        s->pieces[i] = (piece){.now = i + 1, .next = s->first_access[i]};
}

static int64_t next_use(const spill *s, uint32_t tile) {
    uint32_t next = s->pieces[tile].next;
    return next < s->first_access[tile + 1] ? (int64_t)s->at[next] : NEVER;
}

/* ---- out and in ---- */

/* The kept part of a tile as operands: on chip, and in a tensor of its own. */
static void both_ends(spill *s, uint32_t tile, uint32_t tensor, ts_ap *on_chip, ts_ap *hbm) {
    const piece *p = &s->pieces[tile];
    ts_dtype dtype = (ts_dtype)buffer_of(s, tile)->dtype;
    int64_t parts = p->kept.end_part - p->kept.part,
            columns = (p->kept.end_byte - p->kept.byte) / ts_dtype_get(dtype)->bytes;
    *on_chip = ts_build_ap(&s->r->builder, p->now, dtype, ts_count_const(parts), ts_count_const(columns));
    on_chip->part = ts_affine_const(p->kept.part);
    on_chip->offset = ts_affine_const(p->kept.byte);
    *hbm = ts_build_hbm(tensor, dtype, ts_affine_const(0));
    ts_ap_dim(hbm, columns, ts_count_const(parts));
    ts_ap_dim(hbm, 1, ts_count_const(columns));
}

static ts_inst_dma_copy *add_dma(spill *s, uint32_t before, uint32_t loc) {
    ts_program *program = s->r->program;
    ts_inst_dma_copy *dma =
        (ts_inst_dma_copy *)ts_program_append(program, ts_op_dma_copy, ts_engine_sync, loc);
    program->code.count--; /* the position is chosen at the end */
    dma->queue = ts_recorder_queue(s->r, loc);
    ts_vec_push(&s->added, &s->scratch,
                ((added){.before = before, .number = s->added.count, .inst = &dma->head}));
    return dma;
}

static uint64_t bytes_of(const box *b) {
    return (uint64_t)(b->end_part - b->part) * (uint64_t)(b->end_byte - b->byte);
}

static void save(spill *s, uint32_t tile) {
    ts_recorder *r = s->r;
    piece *p = &s->pieces[tile];
    const ts_buffer_info *info = buffer_of(s, tile);
    int64_t width = ts_dtype_get((ts_dtype)info->dtype)->bytes;
    p->kept = p->written;
    p->kept.byte -= p->kept.byte % width;
    p->kept.end_byte += (width - p->kept.end_byte % width) % width;
    int64_t dim[2] = {p->kept.end_part - p->kept.part, (p->kept.end_byte - p->kept.byte) / width};
    const char *name = ts_arena_format(&r->program->arena, "spilled %s", info->name);
    uint32_t loc = r->program->code.data[p->last_write]->loc;
    r->builder.loc = info->loc;
    uint32_t tensor = ts_build_tensor(&r->builder, ts_tensor_scratch, (ts_dtype)info->dtype, 2, dim, name);
    ts_inst_dma_copy *dma = add_dma(s, p->last_write + 1, loc);
    both_ends(s, tile, tensor, &dma->src, &dma->dst);
    p->saved = tensor + 1;
    r->spilled_out += bytes_of(&p->kept);
}

/* Bytes that must be transferred again because the tile was sent out. A load that nothing has read is only
   moved. */
static uint64_t bytes_again(const piece *p) {
    if (!p->source) return bytes_of(&p->kept);
    return p->reads > 0 ? bytes_of(&p->written) : 0;
}

static void send_out(spill *s, uint32_t slot) {
    uint32_t tile = s->here.data[slot];
    piece *p = &s->pieces[tile];
    if (!p->source && !p->saved && p->written.end_byte > 0) save(s, tile);
    if (p->early) {
        s->added.data[p->early - 1].inst = NULL;
        s->r->spilled_in -= bytes_again(p);
        p->early = 0;
    } else if (p->source && p->reads == 0) {
        s->is_late[p->last_write] = true;
        s->r->uses.data[p->now - 1].writes--;
    }
    p->is_here = false;
    s->held -= s->r->builder.tiles.data[p->now - 1].bytes;
    s->here.data[slot] = s->here.data[--s->here.count];
}

static void bring_in(spill *s, uint32_t tile, uint32_t at) {
    ts_recorder *r = s->r;
    piece *p = &s->pieces[tile];
    ts_tile now = ts_record_new_tile(r, r->uses.data[tile].buffer);
    const ts_inst_dma_copy *source = p->source;
    uint32_t loc = r->program->code.data[at]->loc;
    p->now = now;
    ts_inst_dma_copy *dma = add_dma(s, at, source ? source->head.loc : loc);
    if (source) {
        dma->src = source->src;
        dma->dst = source->dst;
        dma->dst.tensor = now;
        dma->is_transpose = source->is_transpose;
    } else {
        both_ends(s, tile, p->saved - 1, &dma->dst, &dma->src);
    }
    r->spilled_in += bytes_again(p);
}

/* ---- the walk ---- */

/* Makes room for `bytes` by sending out the tiles with the farthest next uses, all after position `after`.
   False when no such tile is left. */
static bool make_room(spill *s, int64_t bytes, int64_t after) {
    while (s->held + bytes > s->room) {
        uint32_t farthest = 0;
        int64_t use = after;
        for (uint32_t i = 0; i < s->here.count; i++) {
            int64_t next = next_use(s, s->here.data[i]);
            if (next > use) {
                use = next;
                farthest = i;
            }
        }
        if (use == after) return false;
        send_out(s, farthest);
    }
    return true;
}

static void arrive(spill *s, uint32_t tile) {
    s->pieces[tile].is_here = true;
    s->held += s->r->builder.tiles.data[tile].bytes;
    ts_vec_push(&s->here, &s->scratch, tile);
}

static bool is_away(const spill *s, uint32_t tile) {
    const piece *p = &s->pieces[tile];
    return !p->is_here && (p->source || p->saved);
}

static void ask_for(spill *s, ts_ap *ap, uint32_t at, bool is_write) {
    (void)is_write;
    if (is_away(s, ap->tensor - 1))
        ts_vec_push(&s->asked, &s->scratch, ((request){.tile = ap->tensor - 1, .use = at}));
}

/* Brings back tiles whose use comes before a transfer started now would end, if tiles with later uses can
   make room. In AWS's profile of a spilling kernel (nki/img/mamba_v2_8K_seqlen_zoomed.png) a tile does not
   come earlier either, and its reader still waits for part of the transfer. */
static void look_ahead(spill *s, uint32_t at) {
    if (s->seen < at) s->seen = at;
    while (s->seen < s->r->program->code.count && s->start[s->seen] - s->start[at] < s->lead)
        for_each(s, s->seen++, ask_for);
    for (; s->served < s->asked.count; s->served++) {
        uint32_t tile = s->asked.data[s->served].tile, use = s->asked.data[s->served].use;
        if (!is_away(s, tile) || next_use(s, tile) != (int64_t)use) continue; /* it came in time */
        if (!make_room(s, s->r->builder.tiles.data[tile].bytes, (int64_t)use)) return;
        arrive(s, tile);
        bring_in(s, tile, at);
        s->pieces[tile].early = s->added.count;
    }
}

static void take_place(spill *s, ts_ap *ap, uint32_t at, bool is_write) {
    (void)at;
    (void)is_write;
    uint32_t tile = ap->tensor - 1;
    if (s->pieces[tile].is_here) return;
    if (is_away(s, tile)) ts_vec_push(&s->back, &s->scratch, tile);
    arrive(s, tile);
}

/* The load that fills the whole tile and would do so again; NULL otherwise. */
static const ts_inst_dma_copy *load_of(const spill *s, uint32_t tile, uint32_t at) {
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)s->r->program->code.data[at];
    if (dma->head.op != ts_op_dma_copy || dma->rmw != ts_rmw_none || dma->oob != ts_oob_error ||
        dma->src.space != ts_space_hbm || dma->src.index || s->hbm_write[dma->src.tensor] > at)
        return NULL;
    const ts_buffer_info *info = buffer_of(s, tile);
    int64_t bytes = ts_operand_elems(&dma->dst) * ts_dtype_get(dma->dst.dtype)->bytes;
    return bytes == info->bytes * info->parts ? dma : NULL;
}

static void widen(box *b, const ts_ap *ap) {
    int64_t width = ts_dtype_get(ap->dtype)->bytes, low = ap->offset.base, high = low + width;
    int64_t part = ap->part.base, end = part + ap->parts.max;
    for (int i = 0; i < ap->dims; i++) {
        int64_t reach = ap->dim[i].step * (ap->dim[i].count.max - 1) * width;
        *(reach < 0 ? &low : &high) += reach;
    }
    bool is_first = b->end_byte == 0;
    if (is_first || part < b->part) b->part = part;
    if (is_first || low < b->byte) b->byte = low;
    if (end > b->end_part) b->end_part = end;
    if (high > b->end_byte) b->end_byte = high;
}

static void pass_access(spill *s, ts_ap *ap, uint32_t at, bool is_write) {
    uint32_t tile = ap->tensor - 1;
    piece *p = &s->pieces[tile];
    p->next++;
    p->early = 0;
    if (!is_write) p->reads++;
    if (is_write) {
        p->writes++;
        p->last_write = at;
        widen(&p->written, ap);
        p->saved = 0;
        p->source = p->writes == 1 ? load_of(s, tile, at) : NULL;
    }
}

static void rename_access(spill *s, ts_ap *ap, uint32_t at, bool is_write) {
    (void)at;
    uint32_t old = ap->tensor - 1;
    ts_tile now = s->pieces[old].now;
    if (now == ap->tensor) return;
    ts_tile_use *from = &s->r->uses.data[old], *to = &s->r->uses.data[now - 1];
    --*(is_write ? &from->writes : &from->reads);
    ++*(is_write ? &to->writes : &to->reads);
    ap->tensor = now;
}

static void drop_ended(spill *s) {
    for (uint32_t i = s->here.count; i-- > 0;) {
        uint32_t tile = s->here.data[i];
        if (next_use(s, tile) != NEVER) continue;
        s->held -= s->r->builder.tiles.data[tile].bytes;
        s->here.data[i] = s->here.data[--s->here.count];
    }
}

/* Fails because the tiles of a single instruction do not fit, which spilling cannot change. */
static void refuse(spill *s, uint32_t at, ts_diag *diag) {
    const ts_recorder *r = s->r;
    const ts_inst *inst = r->program->code.data[at];
    ts_text names = {0};
    int64_t wanted = 0;
    for (uint32_t i = 0; i < s->here.count; i++) {
        const ts_buffer_info *info = buffer_of(s, s->here.data[i]);
        int64_t bytes = r->builder.tiles.data[s->here.data[i]].bytes;
        wanted += bytes;
        ts_text_format(&names, "%s %s %lld (line %u)", i ? "," : "", info->name[0] ? info->name : "tile",
                       (long long)bytes, ts_record_line(r, info->loc));
    }
    ts_fail(diag, ts_capacity, "%s uses %u tiles of %lld bytes of each partition at once, SBUF has %.0f:%s",
            ts_op_get(inst->op)->name, s->here.count, (long long)wanted, r->chip.sbuf_partition_bytes,
            names.data);
    ts_text_free(&names);
    ts_diag_op(diag, ts_op_get(inst->op)->name);
    ts_diag_remedy(diag, "cut it into instructions on smaller tiles");
    ts_record_where(r, inst->loc, diag);
}

/* Walks over the code and spills. False when the tiles of one instruction do not fit. */
static bool walk(spill *s) {
    ts_program *program = s->r->program;
    bool is_done = true;
    for (uint32_t at = 0; at < program->code.count && is_done; at++) {
        look_ahead(s, at);
        for_each(s, at, take_place);
        is_done = make_room(s, 0, at);
        if (!is_done && s->diag) refuse(s, at, s->diag);
        for (uint32_t i = 0; i < s->back.count; i++)
            bring_in(s, s->back.data[i], at);
        s->back.count = 0;
        for_each(s, at, pass_access);
        for_each(s, at, rename_access);
        drop_ended(s);
    }
    return is_done;
}

static int by_place(const void *a, const void *b) {
    const added *x = a, *y = b;
    if (x->before != y->before) return x->before < y->before ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static void put_in(spill *s) {
    ts_program *program = s->r->program;
    uint32_t more = s->added.count, count = program->code.count;
    if (more == 0) return; /* a late load counts as an added one */
    qsort(s->added.data, more, sizeof *s->added.data, by_place);
    ts_inst **code = TS_NEW_ARRAY(&program->arena, ts_inst *, (size_t)count + more);
    uint32_t next = 0, to = 0;
    for (uint32_t at = 0; at <= count; at++) {
        for (; next < more && s->added.data[next].before == at; next++)
            if (s->added.data[next].inst) code[to++] = s->added.data[next].inst;
        if (at < count && !s->is_late[at]) code[to++] = program->code.data[at];
    }
    program->code.data = code;
    program->code.count = program->code.capacity = to;
}

/* Spills so that at most `room` bytes of each partition are used. Returns the most that were live at once. */
static int64_t spill_to(ts_recorder *r, int64_t room, bool *is_done, ts_diag *diag) {
    spill s = {.r = r, .room = room, .diag = diag};
    list_accesses(&s);
    int64_t most = most_live(&s);
    if (most > room) {
        estimate_starts(&s);
        *is_done = walk(&s);
        put_in(&s);
    }
    ts_arena_free(&s.scratch);
    return most;
}

static bool has_chosen(const ts_recorder *r) {
    for (uint32_t i = 0; i < r->builder.tiles.count; i++)
        if (r->builder.tiles.data[i].is_fixed && r->builder.tiles.data[i].space == ts_space_sbuf) return true;
    return false;
}

static void tell(ts_recorder *r, int64_t wanted) {
    ts_record_warning made = {0};
    ts_fail(&made.diag, ts_capacity,
            "kernel %.64s: SBUF has %.0f bytes in each partition, the tiles that are live at once want %lld: "
            "%llu bytes go out to HBM and %llu come in again (spilling)",
            r->program->name, r->chip.sbuf_partition_bytes, (long long)wanted,
            (unsigned long long)r->spilled_out, (unsigned long long)r->spilled_in);
    ts_diag_remedy(&made.diag, "use smaller tiles, or load them closer to their use");
    ts_vec_push(&r->warnings, &r->program->arena, made);
}

ts_status ts_record_spill(ts_recorder *r, ts_diag *diag) {
    double room = r->chip.sbuf_partition_bytes;
    bool is_done = true;
    if (has_chosen(r)) return ts_ok;
    int64_t wanted = spill_to(r, (int64_t)room, &is_done, diag);
    if (!is_done) return ts_capacity;
    if ((double)wanted <= room / 2) return ts_ok; /* gaps between tiles do not matter */
    /* Gaps between tiles may make some of the space unusable, so less and less is tried. */
    for (int percent = 100 - STEP; percent >= LEAST && is_done && !ts_plan_fits(&r->builder); percent -= STEP)
        spill_to(r, (int64_t)(room * percent / 100), &is_done, NULL);
    if (r->spilled_in) tell(r, wanted);
    return ts_ok;
}
