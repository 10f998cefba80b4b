/* Repeating: for a loop whose body the kernel's source executes once, with a condition known only at run
   time. Another trip records again what the first trip recorded, with new tiles for those made in it, as if
   the kernel had executed the body again. */
#include <string.h>

#include "nki/operands.h"
#include "nki/recorder.h"
#include "plan/liveness.h"

/* The first trip of the innermost open loop. */
typedef struct trip {
    uint32_t mark;         /* index of its mark */
    uint32_t end_mark;     /* index of the first mark after it */
    uint32_t begin, end;   /* positions */
    uint32_t tiles, after; /* number of tiles when it began, and when it ended */
} trip;

typedef struct repeat {
    ts_recorder *r;
    trip first;
    uint32_t shift; /* handle of a copied tile minus that of the original */
} repeat;

static bool is_begin(ts_nki_mark mark) {
    return mark == ts_nki_loop_begin || mark == ts_nki_affine_begin;
}

static bool find_trip(const ts_recorder *r, trip *found) {
    int depth = 0;
    uint32_t at = r->marks.count;
    while (at > 0 && (depth > 0 || !is_begin(r->marks.data[at - 1].mark))) {
        at--;
        if (r->marks.data[at].mark == ts_nki_loop_end) depth++;
        if (is_begin(r->marks.data[at].mark)) depth--;
    }
    if (at == 0 || at == r->marks.count || r->marks.data[at].mark != ts_nki_loop_trip) return false;
    const ts_loop_mark *start = &r->marks.data[at];
    *found = (trip){at, r->marks.count, start->position, r->program->code.count, start->tiles, r->uses.count};
    depth = 0;
    for (uint32_t i = at + 1; i < r->marks.count; i++) {
        const ts_loop_mark *mark = &r->marks.data[i];
        if (depth == 0 && mark->mark == ts_nki_loop_trip) {
            found->end_mark = i;
            found->end = mark->position;
            found->after = mark->tiles;
            break;
        }
        if (is_begin(mark->mark)) depth++;
        if (mark->mark == ts_nki_loop_end) depth--;
    }
    return true;
}

/* Copies the tiles made in the trip, and makes the copies the current tiles of their buffers' blocks. */
static void clone_tiles(repeat *p) {
    ts_recorder *r = p->r;
    ts_arena *arena = &r->program->arena;
    p->shift = r->uses.count - p->first.tiles;
    uint32_t block = 0;
    for (uint32_t i = p->first.tiles; i < p->first.after; i++) {
        ts_buffer buffer = r->uses.data[i].buffer;
        block = i > p->first.tiles && r->uses.data[i - 1].buffer == buffer ? block + 1 : 0;
        ts_tile_info info = r->builder.tiles.data[i];
        ts_vec_push(&r->builder.tiles, arena, info);
        ts_vec_push(&r->uses, arena, (ts_tile_use){.buffer = buffer});
        r->current.data[r->buffers.data[buffer - 1].first + block] = r->uses.count;
    }
}

static void move_operand(const repeat *p, ts_ap *ap, bool is_write) {
    if (ap->space == ts_space_hbm && ap->index) {
        ts_ap index = p->r->program->indices.data[ap->index - 1];
        move_operand(p, &index, false);
        ts_vec_push(&p->r->program->indices, &p->r->program->arena, index);
        ap->index = p->r->program->indices.count;
    }
    if (!ts_operand_is_tile(ap)) return;
    if (ap->tensor > p->first.tiles && ap->tensor <= p->first.after) ap->tensor += p->shift;
    ts_tile_use *use = &p->r->uses.data[ap->tensor - 1];
    if (is_write)
        use->writes++;
    else
        use->reads++;
}

static void copy_inst(const repeat *p, uint32_t at) {
    ts_program *program = p->r->program;
    const ts_inst *from = program->code.data[at];
    ts_inst *inst = ts_program_append(program, (ts_op)from->op, (ts_engine)from->engine, from->loc);
    memcpy(inst, program->code.data[at], ts_op_get(inst->op)->size);
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(inst, uses);
    for (int i = 0; i < count; i++)
        move_operand(p, uses[i].ap, uses[i].is_write);
}

ts_status ts_record_repeat(ts_recorder *r, ts_diag *diag) {
    repeat p = {.r = r};
    if (!find_trip(r, &p.first))
        return ts_fail(diag, ts_usage, "there is no loop whose first trip could be repeated");
    TS_TRY(ts_record_check_room(r, p.first.end - p.first.begin, 0, diag));
    uint32_t start = r->program->code.count;
    ts_record_mark(r, ts_nki_loop_trip, 0);
    clone_tiles(&p);
    for (uint32_t at = p.first.begin; at < p.first.end; at++)
        copy_inst(&p, at);
    for (uint32_t i = p.first.mark + 1; i < p.first.end_mark; i++) {
        ts_loop_mark mark = r->marks.data[i];
        mark.position += start - p.first.begin;
        mark.tiles += p.shift;
        ts_vec_push(&r->marks, &r->program->arena, mark);
    }
    return ts_ok;
}
