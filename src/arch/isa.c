/* The instruction set as tables: the rows of isa.def, kind.def, alu.def and act.def with names and
   layouts. */
#include "arch/isa.h"

#include <string.h>

#include "arch/dtype.h"
#include "base/file.h"

/* One function per row, because F takes a field's offset in the local type `row`. A row may have no fields,
   but an initialiser needs an element: an empty field ends every list. The cost column is stored as text;
   cost.c compiles it. */
#define F(kind, name) {ts_kind_##kind, #name, offsetof(row, name)},
#define INST(op, engines, since, fields, cost, semantics, source)                                            \
    static const ts_op_info *row_##op(void) {                                                                \
        typedef ts_inst_##op row;                                                                            \
        enum { count = sizeof((const ts_field[]){fields{0, "", 0}}) / sizeof(ts_field) - 1 };                \
        _Static_assert((int)count <= (int)TS_MAX_FIELDS, "more fields than ts_op_info holds");               \
        static const ts_op_info info = {#op,   #engines,  since, sizeof(row), count, {fields{0, "", 0}},     \
                                        #cost, semantics, source};                                           \
        return &info;                                                                                        \
    }
#include "arch/isa.def"

static const ts_op_info *none_row(void) {
    static const ts_op_info info = {"none", "NONE",           0, sizeof(ts_inst), 0, {{0, "", 0}},
                                    "0",    "no instruction", ""};
    return &info;
}

const ts_op_info *ts_op_get(unsigned op) {
#define F(kind, name)
#define INST(name, ...) row_##name,
    static const ts_op_info *(*const rows[])(void) = {
        none_row,
#include "arch/isa.def"
    };
    return rows[op < ts_op_count ? op : ts_op_none]();
}

bool ts_inst_keeps_some(const ts_inst *inst) {
    if (inst->op == ts_op_tensor_copy_predicated || inst->op == ts_op_nc_stream_shuffle) return true;
    if (inst->op != ts_op_dma_copy) return false;
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
    return dma->rmw != ts_rmw_none || dma->oob == ts_oob_skip;
}

static uint64_t add_name(uint64_t digest, const char *name) {
    return ts_hash(name, strlen(name) + 1, digest);
}

uint64_t ts_isa_digest(void) {
    uint64_t digest = 0;
    for (unsigned op = 0; op < ts_op_count; op++) {
        const ts_op_info *info = ts_op_get(op);
        digest = add_name(digest, info->name);
        for (int i = 0; i < info->field_count; i++) {
            uint8_t kind = (uint8_t)info->fields[i].kind;
            digest = ts_hash(&kind, 1, add_name(digest, info->fields[i].name));
        }
    }
    for (unsigned op = 0; op < ts_alu_count; op++)
        digest = add_name(digest, ts_alu_name(op));
    for (unsigned func = 0; func < ts_act_count; func++)
        digest = add_name(digest, ts_act_name(func));
    for (unsigned dtype = 0; dtype < ts_dtype_count; dtype++)
        digest = add_name(digest, ts_dtype_get((ts_dtype)dtype)->name);
    return digest;
}

bool ts_op_is_transfer(unsigned op) {
    return op == ts_op_dma_copy || op == ts_op_collective;
}

bool ts_op_is_sequencers(unsigned op) {
    const char *engines = ts_op_get(op)->engines;
    return engines[0] == 'S' && engines[1] == 'E'; /* no engine has the letter E */
}

bool ts_op_allows(unsigned op, ts_engine engine) {
    static const char letter[ts_engine_count] = {[ts_engine_tensor] = 'T',
                                                 [ts_engine_vector] = 'V',
                                                 [ts_engine_scalar] = 'S',
                                                 [ts_engine_gpsimd] = 'G',
                                                 [ts_engine_sync] = 'Y'};
    const char *engines = ts_op_get(op)->engines;
    if ((unsigned)engine >= ts_engine_count) return false;
    if (strcmp(engines, "NONE") == 0) return op != ts_op_none && engine == ts_engine_none;
    if (engine == ts_engine_none) return false;
    return strchr(engines, letter[engine]) || ts_op_is_transfer(op) || ts_op_is_sequencers(op);
}

const char *ts_kind_name(ts_field_kind kind) {
    static const char *const names[] = {
#define KIND(name, ...) #name,
#include "arch/kind.def"
    };
    return names[kind];
}

const char *ts_kind_meaning(ts_field_kind kind) {
    static const char *const meanings[] = {
#define KIND(name, type, meaning) meaning,
#include "arch/kind.def"
    };
    return meanings[kind];
}

typedef struct alu_row {
    const char *name;
    char kind;
    int operands;
} alu_row;

static const alu_row *alu_get(unsigned op) {
    enum { a = 'a', c = 'c', l = 'l', b = 'b' };
    static const alu_row rows[] = {
#define ALU(name, kind, operands, meaning) {#name, kind, operands},
#include "arch/alu.def"
        {"?", '?', 2}};
    return &rows[op < ts_alu_count ? op : ts_alu_count];
}

const char *ts_alu_name(unsigned op) {
    return alu_get(op)->name;
}

char ts_alu_kind(unsigned op) {
    return alu_get(op)->kind;
}

bool ts_alu_is_unary(unsigned op) {
    return alu_get(op)->operands == 1;
}

const char *ts_cc_name(unsigned kind) {
    static const char *const names[] = {"all_reduce", "reduce_scatter", "all_gather", "all_to_all",
                                        "broadcast",  "permute",        "?"};
    return names[kind < ts_cc_count ? kind : ts_cc_count];
}

const char *ts_cmd_name(unsigned cmd) {
    static const char *const names[] = {"idle", "reset", "reset_reduce", "reduce", "load_reduce", "?"};
    return names[cmd < ts_cmd_count ? cmd : ts_cmd_count];
}

bool ts_scalar_is_unused(const ts_inst *inst, int at) {
    const ts_op_info *info = ts_op_get(inst->op);
    while (--at >= 0) {
        unsigned value = *((const uint8_t *)inst + info->fields[at].offset);
        if (info->fields[at].kind == ts_kind_alu) return ts_alu_is_unary(value);
        if (info->fields[at].kind == ts_kind_cmd) return value != ts_cmd_load_reduce;
    }
    return false;
}

const char *ts_act_name(unsigned func) {
    static const char *const names[] = {
#define ACT(name, ...) #name,
#include "arch/act.def"
        "?"};
    return names[func < ts_act_count ? func : ts_act_count];
}

const char *ts_act_table(unsigned func) {
    static const char *const tables[] = {
#define ACT(name, table, ...) #table,
#include "arch/act.def"
        "?"};
    return tables[func < ts_act_count ? func : ts_act_count];
}

const char *ts_engine_name(unsigned engine) {
    static const char *const names[] = {"none", "tensor", "vector", "scalar", "gpsimd", "sync", "?"};
    return names[engine < ts_engine_count ? engine : ts_engine_count];
}

const char *ts_space_name(unsigned space) {
    static const char *const names[] = {"none", "sbuf", "psum", "hbm", "?"};
    return names[space <= ts_space_hbm ? space : ts_space_hbm + 1];
}

bool ts_program_has(const ts_program *program, ts_op op) {
    for (uint32_t at = 0; at < program->code.count; at++)
        if (program->code.data[at]->op == op) return true;
    return false;
}

ts_inst *ts_program_append(ts_program *program, ts_op op, ts_engine engine, uint32_t loc) {
    ts_inst *inst = ts_arena_alloc(&program->arena, ts_op_get(op)->size);
    inst->op = (uint16_t)op;
    inst->engine = (uint8_t)engine;
    inst->loc = loc;
    ts_vec_push(&program->code, &program->arena, inst);
    return inst;
}
