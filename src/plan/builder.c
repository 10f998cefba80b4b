/* Builder: the functions that append instructions, loops and tiles to a program. */
#include "plan/builder.h"

#include <string.h>

#include "arch/dtype.h"

void ts_builder_init(ts_builder *builder, ts_program *program, const ts_chip *chip) {
    memset(builder, 0, sizeof *builder);
    builder->program = program;
    builder->chip = chip;
}

int64_t ts_build_scaled(const ts_builder *builder, int64_t amount) {
    const double usual = 192 * 1024;
    int64_t scaled = (int64_t)((double)amount * builder->chip->sbuf_partition_bytes / usual);
    return scaled < 1 ? 1 : scaled;
}

ts_affine ts_affine_const(int64_t base) {
    return (ts_affine){.base = base};
}

ts_count ts_count_const(int64_t count) {
    return (ts_count){.max = (int32_t)count};
}

ts_affine ts_build_term(ts_builder *builder, ts_affine affine, int64_t coef, uint32_t loop) {
    if (coef == 0) return affine;
    ts_program *program = builder->program;
    uint32_t first = program->terms.count;
    for (uint32_t i = 0; i < affine.term_count; i++) {
        ts_term term = program->terms.data[affine.first_term + i];
        ts_vec_push(&program->terms, &program->arena, term);
    }
    ts_term term = {.coef = coef, .loop = loop};
    ts_vec_push(&program->terms, &program->arena, term);
    affine.first_term = first;
    affine.term_count++;
    return affine;
}

ts_affine ts_build_sum(ts_builder *builder, ts_affine affine, ts_affine more, int64_t coef) {
    affine.base += coef * more.base;
    for (uint32_t i = 0; i < more.term_count; i++) {
        ts_term term = builder->program->terms.data[more.first_term + i];
        affine = ts_build_term(builder, affine, coef * term.coef, term.loop);
    }
    return affine;
}

ts_count ts_build_ragged(ts_builder *builder, int64_t tile, int64_t total, uint32_t loop, int64_t scale) {
    ts_count count = {.max = (int32_t)(tile * scale)};
    if (total % tile == 0) return count;
    count.is_ragged = true;
    count.limit = ts_build_term(builder, ts_affine_const(total * scale), -tile * scale, loop);
    return count;
}

uint32_t ts_build_loop(ts_builder *builder, ts_count trip) {
    ts_program *program = builder->program;
    uint32_t id = program->loops.count;
    ts_inst_loop *inst = (ts_inst_loop *)ts_program_append(program, ts_op_loop, ts_engine_none, builder->loc);
    inst->id = id;
    inst->trip = trip;
    ts_loop loop = {.begin = program->code.count - 1, .trip = trip};
    if (builder->depth > 0) loop.parent = builder->open_loops[builder->depth - 1] + 1;
    ts_vec_push(&program->loops, &program->arena, loop);
    builder->open_loops[builder->depth++] = id;
    if (builder->depth > builder->deepest) builder->deepest = builder->depth;
    return id;
}

void ts_build_end(ts_builder *builder) {
    ts_program *program = builder->program;
    uint32_t id = builder->open_loops[--builder->depth];
    ts_inst_end *inst = (ts_inst_end *)ts_program_append(program, ts_op_end, ts_engine_none, builder->loc);
    inst->id = id;
    program->loops.data[id].end = program->code.count - 1;
}

void ts_build_move(ts_builder *b, uint32_t from, uint32_t to) {
    ts_inst **code = b->program->code.data, *moved = code[from];
    bool is_back = to < from;
    uint32_t low = is_back ? to : from, high = is_back ? from : to;
    memmove(code + low + is_back, code + low + !is_back, (high - low) * sizeof *code);
    code[to] = moved;
    for (uint32_t i = low; i <= high; i++) {
        if (code[i]->op == ts_op_loop) b->program->loops.data[((ts_inst_loop *)code[i])->id].begin = i;
        if (code[i]->op == ts_op_end) b->program->loops.data[((ts_inst_end *)code[i])->id].end = i;
    }
}

static int64_t round_up(int64_t value, int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

ts_tile ts_build_ring(ts_builder *builder, ts_space space, int64_t parts, int64_t bytes, int slots) {
    int64_t unit = space == ts_space_psum ? (int64_t)builder->chip->psum_bank_bytes : 64;
    ts_tile_info tile = {.space = (uint8_t)space,
                         .slots = (uint16_t)slots,
                         .parts = (int32_t)parts,
                         .bytes = round_up(bytes, unit)};
    ts_vec_push(&builder->tiles, &builder->program->arena, tile);
    return builder->tiles.count;
}

/* Reuses a recent row of the rotation table where one is equal: operands that are emitted close together
   often name the same slot. */
static uint32_t add_rotation(ts_builder *builder, const ts_tile_info *tile, ts_affine index) {
    enum { NEAR = 16 };
    ts_program *program = builder->program;
    ts_rotation rotation = {.index = index, .step = tile->bytes, .count = tile->slots};
    for (uint32_t i = program->rotations.count, n = 0; i-- > 0 && n < NEAR; n++) {
        const ts_rotation *row = &program->rotations.data[i];
        if (row->step == rotation.step && row->count == rotation.count &&
            ts_affine_same(program, &row->index, &index))
            return i + 1;
    }
    ts_vec_push(&program->rotations, &program->arena, rotation);
    return program->rotations.count;
}

void ts_build_slot(ts_builder *builder, ts_ap *ap, ts_affine index) {
    const ts_tile_info *tile = &builder->tiles.data[ap->tensor - 1];
    if (tile->slots > 1) ap->offset.rotation = add_rotation(builder, tile, index) & TS_MOST_ROTATIONS;
}

ts_tile ts_build_tile(ts_builder *builder, ts_space space, int64_t parts, int64_t bytes, int slots) {
    bool is_rotating = slots > 1 && builder->depth > builder->control_depth;
    ts_tile tile = ts_build_ring(builder, space, parts, bytes, is_rotating ? slots : 1);
    if (!is_rotating) return tile;
    ts_tile_info *info = &builder->tiles.data[tile - 1];
    uint32_t loop = builder->open_loops[builder->depth - 1];
    info->rotation = add_rotation(builder, info, ts_build_term(builder, ts_affine_const(0), 1, loop));
    return tile;
}

ts_ap ts_build_ap(const ts_builder *builder, ts_tile tile, ts_dtype dtype, ts_count parts, ts_count count) {
    const ts_tile_info *info = &builder->tiles.data[tile - 1];
    ts_ap ap = {.space = info->space, .dtype = (uint8_t)dtype, .tensor = tile, .parts = parts};
    ap.offset.rotation = info->rotation;
    ts_ap_dim(&ap, 1, count);
    return ap;
}

ts_ap ts_build_hbm(uint32_t tensor, ts_dtype dtype, ts_affine offset) {
    return (ts_ap){.space = ts_space_hbm,
                   .dtype = (uint8_t)dtype,
                   .tensor = tensor,
                   .offset = offset,
                   .parts = {.max = 1}};
}

void ts_ap_dim(ts_ap *ap, int64_t step, ts_count count) {
    ap->dim[ap->dims].step = step;
    ap->dim[ap->dims].count = count;
    ap->dims++;
}

uint32_t ts_build_tensor(ts_builder *builder, ts_tensor_kind kind, ts_dtype dtype, int rank,
                         const int64_t *dim, const char *name) {
    ts_program *program = builder->program;
    ts_tensor tensor = {.name = ts_arena_string(&program->arena, name),
                        .dtype = (uint8_t)dtype,
                        .kind = (uint8_t)kind,
                        .rank = (uint8_t)rank,
                        .alias = -1};
    tensor.bytes = (uint64_t)ts_dtype_get(dtype)->bytes;
    for (int i = 0; i < rank; i++) {
        tensor.dim[i] = dim[i];
        if (__builtin_mul_overflow(tensor.bytes, (uint64_t)dim[i], &tensor.bytes)) tensor.bytes = UINT64_MAX;
    }
    ts_vec_push(&program->tensors, &program->arena, tensor);
    ts_vec_push(&builder->tensor_locs, &program->arena, builder->loc);
    return program->tensors.count - 1;
}

#define EMIT(name, engine) ((ts_inst_##name *)ts_program_append(b->program, ts_op_##name, (engine), b->loc))

ts_inst_dma_copy *ts_emit_dma_indexed(ts_builder *b, ts_engine trigger, int queue, const ts_ap *dst,
                                      const ts_ap *src, ts_rmw rmw, ts_oob oob) {
    ts_inst_dma_copy *inst = EMIT(dma_copy, trigger);
    inst->queue = (uint8_t)queue;
    inst->dst = *dst;
    inst->src = *src;
    inst->rmw = (uint8_t)rmw;
    inst->oob = (uint8_t)oob;
    return inst;
}

void ts_emit_dma(ts_builder *b, ts_engine trigger, int queue, const ts_ap *dst, const ts_ap *src) {
    ts_emit_dma_indexed(b, trigger, queue, dst, src, ts_rmw_none, ts_oob_error);
}

ts_inst_nc_matmul *ts_emit_matmul(ts_builder *b, const ts_ap *dst, const ts_ap *stationary,
                                  const ts_ap *moving, ts_accum accumulate) {
    ts_inst_nc_matmul *inst = EMIT(nc_matmul, ts_engine_tensor);
    inst->dst = *dst;
    inst->stationary = *stationary;
    inst->moving = *moving;
    inst->accumulate = accumulate;
    return inst;
}

void ts_emit_transpose(ts_builder *b, ts_engine engine, const ts_ap *dst, const ts_ap *data) {
    ts_inst_nc_transpose *inst = EMIT(nc_transpose, engine);
    inst->dst = *dst;
    inst->data = *data;
}

void ts_emit_copy(ts_builder *b, ts_engine engine, const ts_ap *dst, const ts_ap *src) {
    ts_inst_tensor_copy *inst = EMIT(tensor_copy, engine);
    inst->dst = *dst;
    inst->src = *src;
}

void ts_emit_copy_predicated(ts_builder *b, const ts_ap *dst, const ts_ap *src, const ts_ap *predicate) {
    ts_inst_tensor_copy_predicated *inst = EMIT(tensor_copy_predicated, ts_engine_vector);
    inst->dst = *dst;
    inst->src = *src;
    inst->predicate = *predicate;
}

ts_inst_select_reduce *ts_emit_select_reduce(ts_builder *b, const ts_ap *dst, const ts_ap *predicate,
                                             const ts_ap *on_true, double on_false, bool is_reversed) {
    ts_inst_select_reduce *inst = EMIT(select_reduce, ts_engine_vector);
    inst->dst = *dst;
    inst->predicate = *predicate;
    inst->on_true = *on_true;
    inst->on_false = ts_scalar_const(on_false);
    inst->reverse_pred = is_reversed;
    return inst;
}

void ts_emit_memset(ts_builder *b, ts_engine engine, const ts_ap *dst, double value) {
    ts_inst_memset *inst = EMIT(memset, engine);
    inst->dst = *dst;
    inst->value = value;
}

void ts_emit_iota(ts_builder *b, const ts_ap *dst, ts_affine offset, int64_t channel_multiplier,
                  const int64_t *pattern) {
    ts_inst_iota *inst = EMIT(iota, ts_engine_gpsimd);
    inst->dst = *dst;
    inst->offset = offset;
    inst->channel_multiplier = channel_multiplier;
    for (int i = 0; i < 4 && i < dst->dims; i++)
        inst->pattern.step[i] = pattern[i];
}

void ts_emit_tensor_tensor(ts_builder *b, ts_engine engine, const ts_ap *dst, const ts_ap *data1,
                           const ts_ap *data2, ts_alu op) {
    ts_inst_tensor_tensor *inst = EMIT(tensor_tensor, engine);
    inst->dst = *dst;
    inst->data1 = *data1;
    inst->data2 = *data2;
    inst->op = (uint8_t)op;
}

ts_inst_tensor_scalar *ts_emit_tensor_scalar(ts_builder *b, ts_engine engine, const ts_ap *dst,
                                             const ts_ap *data, ts_alu op0, ts_scalar operand0,
                                             bool reverse0) {
    ts_inst_tensor_scalar *inst = EMIT(tensor_scalar, engine);
    inst->dst = *dst;
    inst->data = *data;
    inst->op0 = (uint8_t)op0;
    inst->operand0 = operand0;
    inst->reverse0 = reverse0;
    inst->op1 = ts_alu_bypass;
    return inst;
}

void ts_emit_scalar_tensor_tensor(ts_builder *b, const ts_ap *dst, const ts_ap *data, ts_alu op0,
                                  ts_scalar operand0, bool reverse0, ts_alu op1, const ts_ap *operand1,
                                  bool reverse1) {
    ts_inst_scalar_tensor_tensor *inst = EMIT(scalar_tensor_tensor, ts_engine_vector);
    inst->dst = *dst;
    inst->data = *data;
    inst->op0 = (uint8_t)op0;
    inst->operand0 = operand0;
    inst->reverse0 = reverse0;
    inst->op1 = (uint8_t)op1;
    inst->operand1 = *operand1;
    inst->reverse1 = reverse1;
}

void ts_emit_fold_angle(ts_builder *b, const ts_ap *dst, const ts_ap *data, int quarters) {
    ts_inst_gpsimd_fold_angle *inst = EMIT(gpsimd_fold_angle, ts_engine_gpsimd);
    inst->dst = *dst;
    inst->data = *data;
    inst->quarters = (uint8_t)(quarters & 3);
}

ts_inst_activation *ts_emit_activation(ts_builder *b, const ts_ap *dst, ts_act func, const ts_ap *data,
                                       double scale) {
    ts_inst_activation *inst = EMIT(activation, ts_engine_scalar);
    inst->dst = *dst;
    inst->func = (uint8_t)func;
    inst->data = *data;
    inst->scale = ts_scalar_const(scale);
    return inst;
}

void ts_emit_reduce(ts_builder *b, const ts_ap *dst, const ts_ap *data, ts_alu op, int axes) {
    ts_inst_tensor_reduce *inst = EMIT(tensor_reduce, ts_engine_vector);
    inst->dst = *dst;
    inst->data = *data;
    inst->op = (uint8_t)op;
    inst->axes = (uint8_t)axes;
}

void ts_emit_collective(ts_builder *b, ts_engine trigger, ts_cc kind, const ts_ap *dst, const ts_ap *src,
                        ts_alu op, const ts_ap *groups) {
    ts_inst_collective *inst = EMIT(collective, trigger);
    inst->kind = (uint8_t)kind;
    inst->dst = *dst;
    inst->src = *src;
    inst->op = (uint8_t)op;
    inst->groups = *groups;
}

void ts_emit_rank(ts_builder *b, const ts_ap *dst) {
    ts_inst_gpsimd_rank *inst = EMIT(gpsimd_rank, ts_engine_gpsimd);
    inst->dst = *dst;
}

void ts_emit_host_call(ts_builder *b, int64_t id, const ts_ap *dst, const ts_ap *src, bool is_once) {
    ts_inst_host_call *inst = EMIT(host_call, ts_engine_sync);
    inst->id = id;
    inst->dst = *dst;
    inst->src = *src;
    inst->is_once = is_once;
}

ts_scalar ts_scalar_const(double value) {
    return (ts_scalar){.value = value};
}

ts_scalar ts_scalar_ap(const ts_ap *ap) {
    return (ts_scalar){.is_ap = true, .ap = *ap};
}
