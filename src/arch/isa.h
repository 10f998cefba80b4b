/* The instruction set as C types: everything here is made from isa.def, kind.def, alu.def and
   act.def. */
#ifndef TS_ARCH_ISA_H
#define TS_ARCH_ISA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/program.h"

typedef enum ts_op {
    ts_op_none,
#define F(kind, name)
#define INST(name, ...) ts_op_##name,
#include "arch/isa.def"
    ts_op_count
} ts_op;

typedef enum ts_alu {
#define ALU(name, ...) ts_alu_##name,
#include "arch/alu.def"
    ts_alu_count
} ts_alu;

typedef enum ts_act {
#define ACT(name, ...) ts_act_##name,
#include "arch/act.def"
    ts_act_count
} ts_act;

typedef enum ts_rmw { ts_rmw_none, ts_rmw_add } ts_rmw;
typedef enum ts_oob { ts_oob_error, ts_oob_skip } ts_oob;

/* What the ranks of a group do together. */
typedef enum ts_cc {
    ts_cc_all_reduce,
    ts_cc_reduce_scatter,
    ts_cc_all_gather,
    ts_cc_all_to_all,
    ts_cc_broadcast,
    ts_cc_permute,
    ts_cc_count
} ts_cc;

/* What an instruction does with its engine's accumulators, one fp32 number a partition that stays between
   instructions: begin anew or go on, and whether what the instruction makes is folded in (ISA:52-70). */
typedef enum ts_cmd {
    ts_cmd_idle,         /* leave them alone */
    ts_cmd_reset,        /* begin anew */
    ts_cmd_reset_reduce, /* begin anew, then fold */
    ts_cmd_reduce,       /* fold */
    ts_cmd_load_reduce,  /* begin with a given value, then fold */
    ts_cmd_count
} ts_cmd;
enum { TS_QUADRANT = 32, TS_LANE_KEPT = 255 }; /* partitions of a quadrant; in a mask: dst keeps its row */

struct ts_field_steps {
    int64_t step[4]; /* one per free dimension of dst, unused ones 0 */
};
struct ts_field_lanes {
    uint8_t from[TS_QUADRANT]; /* partition of a quadrant that each one takes, or TS_LANE_KEPT */
};

/* Field kinds and the C type of each. */
#define KIND(name, type, meaning) typedef type ts_field_##name;
#include "arch/kind.def"

typedef enum ts_field_kind {
#define KIND(name, ...) ts_kind_##name,
#include "arch/kind.def"
} ts_field_kind;
const char *ts_kind_name(ts_field_kind kind);
/* What text may write for it. */
const char *ts_kind_meaning(ts_field_kind kind);

/* ts_inst_nc_matmul and so on: head, then the fields of the row. */
#define F(kind, name) ts_field_##kind name;
#define INST(name, engines, since, fields, ...)                                                              \
    typedef struct ts_inst_##name {                                                                          \
        ts_inst head;                                                                                        \
        fields                                                                                               \
    } ts_inst_##name;
#include "arch/isa.def"

enum { TS_MAX_FIELDS = 10 };

typedef struct ts_field {
    ts_field_kind kind;
    const char *name;
    size_t offset; /* into the typed instruction */
} ts_field;

typedef struct ts_op_info {
    const char *name;
    const char *engines; /* "T", "VSG", "DMA", "SEQ", "NONE" */
    int since;           /* NeuronCore generation */
    size_t size;         /* of the typed struct */
    int field_count;
    ts_field fields[TS_MAX_FIELDS + 1]; /* and an empty one */
    const char *cost;                   /* the formula as written in the row */
    const char *semantics, *source;
} ts_op_info;

/* Row of an op; the row of ts_op_none when out of range. */
const ts_op_info *ts_op_get(unsigned op);
bool ts_op_allows(unsigned op, ts_engine engine);
/* Whether an engine only triggers it: a DMA or a collective, which moves bytes on its own. */
bool ts_op_is_transfer(unsigned op);
/* Whether an engine only waits or tells others in it: its sequencer executes it, not its datapath. */
bool ts_op_is_sequencers(unsigned op);
/* The operand in a field of the instruction; NULL when the field is none or absent. */
static inline ts_ap *ts_inst_ap(ts_inst *inst, const ts_field *field, bool *is_write) {
    void *at = (char *)inst + field->offset;
    *is_write = field->kind == ts_kind_dst || field->kind == ts_kind_optdst;
    switch (field->kind) {
    case ts_kind_dst:
    case ts_kind_src:
    case ts_kind_opt:
    case ts_kind_optdst: return ((ts_ap *)at)->space == ts_space_none ? NULL : (ts_ap *)at;
    case ts_kind_scalar: return ((ts_scalar *)at)->is_ap ? &((ts_scalar *)at)->ap : NULL;
    default: return NULL;
    }
}
/* Whether elements of the destination may stay as they were, or add to what is written. */
bool ts_inst_keeps_some(const ts_inst *inst);
/* Of all that the encoding of programs takes from the tables: the numbers of instructions, operators and
   functions, and the fields in their order. Two builds of one digest read each other's files. */
uint64_t ts_isa_digest(void);

const char *ts_alu_name(unsigned op);
char ts_alu_kind(unsigned op);     /* a c l b */
bool ts_alu_is_unary(unsigned op); /* the other operand does not matter */
const char *ts_cc_name(unsigned kind);
const char *ts_cmd_name(unsigned cmd);
/* Whether what the instruction makes goes into the accumulators, whether they begin anew. */
static inline bool ts_cmd_folds(unsigned cmd) {
    return cmd >= ts_cmd_reset_reduce && cmd < ts_cmd_count;
}
static inline bool ts_cmd_resets(unsigned cmd) {
    return cmd == ts_cmd_reset || cmd == ts_cmd_reset_reduce;
}
/* Whether text may leave out field `at` of the instruction, a scalar: the operand of an operator that takes
   none, or the first value of accumulators that none is loaded into. */
bool ts_scalar_is_unused(const ts_inst *inst, int at);
const char *ts_act_name(unsigned func);
/* Table set of a function, "every" when it needs none. */
const char *ts_act_table(unsigned func);
const char *ts_engine_name(unsigned engine);
const char *ts_space_name(unsigned space);

/* A new zeroed instruction of the op's type in the program's arena, appended to its code. */
ts_inst *ts_program_append(ts_program *program, ts_op op, ts_engine engine, uint32_t loc);

/* Whether some instruction of the program is one of the op. */
bool ts_program_has(const ts_program *program, ts_op op);

/* docs/isa.md, and the same tables for other languages: {"instructions": [...], "alu": [...], "act": [...],
   "dtypes": [...]}. */
void ts_isa_markdown(ts_text *out);
void ts_isa_json(ts_text *out);

#endif
