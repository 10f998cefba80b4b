/* Copies the instructions of a recorded kernel into the program of a step. */
#include <string.h>

#include "plan/kernel.h"

const ts_tensor *ts_kernel_tensor(const ts_program *kernel, ts_tensor_kind kind, uint32_t number) {
    for (uint32_t i = 0; i < kernel->tensors.count; i++) {
        const ts_tensor *tensor = &kernel->tensors.data[i];
        if (tensor->kind == kind && tensor->number == number) return tensor;
    }
    return NULL;
}

uint64_t ts_kernel_flops(const ts_program *kernel) {
    uint64_t flops = 0;
    for (uint32_t at = 0; at < kernel->code.count; at++) {
        const ts_inst_nc_matmul *product = (const ts_inst_nc_matmul *)kernel->code.data[at];
        if (product->head.op != ts_op_nc_matmul) continue;
        uint64_t columns = 1, rows = 1;
        for (int i = 0; i < product->moving.dims; i++)
            columns *= (uint64_t)product->moving.dim[i].count.max;
        for (int i = 0; i < product->stationary.dims; i++)
            rows *= (uint64_t)product->stationary.dim[i].count.max;
        flops += 2 * columns * rows * (uint64_t)product->moving.parts.max;
    }
    return flops;
}

typedef struct splice {
    ts_builder *into;
    const ts_builder *kernel;
    const uint32_t *inputs, *outputs;
    ts_arena scratch;
    ts_tile *tile;    /* by tile of the kernel: the step's tile */
    uint32_t *tensor; /* by tensor of the kernel: the step's tensor */
    uint32_t first_loc, caller;
} splice;

/* Addresses that the kernel chose may overlap on purpose, so their layout must be kept. All chosen tiles of a
   space become parts of one fixed tile that is live while any of them is in use. */
static void add_chosen(splice *s, ts_space space) {
    const ts_builder *kernel = s->kernel;
    int64_t low = INT64_MAX, high = 0,
            unit = space == ts_space_psum ? (int64_t)kernel->chip->psum_bank_bytes : 64;
    for (uint32_t i = 0; i < kernel->tiles.count; i++) {
        const ts_tile_info *tile = &kernel->tiles.data[i];
        if (tile->space != space || !tile->is_fixed) continue;
        if (tile->address < low) low = tile->address;
        if (tile->address + tile->bytes > high) high = tile->address + tile->bytes;
    }
    if (low == INT64_MAX) return;
    low = low / unit * unit;
    ts_tile made = ts_build_ring(s->into, space, (int64_t)kernel->chip->partitions, high - low, 1);
    ts_tile_info *chosen = &s->into->tiles.data[made - 1];
    chosen->is_fixed = true;
    chosen->address = low;
    chosen->name = "addresses that a kernel chose";
    for (uint32_t i = 0; i < kernel->tiles.count; i++)
        if (kernel->tiles.data[i].space == space && kernel->tiles.data[i].is_fixed) s->tile[i] = made;
}

static uint32_t loc_of(const splice *s, uint32_t loc) {
    return loc ? s->first_loc + loc - 1 : s->caller;
}

static void add_tiles(splice *s) {
    s->tile = TS_NEW_ARRAY(&s->scratch, ts_tile, s->kernel->tiles.count + 1);
    add_chosen(s, ts_space_sbuf);
    add_chosen(s, ts_space_psum);
    for (uint32_t i = 0; i < s->kernel->tiles.count; i++) {
        const ts_tile_info *tile = &s->kernel->tiles.data[i];
        if (tile->is_fixed) continue;
        s->tile[i] = ts_build_ring(s->into, tile->space, tile->parts, tile->bytes, 1);
        ts_tile_info *made = &s->into->tiles.data[s->tile[i] - 1];
        made->loc = loc_of(s, tile->loc);
        made->name = ts_arena_string(&s->into->program->arena, tile->name);
    }
}

static void add_tensors(splice *s) {
    const ts_program *kernel = s->kernel->program;
    ts_program *program = s->into->program;
    s->tensor = TS_NEW_ARRAY(&s->scratch, uint32_t, kernel->tensors.count + 1);
    for (uint32_t i = 0; i < kernel->tensors.count; i++) {
        const ts_tensor *tensor = &kernel->tensors.data[i];
        if (tensor->kind == ts_tensor_input) s->tensor[i] = s->inputs[tensor->number];
        if (tensor->kind == ts_tensor_output) s->tensor[i] = s->outputs[tensor->number];
        if (tensor->kind == ts_tensor_input || tensor->kind == ts_tensor_output) continue;
        s->tensor[i] =
            ts_build_tensor(s->into, tensor->kind, tensor->dtype, tensor->rank, tensor->dim, tensor->name);
        if (tensor->kind == ts_tensor_constant)
            program->tensors.data[s->tensor[i]].data =
                ts_arena_copy(&program->arena, tensor->data, tensor->bytes);
    }
}

static void add_locs(splice *s) {
    ts_program *program = s->into->program;
    const ts_program *kernel = s->kernel->program;
    s->first_loc = program->locs.count;
    for (uint32_t i = 1; i < kernel->locs.count; i++) {
        ts_loc loc = kernel->locs.data[i];
        loc.file = ts_arena_string(&program->arena, loc.file);
        loc.name = ts_arena_string(&program->arena, loc.name);
        loc.parent = s->caller + 1;
        ts_vec_push(&program->locs, &program->arena, loc);
    }
}

static void move_ap(const splice *s, ts_ap *ap) {
    if (ap->space == ts_space_hbm) {
        ap->tensor = s->tensor[ap->tensor];
        if (!ap->index) return;
        ts_program *program = s->into->program;
        ts_ap index = s->kernel->program->indices.data[ap->index - 1];
        move_ap(s, &index);
        ts_vec_push(&program->indices, &program->arena, index);
        ap->index = program->indices.count;
        return;
    }
    const ts_tile_info *from = &s->kernel->tiles.data[ap->tensor - 1];
    ap->tensor = s->tile[ap->tensor - 1];
    if (from->is_fixed) ap->offset.base += from->address - s->into->tiles.data[ap->tensor - 1].address;
}

static void add_inst(const splice *s, const ts_inst *inst) {
    ts_program *program = s->into->program;
    const ts_op_info *info = ts_op_get(inst->op);
    ts_inst *made = ts_arena_copy(&program->arena, inst, info->size);
    made->loc = loc_of(s, inst->loc);
    made->order = ts_order_list;
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        ts_ap *ap = ts_inst_ap(made, &info->fields[i], &is_write);
        if (ap) move_ap(s, ap);
    }
    ts_vec_push(&program->code, &program->arena, made);
}

void ts_kernel_splice(ts_builder *into, const ts_builder *kernel, const uint32_t *inputs,
                      const uint32_t *outputs, uint32_t loc) {
    splice s = {.into = into, .kernel = kernel, .inputs = inputs, .outputs = outputs, .caller = loc};
    add_locs(&s);
    add_tiles(&s);
    add_tensors(&s);
    for (uint32_t at = 0; at < kernel->program->code.count; at++)
        add_inst(&s, kernel->program->code.data[at]);
    ts_arena_free(&s.scratch);
}
