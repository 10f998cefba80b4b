/* Random programs made from the rows of isa.def: well-formed in structure, without regard to the chip's
   rules, so that every field kind and every form of an operand occurs. */
#ifndef TS_UNIT_RANDOM_PROGRAM_H
#define TS_UNIT_RANDOM_PROGRAM_H

#include <math.h>
#include <string.h>

#include "arch/isa.h"

typedef struct random_state {
    uint64_t seed;
    ts_program *program;
    uint32_t open[TS_MAX_LOOP_DEPTH];
    int depth;
} random_state;

static inline uint64_t pick(random_state *r, uint64_t below) {
    r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
    return (r->seed >> 20) % below;
}

static inline int64_t pick_number(random_state *r) {
    const int64_t odd[] = {0, 1, -1, 127, 128, 4096, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    return pick(r, 4) ? (int64_t)pick(r, 5000) - 1000 : odd[pick(r, 10)];
}

static inline ts_affine pick_form(random_state *r, bool may_rotate) {
    ts_affine affine = {.base = pick_number(r)};
    uint32_t rotation = 0;
    if (may_rotate && pick(r, 4) == 0 && r->program->rotations.count < 1000) {
        ts_rotation row = {
            .index = pick_form(r, false), .step = pick_number(r), .count = 1 + (int32_t)pick(r, 8)};
        ts_vec_push(&r->program->rotations, &r->program->arena, row);
        rotation = r->program->rotations.count;
    }
    affine.rotation = (uint16_t)rotation;
    affine.first_term = r->program->terms.count;
    for (uint64_t n = r->depth ? pick(r, 3) : 0; n > 0; n--) {
        ts_term term = {.coef = pick_number(r), .loop = r->open[pick(r, (uint64_t)r->depth)]};
        ts_vec_push(&r->program->terms, &r->program->arena, term);
        affine.term_count++;
    }
    return affine;
}

static inline ts_count pick_count(random_state *r) {
    ts_count count = {.max = (int32_t)(pick(r, 8) ? pick(r, 600) : INT32_MAX - pick(r, 2))};
    count.is_ragged = pick(r, 4) == 0;
    if (count.is_ragged) count.limit = pick_form(r, true);
    return count;
}

static inline ts_ap pick_ap(random_state *r, bool is_index) {
    ts_ap ap = {.space = is_index ? ts_space_sbuf : (uint8_t)(1 + pick(r, 3))};
    ap.dtype = (uint8_t)(1 + pick(r, ts_dtype_count - 1));
    if (ap.space == ts_space_hbm) {
        ap.tensor = (uint32_t)pick(r, r->program->tensors.count);
        ap.parts.max = 1;
        if (pick(r, 3) == 0) {
            ts_ap index = pick_ap(r, true);
            ts_vec_push(&r->program->indices, &r->program->arena, index);
            ap.index = r->program->indices.count;
            ap.index_step = pick_number(r);
        }
    } else {
        /* tiles of the table are in SBUF and PSUM alternately; without a table, a few operands name one */
        uint32_t tiles = r->program->tiles.count;
        if (tiles)
            ap.tensor = 2 * (uint32_t)pick(r, tiles / 2) + (ap.space == ts_space_sbuf ? 1 : 2);
        else
            ap.tensor = pick(r, 10) ? 0 : (uint32_t)pick(r, 100);
        ap.part = pick_form(r, true);
        ap.parts = pick_count(r);
    }
    ap.offset = pick_form(r, true);
    ap.dims = (uint8_t)pick(r, TS_AP_DIMS + 1);
    for (int i = 0; i < ap.dims; i++)
        ap.dim[i] = (ts_dim){.step = pick_number(r), .count = pick_count(r)};
    return ap;
}

static inline double pick_double(random_state *r) {
    const double odd[] = {0, -0.0, 1, 0.1, -1e30, 1e-300, INFINITY, -INFINITY, 5e-324, 16777217};
    return pick(r, 8) ? odd[pick(r, 10)] : (double)pick_number(r) / 7;
}

static inline void fill_field(random_state *r, const ts_field *field, void *value) {
    ts_scalar *scalar = value;
    ts_accum *accum = value;
    ts_field_steps *steps = value;
    switch (field->kind) {
    case ts_kind_dst:
    case ts_kind_src: *(ts_ap *)value = pick_ap(r, false); break;
    case ts_kind_opt:
    case ts_kind_optdst:
        if (pick(r, 2)) *(ts_ap *)value = pick_ap(r, false);
        break;
    case ts_kind_scalar:
        scalar->is_ap = pick(r, 2);
        if (scalar->is_ap)
            scalar->ap = pick_ap(r, false);
        else
            scalar->value = pick_double(r);
        break;
    case ts_kind_accum:
        accum->mode = (uint8_t)pick(r, r->depth ? 3 : 2);
        if (accum->mode == ts_accum_unless_first) accum->loop = r->open[pick(r, (uint64_t)r->depth)];
        break;
    case ts_kind_affine: *(ts_affine *)value = pick_form(r, true); break;
    case ts_kind_alu: *(uint8_t *)value = (uint8_t)pick(r, ts_alu_count); break;
    case ts_kind_act: *(uint8_t *)value = (uint8_t)pick(r, ts_act_count); break;
    case ts_kind_rmw:
    case ts_kind_oob:
    case ts_kind_flag: *(uint8_t *)value = (uint8_t)pick(r, 2); break;
    case ts_kind_cmd: *(uint8_t *)value = (uint8_t)pick(r, ts_cmd_count); break;
    case ts_kind_cc: *(uint8_t *)value = (uint8_t)pick(r, ts_cc_count); break;
    case ts_kind_lanes:
        for (int i = 0; i < TS_QUADRANT; i++)
            ((ts_field_lanes *)value)->from[i] = (uint8_t)pick(r, 256);
        break;
    case ts_kind_u8: *(uint8_t *)value = (uint8_t)pick(r, 256); break;
    case ts_kind_i64: *(int64_t *)value = pick_number(r); break;
    case ts_kind_f64: *(double *)value = pick_double(r); break;
    case ts_kind_steps:
        for (int i = 0; i < 4; i++)
            steps->step[i] = pick(r, 2) ? pick_number(r) : 0;
        break;
    case ts_kind_loop: *(uint32_t *)value = r->open[pick(r, (uint64_t)r->depth)]; break;
    case ts_kind_trip: break; /* belongs to loop marks, which add_loop makes */
    }
}

static inline void add_loop(random_state *r) {
    ts_program *program = r->program;
    ts_count trip = pick_count(r);
    ts_inst_loop *inst = (ts_inst_loop *)ts_program_append(program, ts_op_loop, ts_engine_none,
                                                           (uint32_t)pick(r, program->locs.count));
    inst->id = program->loops.count;
    inst->trip = trip;
    ts_loop loop = {.begin = program->code.count - 1, .trip = trip};
    if (r->depth) loop.parent = r->open[r->depth - 1] + 1;
    ts_vec_push(&program->loops, &program->arena, loop);
    r->open[r->depth++] = inst->id;
}

static inline void add_end(random_state *r) {
    ts_inst_end *inst = (ts_inst_end *)ts_program_append(r->program, ts_op_end, ts_engine_none, 0);
    inst->id = r->open[--r->depth];
    r->program->loops.data[inst->id].end = r->program->code.count - 1;
}

static inline void add_sync(random_state *r, ts_inst *inst) {
    ts_sync sync = {.is_waiting = pick(r, 2)};
    sync.is_signalling = !sync.is_waiting || pick(r, 2);
    if (inst->op == ts_op_event_semaphore) sync.is_waiting = true, sync.is_signalling = false;
    sync.awaited = sync.is_waiting ? (uint16_t)pick(r, UINT16_MAX + 1) : 0;
    sync.value = sync.is_waiting ? pick_form(r, true) : (ts_affine){0};
    sync.signalled = sync.is_signalling ? (uint16_t)pick(r, UINT16_MAX + 1) : 0;
    sync.amount = sync.is_signalling ? 1 + (uint32_t)pick(r, INT32_MAX) : 0;
    ts_vec_push(&r->program->syncs, &r->program->arena, sync);
    inst->sync = r->program->syncs.count;
}

static inline void add_instruction(random_state *r, unsigned op) {
    unsigned engine;
    do
        engine = (unsigned)pick(r, ts_engine_count);
    while (!ts_op_allows(op, (ts_engine)engine));
    ts_inst *inst = ts_program_append(r->program, (ts_op)op, (ts_engine)engine,
                                      (uint32_t)pick(r, r->program->locs.count));
    const ts_op_info *info = ts_op_get(op);
    for (int i = 0; i < info->field_count; i++)
        fill_field(r, &info->fields[i], (char *)inst + info->fields[i].offset);
    if (r->program->syncing == ts_syncing_explicit && inst->engine != ts_engine_none &&
        (op == ts_op_event_semaphore || pick(r, 2)))
        add_sync(r, inst);
}

static inline void add_tensor(random_state *r, ts_tensor_kind kind, uint32_t number) {
    static const char *const names[] = {"x",         "x",   "arg0.w", "",           "a b",  "['w'][0]",
                                        "quote\"\\", "x.1", "1st",    "\xc3\xa9\n", "tile3"};
    ts_tensor tensor = {
        .name = names[pick(r, sizeof names / sizeof *names)], .kind = (uint8_t)kind, .alias = -1};
    tensor.dtype = (uint8_t)(1 + pick(r, ts_dtype_count - 1));
    tensor.rank = (uint8_t)pick(r, 4);
    tensor.bytes = (uint64_t)ts_dtype_get(tensor.dtype)->bytes;
    for (int i = 0; i < tensor.rank; i++) {
        tensor.dim[i] = (int64_t)pick(r, 5);
        tensor.bytes *= (uint64_t)tensor.dim[i];
    }
    tensor.number = number;
    if (kind == ts_tensor_output && pick(r, 2)) tensor.alias = 0;
    if (kind == ts_tensor_scratch) tensor.address = pick(r, 100) * 64;
    if (kind == ts_tensor_constant) {
        uint8_t *bytes = ts_arena_alloc(&r->program->arena, tensor.bytes);
        bool is_small = pick(r, 2);
        for (uint64_t i = 0; i < tensor.bytes; i++)
            bytes[i] = (uint8_t)(is_small ? pick(r, 2) : pick(r, 256));
        tensor.data = bytes;
    }
    ts_vec_push(&r->program->tensors, &r->program->arena, tensor);
}

/* Makes a program with every row of isa.def at least once and `extra` more instructions. The caller frees
   it. */
static inline ts_program *random_program(uint64_t seed, int extra) {
    random_state r = {.seed = seed * 77 + 1,
                      .program = ts_program_new(seed % 2 ? "step" : "jit(step) \"1\"", "trn1")};
    ts_program *program = r.program;
    for (int i = 0; i < 4; i++) {
        ts_loc loc = {.file = i % 2 ? "a \"b\".py" : "",
                      .name = i ? "jit(f)/add" : "",
                      .line = (uint32_t)pick(&r, 99),
                      .column = (uint32_t)pick(&r, 99),
                      .parent = i > 1 ? (uint32_t)i : 0};
        ts_vec_push(&program->locs, &program->arena, loc);
    }
    program->order = (uint8_t)pick(&r, 2);
    program->syncing = program->order == ts_order_program ? (uint8_t)pick(&r, 2) : ts_syncing_derived;
    program->ranks = 1 + (uint32_t)pick(&r, TS_MAX_RANKS);
    program->model_flops = pick(&r, 2) ? UINT64_MAX : 0;
    program->scratch_bytes = pick(&r, 1000);
    for (uint32_t i = 0; i < 3; i++)
        add_tensor(&r, ts_tensor_input, 2 - i);
    for (uint32_t i = 0; i < 2; i++)
        add_tensor(&r, ts_tensor_output, i);
    for (uint32_t i = 0; i < 4; i++)
        add_tensor(&r, i % 2 ? ts_tensor_scratch : ts_tensor_constant, 0);
    for (uint64_t i = 0, tiles = 2 * pick(&r, 4); i < tiles; i++) {
        ts_tile_row tile = {.space = i % 2 ? ts_space_psum : ts_space_sbuf,
                            .slots = (uint16_t)(1 + pick(&r, 3)),
                            .address = (int64_t)pick(&r, 99),
                            .bytes = (int64_t)(1 + pick(&r, 99))};
        ts_vec_push(&program->tiles, &program->arena, tile);
    }
    for (unsigned i = 0; i < (unsigned)(ts_op_count + extra); i++) {
        unsigned op = i < ts_op_count ? i : (unsigned)pick(&r, ts_op_count);
        if (op == ts_op_event_semaphore && program->syncing != ts_syncing_explicit) continue;
        if (op == ts_op_leave && r.depth == 0) add_loop(&r);
        if (op > ts_op_end)
            add_instruction(&r, op);
        else if (op == ts_op_end ? r.depth > 0 : false)
            add_end(&r);
        else if (r.depth < TS_MAX_LOOP_DEPTH)
            add_loop(&r);
    }
    while (r.depth)
        add_end(&r);
    return program;
}

#endif
