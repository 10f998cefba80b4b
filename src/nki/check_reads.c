/* Refuses reads of tiles whose values are not there: nothing was ever written, or another tile that the
   kernel put at overlapping addresses has been written since. */

#include "arch/lifetime.h"
#include "nki/operands.h"
#include "nki/recorder.h"

/* Tiles that share bytes with a tile. */
typedef struct neighbours {
    TS_VEC(uint32_t) tile; /* positions */
} neighbours;

typedef struct state {
    bool is_written;
    uint32_t copied_at; /* 1 + position of a copy of an unwritten tile into it; an error once it is read */
    uint32_t taken_by;  /* 1 + position of the tile that has overwritten it since; 0: none */
    uint32_t taken_at;  /* code position of that write */
} state;

typedef struct check {
    ts_recorder *r;
    ts_arena scratch;
    state *state;           /* by tile */
    neighbours *neighbours; /* by tile; empty unless the kernel chose its address */
    ts_diag *diag;
} check;

static const ts_buffer_info *buffer_of(const check *c, uint32_t tile) {
    return &c->r->buffers.data[c->r->uses.data[tile].buffer - 1];
}

static bool share_bytes(const check *c, uint32_t a, uint32_t b) {
    const ts_tile_info *x = &c->r->builder.tiles.data[a], *y = &c->r->builder.tiles.data[b];
    const ts_buffer_info *p = buffer_of(c, a), *q = buffer_of(c, b);
    return p->space == q->space && p->part < q->part + q->parts && q->part < p->part + p->parts &&
           x->address < y->address + y->bytes && y->address < x->address + x->bytes;
}

static void find_neighbours(check *c) {
    TS_VEC(uint32_t) fixed = {0};
    for (uint32_t tile = 0; tile < c->r->uses.count; tile++) {
        if (!c->r->builder.tiles.data[tile].is_fixed) continue;
        for (uint32_t i = 0; i < fixed.count; i++)
            if (share_bytes(c, tile, fixed.data[i])) {
                ts_vec_push(&c->neighbours[tile].tile, &c->scratch, fixed.data[i]);
                ts_vec_push(&c->neighbours[fixed.data[i]].tile, &c->scratch, tile);
            }
        ts_vec_push(&fixed, &c->scratch, tile);
    }
}

static const char *name_of(const check *c, uint32_t tile) {
    const char *name = buffer_of(c, tile)->name;
    return name[0] ? name : "without a name";
}

static ts_status refuse(const check *c, const ts_inst *inst, ts_status status) {
    ts_diag_op(c->diag, ts_op_get(inst->op)->name);
    ts_record_where(c->r, inst->loc, c->diag);
    return status;
}

static ts_status check_read(const check *c, const ts_inst *inst, uint32_t tile) {
    const state *s = &c->state[tile];
    if (!s->is_written && s->copied_at) {
        const ts_inst_tensor_copy *copy =
            (const ts_inst_tensor_copy *)c->r->program->code.data[s->copied_at - 1];
        return check_read(c, &copy->head, copy->src.tensor - 1);
    }
    /* A call whose mask excluded everything made no value; uses under the same mask are excluded as well. */
    if (!s->is_written && buffer_of(c, tile)->is_value) return ts_ok;
    if (!s->is_written) {
        ts_fail(c->diag, ts_input, "%s reads tile %s (line %u), to which nothing was written",
                ts_op_get(inst->op)->name, name_of(c, tile), ts_record_line(c->r, buffer_of(c, tile)->loc));
        ts_diag_remedy(c->diag, "fill it first, with nisa.memset, a load or another instruction");
        ts_diag_rule(c->diag, "read_before_written");
        return refuse(c, inst, ts_input);
    }
    if (!s->taken_by) return ts_ok;
    const ts_inst *writer = c->r->program->code.data[s->taken_at];
    ts_fail(c->diag, ts_input,
            "%s reads tile %s (line %u), which tile %s (line %u) has overwritten in line %u",
            ts_op_get(inst->op)->name, name_of(c, tile), ts_record_line(c->r, buffer_of(c, tile)->loc),
            name_of(c, s->taken_by - 1), ts_record_line(c->r, buffer_of(c, s->taken_by - 1)->loc),
            ts_record_line(c->r, writer->loc));
    ts_diag_remedy(c->diag, "both were put on the same %s addresses: move one of them",
                   ts_space_name(buffer_of(c, tile)->space));
    ts_diag_rule(c->diag, "tile_overwritten");
    return refuse(c, inst, ts_input);
}

static void note_write(check *c, uint32_t at, uint32_t tile) {
    c->state[tile].is_written = true;
    c->state[tile].taken_by = 0;
    for (uint32_t i = 0; i < c->neighbours[tile].tile.count; i++) {
        state *other = &c->state[c->neighbours[tile].tile.data[i]];
        other->taken_by = tile + 1;
        other->taken_at = at;
    }
}

static bool is_on_chip(const ts_ap *ap) {
    return ap->space == ts_space_sbuf || ap->space == ts_space_psum;
}

/* `t[...] = call(mask=...)` with a mask that excludes everything copies an unwritten tile, which is an error
   only when the copy is read. */
static bool copies_nothing(check *c, uint32_t at) {
    const ts_inst_tensor_copy *copy = (const ts_inst_tensor_copy *)c->r->program->code.data[at];
    if (copy->head.op != ts_op_tensor_copy) return false;
    state *to = &c->state[copy->dst.tensor - 1];
    if (c->state[copy->src.tensor - 1].is_written || to->is_written) return false;
    to->copied_at = at + 1;
    return true;
}

/* pass 0: reads; pass 1: writes. */
static ts_status see_operands(check *c, uint32_t at, int pass) {
    ts_inst *inst = c->r->program->code.data[at];
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++) {
        const ts_ap *ap = uses[i].ap;
        if (pass == 0 && ap->space == ts_space_hbm && ap->index)
            TS_TRY(check_read(c, inst, c->r->program->indices.data[ap->index - 1].tensor - 1));
        if (!is_on_chip(ap) || uses[i].is_write != (pass == 1)) continue;
        if (uses[i].is_write)
            note_write(c, at, ap->tensor - 1);
        else
            TS_TRY(check_read(c, inst, ap->tensor - 1));
    }
    return ts_ok;
}

ts_status ts_record_check_reads(ts_recorder *r, ts_diag *diag) {
    check c = {.r = r, .diag = diag};
    c.state = TS_NEW_ARRAY(&c.scratch, state, r->uses.count + 1);
    c.neighbours = TS_NEW_ARRAY(&c.scratch, neighbours, r->uses.count + 1);
    find_neighbours(&c);
    ts_status status = ts_ok;
    for (uint32_t at = 0; at < r->program->code.count && status == ts_ok; at++) {
        if (copies_nothing(&c, at)) continue;
        for (int pass = 0; pass < 2 && status == ts_ok; pass++)
            status = see_operands(&c, at, pass);
    }
    ts_arena_free(&c.scratch);
    return status;
}
