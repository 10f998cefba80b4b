/* Parser of .trn text into a program. The grammar is in docs/trn.md. */
#include <string.h>

#include "arch/isa.h"
#include "arch/structure.h"
#include "arch/trn_constant.h"
#include "arch/trn_parse.h"
#include "arch/trn_text.h"
#include "base/unit.h"

static ts_status parse_loc_mark(ts_parser *p, uint32_t *loc) {
    int64_t value;
    *loc = 0;
    ts_scan_space(&p->scan);
    const char *start = p->scan.at;
    if (!ts_scan_take(&p->scan, "@")) return ts_ok;
    TS_TRY(ts_scan_i64(&p->scan, 0, UINT32_MAX, &value, "the number of a location"));
    if (value >= p->program->locs.count)
        return ts_scan_refuse(&p->scan, start, "location @%lld is not declared above", (long long)value);
    *loc = (uint32_t)value;
    return ts_ok;
}

/* [order=program|list] */
static ts_status parse_order(ts_parser *p, uint8_t *order) {
    if (!ts_scan_take(&p->scan, "order")) return ts_ok;
    TS_TRY(ts_scan_expect(&p->scan, "="));
    if (ts_scan_take(&p->scan, "list"))
        *order = ts_order_list;
    else if (!ts_scan_take(&p->scan, "program"))
        return ts_scan_fail(&p->scan, "program or list");
    return ts_ok;
}

/* [order=list] [sync=explicit] [ranks=N] */
static ts_status parse_policies(ts_parser *p) {
    TS_TRY(parse_order(p, &p->program->order));
    if (ts_scan_take(&p->scan, "sync")) {
        TS_TRY(ts_scan_expect(&p->scan, "="));
        if (ts_scan_take(&p->scan, "explicit"))
            p->program->syncing = ts_syncing_explicit;
        else if (!ts_scan_take(&p->scan, "derived"))
            return ts_scan_fail(&p->scan, "derived or explicit");
    }
    if (ts_scan_take(&p->scan, "ranks")) {
        int64_t ranks;
        TS_TRY(ts_scan_expect(&p->scan, "="));
        TS_TRY(ts_scan_i64(&p->scan, 1, TS_MAX_RANKS, &ranks, "how many NeuronCores run it together"));
        p->program->ranks = (uint32_t)ranks;
    }
    return ts_ok;
}

/* trn 1 / program NAME chip=NAME [policies] [model_flops=N] [scratch_bytes=N] */
static ts_status parse_header(ts_parser *p) {
    int64_t version;
    ts_program *program = p->program;
    ts_scan_at_end(&p->scan);
    if (!ts_scan_take(&p->scan, "trn")) {
        ts_scan_fail(&p->scan, "'trn %d'", TS_TRN_VERSION);
        ts_diag_remedy(p->scan.diag,
                       "a program is a .trn, or StableHLO as a portable artifact, which is binary; "
                       "trainstone run --help tells how JAX writes one");
        return ts_input;
    }
    const char *start = p->scan.at;
    TS_TRY(ts_scan_i64(&p->scan, 0, INT32_MAX, &version, "the version of the text form"));
    if (version != TS_TRN_VERSION)
        return ts_scan_refuse(&p->scan, start, "version %lld of the text form; this build reads %d",
                              (long long)version, TS_TRN_VERSION);
    TS_TRY(ts_scan_line_end(&p->scan));
    ts_scan_at_end(&p->scan);
    TS_TRY(ts_scan_expect(&p->scan, "program"));
    TS_TRY(ts_scan_name(&p->scan, &program->arena, &program->name, "the program's name"));
    TS_TRY(ts_scan_expect(&p->scan, "chip"));
    TS_TRY(ts_scan_expect(&p->scan, "="));
    TS_TRY(ts_scan_name(&p->scan, &program->arena, &program->chip, "the name of a chip"));
    TS_TRY(parse_policies(p));
    if (ts_scan_take(&p->scan, "model_flops")) {
        TS_TRY(ts_scan_expect(&p->scan, "="));
        TS_TRY(ts_scan_u64(&p->scan, &program->model_flops, "model_flops"));
    }
    if (ts_scan_take(&p->scan, "scratch_bytes")) {
        TS_TRY(ts_scan_expect(&p->scan, "="));
        TS_TRY(ts_scan_u64(&p->scan, &program->scratch_bytes, "scratch_bytes"));
    }
    return ts_scan_line_end(&p->scan);
}

/* loc @N "FILE":LINE:COLUMN ["NAME"] [from @N]; numbered in order from 1. */
static ts_status parse_loc(ts_parser *p) {
    ts_loc loc = {.name = ""};
    int64_t number, line, column, parent;
    TS_TRY(ts_scan_expect(&p->scan, "@"));
    TS_TRY(ts_scan_i64(&p->scan, p->program->locs.count, p->program->locs.count, &number,
                       "the number of this location (they count up)"));
    TS_TRY(ts_scan_quoted(&p->scan, &p->program->arena, &loc.file, "a quoted file name"));
    TS_TRY(ts_scan_expect(&p->scan, ":"));
    TS_TRY(ts_scan_i64(&p->scan, 0, UINT32_MAX, &line, "a line number"));
    TS_TRY(ts_scan_expect(&p->scan, ":"));
    TS_TRY(ts_scan_i64(&p->scan, 0, UINT32_MAX, &column, "a column number"));
    ts_scan_space(&p->scan);
    if (*p->scan.at == '"') TS_TRY(ts_scan_quoted(&p->scan, &p->program->arena, &loc.name, "a quoted name"));
    if (ts_scan_take(&p->scan, "from")) {
        TS_TRY(ts_scan_expect(&p->scan, "@"));
        TS_TRY(ts_scan_i64(&p->scan, 0, UINT32_MAX - 1, &parent, "the number of the caller's location"));
        loc.parent = (uint32_t)parent + 1;
    }
    loc.line = (uint32_t)line;
    loc.column = (uint32_t)column;
    ts_vec_push(&p->program->locs, &p->program->arena, loc);
    return ts_scan_line_end(&p->scan);
}

static ts_status parse_dims(ts_parser *p, ts_tensor *tensor) {
    const ts_dtype_info *info = ts_dtype_get(tensor->dtype);
    tensor->bytes = (uint64_t)info->bytes;
    TS_TRY(ts_scan_expect(&p->scan, "["));
    if (ts_scan_take(&p->scan, "]")) return ts_ok;
    do {
        const char *start = p->scan.at;
        if (tensor->rank == TS_MAX_RANK)
            return ts_scan_refuse(&p->scan, start, "a tensor has at most %d axes", TS_MAX_RANK);
        int64_t size;
        TS_TRY(ts_scan_i64(&p->scan, 0, INT64_MAX, &size, "the size of an axis"));
        tensor->dim[tensor->rank++] = size;
        if (__builtin_mul_overflow(tensor->bytes, (uint64_t)size, &tensor->bytes) ||
            tensor->bytes > INT64_MAX)
            return ts_scan_refuse(&p->scan, start, "a tensor of 2^63 bytes or more");
    } while (ts_scan_take(&p->scan, ","));
    return ts_scan_expect(&p->scan, "]");
}

static ts_status parse_tensor_kind(ts_parser *p, ts_tensor *tensor) {
    int64_t number = 0;
    if (ts_scan_take(&p->scan, "input"))
        tensor->kind = ts_tensor_input;
    else if (ts_scan_take(&p->scan, "output"))
        tensor->kind = ts_tensor_output;
    else if (ts_scan_take(&p->scan, "scratch"))
        tensor->kind = ts_tensor_scratch;
    else if (ts_scan_take(&p->scan, "constant"))
        tensor->kind = ts_tensor_constant;
    else
        return ts_scan_fail(&p->scan, "input, output, scratch or constant");
    if (tensor->kind == ts_tensor_input || tensor->kind == ts_tensor_output)
        TS_TRY(ts_scan_i64(&p->scan, 0, INT32_MAX, &number, "the position of an input or output"));
    tensor->number = (uint32_t)number;
    return ts_ok;
}

/* tensor NAME: KIND [N] DTYPE[DIMS] [alias=N] [address=N] [= DATA] */
static ts_status parse_tensor(ts_parser *p) {
    ts_tensor tensor = {.alias = -1};
    ts_scan_space(&p->scan);
    const char *start = p->scan.at;
    TS_TRY(ts_scan_name(&p->scan, &p->program->arena, &tensor.name, "the name of a tensor"));
    if (!ts_parse_declare(p, tensor.name))
        return ts_scan_refuse(&p->scan, start, "tensor %s is declared twice", tensor.name);
    TS_TRY(ts_scan_expect(&p->scan, ":"));
    TS_TRY(parse_tensor_kind(p, &tensor));
    TS_TRY(ts_parse_dtype(p, &tensor.dtype));
    TS_TRY(parse_dims(p, &tensor));
    if (tensor.kind == ts_tensor_output && ts_scan_take(&p->scan, "alias")) {
        int64_t alias;
        TS_TRY(ts_scan_expect(&p->scan, "="));
        TS_TRY(ts_scan_i64(&p->scan, 0, INT32_MAX, &alias, "the position of an input"));
        tensor.alias = (int32_t)alias;
    }
    if (tensor.kind == ts_tensor_scratch) {
        TS_TRY(ts_scan_expect(&p->scan, "address"));
        TS_TRY(ts_scan_expect(&p->scan, "="));
        TS_TRY(ts_scan_u64(&p->scan, &tensor.address, "address"));
    }
    if (tensor.kind == ts_tensor_constant) TS_TRY(ts_parse_constant(&p->scan, &p->program->arena, &tensor));
    ts_vec_push(&p->program->tensors, &p->program->arena, tensor);
    return ts_scan_line_end(&p->scan);
}

static ts_status parse_number(ts_parser *p, const char *name, int64_t most, int64_t *value) {
    TS_TRY(ts_scan_expect(&p->scan, name));
    TS_TRY(ts_scan_expect(&p->scan, "="));
    return ts_scan_i64(&p->scan, 0, most, value, name);
}

/* tile N: SPACE address=N bytes=N [slots=N] */
static ts_status parse_tile(ts_parser *p) {
    ts_program *program = p->program;
    ts_tile_row tile = {0};
    int64_t number, slots = 1;
    ts_scan_space(&p->scan);
    const char *start = p->scan.at;
    TS_TRY(ts_scan_i64(&p->scan, 1, UINT32_MAX, &number, "the number of a tile"));
    if (number != (int64_t)program->tiles.count + 1)
        return ts_scan_refuse(&p->scan, start, "tiles are numbered in order: %u is next",
                              program->tiles.count + 1);
    TS_TRY(ts_scan_expect(&p->scan, ":"));
    tile.space = ts_space_sbuf;
    if (!ts_scan_take(&p->scan, "sbuf")) {
        TS_TRY(ts_scan_expect(&p->scan, "psum"));
        tile.space = ts_space_psum;
    }
    TS_TRY(parse_number(p, "address", INT64_MAX, &tile.address));
    TS_TRY(parse_number(p, "bytes", INT64_MAX, &tile.bytes));
    ts_scan_space(&p->scan);
    if (*p->scan.at == 's') TS_TRY(parse_number(p, "slots", UINT16_MAX, &slots));
    tile.slots = (uint16_t)slots;
    ts_vec_push(&program->tiles, &program->arena, tile);
    return ts_scan_line_end(&p->scan);
}

/* loop %NAME = COUNT [@N] */
static ts_status parse_loop(ts_parser *p) {
    const char *name, *start = p->scan.at;
    size_t length;
    ts_count trip;
    uint32_t loc;
    ts_program *program = p->program;
    if (p->depth == TS_MAX_LOOP_DEPTH)
        return ts_scan_refuse(&p->scan, start, "loops nest at most %d deep", TS_MAX_LOOP_DEPTH);
    TS_TRY(ts_scan_expect(&p->scan, "%"));
    TS_TRY(ts_scan_word(&p->scan, &name, &length, "the name of a loop"));
    for (int i = 0; i < p->depth; i++)
        if (p->open[i].length == length && memcmp(p->open[i].name, name, length) == 0)
            return ts_scan_refuse(&p->scan, name, "a loop of this name is open");
    TS_TRY(ts_scan_expect(&p->scan, "="));
    TS_TRY(ts_parse_count(p, &trip));
    TS_TRY(parse_loc_mark(p, &loc));
    uint32_t id = program->loops.count;
    ts_inst_loop *inst = (ts_inst_loop *)ts_program_append(program, ts_op_loop, ts_engine_none, loc);
    inst->id = id;
    inst->trip = trip;
    ts_loop loop = {.begin = program->code.count - 1, .trip = trip};
    if (p->depth > 0) loop.parent = p->open[p->depth - 1].loop + 1;
    ts_vec_push(&program->loops, &program->arena, loop);
    p->open[p->depth++] = (ts_open_loop){.name = name, .length = length, .loop = id};
    return ts_scan_line_end(&p->scan);
}

/* end [%NAME] [@N] */
static ts_status parse_end(ts_parser *p) {
    const char *name, *start = p->scan.at;
    size_t length;
    uint32_t loc;
    if (p->depth == 0) return ts_scan_refuse(&p->scan, start, "end without an open loop");
    const ts_open_loop *open = &p->open[p->depth - 1];
    if (ts_scan_take(&p->scan, "%")) {
        TS_TRY(ts_scan_word(&p->scan, &name, &length, "the name of a loop"));
        if (open->length != length || memcmp(open->name, name, length) != 0)
            return ts_scan_refuse(&p->scan, name, "end of another loop than the innermost, %%%.*s",
                                  open->length < 40 ? (int)open->length : 40, open->name);
    }
    TS_TRY(parse_loc_mark(p, &loc));
    ts_inst_end *inst = (ts_inst_end *)ts_program_append(p->program, ts_op_end, ts_engine_none, loc);
    inst->id = open->loop;
    p->program->loops.data[open->loop].end = p->program->code.count - 1;
    p->depth--;
    return ts_scan_line_end(&p->scan);
}

static int find_field(const ts_op_info *info, const char *name, size_t length) {
    for (int i = 0; i < info->field_count; i++)
        if (ts_scan_is(name, length, info->fields[i].name)) return i;
    return -1;
}

/* Whether text may omit the field: it has a default, or it is an unused scalar. */
static bool may_be_absent(const ts_op_info *info, int field, const ts_inst *inst) {
    switch (info->fields[field].kind) {
    case ts_kind_opt:
    case ts_kind_optdst:
    case ts_kind_accum:
    case ts_kind_alu:
    case ts_kind_rmw:
    case ts_kind_oob:
    case ts_kind_cmd:
    case ts_kind_flag: return true;
    case ts_kind_scalar: return ts_scalar_is_unused(inst, field);
    default: return false;
    }
}

static ts_status parse_fields(ts_parser *p, const ts_op_info *info, ts_inst *inst) {
    uint32_t seen = 0;
    for (;;) {
        const char *name;
        size_t length;
        ts_scan_space(&p->scan);
        if (*p->scan.at == 0 || *p->scan.at == '\n' || *p->scan.at == '@') break;
        TS_TRY(ts_scan_word(&p->scan, &name, &length, "a field"));
        if (ts_scan_is(name, length, "wait") || ts_scan_is(name, length, "signal")) {
            TS_TRY(ts_parse_sync(p, name, inst));
            continue;
        }
        int field = find_field(info, name, length);
        if (field < 0)
            return ts_scan_refuse(&p->scan, name, "%s has no field %.*s", info->name,
                                  length < 40 ? (int)length : 40, name);
        if (seen & (1u << field))
            return ts_scan_refuse(&p->scan, name, "field %s is given twice", info->fields[field].name);
        seen |= 1u << field;
        TS_TRY(ts_parse_field(p, &info->fields[field], (char *)inst + info->fields[field].offset));
    }
    for (int i = 0; i < info->field_count; i++)
        if (!(seen & (1u << i)) && !may_be_absent(info, i, inst))
            return ts_scan_fail(&p->scan, "%s= of %s", info->fields[i].name, info->name);
    return ts_ok;
}

/* leave FIELD=VALUE... [@N]: read by every sequencer, so it names no engine. */
static ts_status parse_leave(ts_parser *p) {
    ts_inst *inst = ts_program_append(p->program, ts_op_leave, ts_engine_none, 0);
    TS_TRY(parse_fields(p, ts_op_get(ts_op_leave), inst));
    TS_TRY(parse_loc_mark(p, &inst->loc));
    return ts_scan_line_end(&p->scan);
}

/* ENGINE.OP [order=list] FIELD=VALUE... [@N] */
static ts_status parse_inst(ts_parser *p, const char *word, size_t length) {
    unsigned engine = 0, op = ts_op_end + 1;
    const char *name;
    size_t name_length;
    while (engine < ts_engine_count && !ts_scan_is(word, length, ts_engine_name(engine)))
        engine++;
    if (engine == ts_engine_count || engine == ts_engine_none) {
        p->scan.at = word;
        return ts_scan_fail(
            &p->scan, "an instruction, as in vector.tensor_copy, or loc, tensor, tile, loop, leave or end");
    }
    TS_TRY(ts_scan_expect(&p->scan, "."));
    TS_TRY(ts_scan_word(&p->scan, &name, &name_length, "the name of an instruction"));
    while (op < ts_op_count && !ts_scan_is(name, name_length, ts_op_get(op)->name))
        op++;
    if (op == ts_op_count) {
        p->scan.at = name;
        return ts_scan_fail(&p->scan, "the name of an instruction");
    }
    ts_inst *inst = ts_program_append(p->program, (ts_op)op, (ts_engine)engine, 0);
    TS_TRY(parse_order(p, &inst->order));
    TS_TRY(parse_fields(p, ts_op_get(op), inst));
    TS_TRY(parse_loc_mark(p, &inst->loc));
    return ts_scan_line_end(&p->scan);
}

static ts_status parse_statement(ts_parser *p) {
    const char *word;
    size_t length;
    TS_TRY(ts_scan_word(&p->scan, &word, &length, "an instruction, loc, tensor, tile, loop or end"));
    if (*p->scan.at == '.') return parse_inst(p, word, length); /* "tensor" is also the name of an engine */
    if (ts_scan_is(word, length, "loc")) return parse_loc(p);
    if (ts_scan_is(word, length, "tensor")) return parse_tensor(p);
    if (ts_scan_is(word, length, "tile")) return parse_tile(p);
    if (ts_scan_is(word, length, "loop")) return parse_loop(p);
    if (ts_scan_is(word, length, "end")) return parse_end(p);
    if (ts_scan_is(word, length, "leave")) return parse_leave(p);
    return parse_inst(p, word, length);
}

static ts_status parse_all(ts_parser *p) {
    TS_TRY(parse_header(p));
    while (!ts_scan_at_end(&p->scan))
        TS_TRY(parse_statement(p));
    if (p->depth > 0)
        return ts_scan_fail(&p->scan, "end of loop %%%.*s",
                            p->open[p->depth - 1].length < 40 ? (int)p->open[p->depth - 1].length : 40,
                            p->open[p->depth - 1].name);
    ts_status status = ts_program_check(p->program, p->scan.diag);
    if (status != ts_ok) ts_diag_where(p->scan.diag, p->scan.path, 0);
    return status;
}

static ts_status parse_within(void *context) {
    ts_parser *p = context;
    p->program = ts_program_new("", "");
    ts_status status = parse_all(p);
    ts_arena_free(&p->scratch);
    if (status != ts_ok) ts_program_free(p->program);
    return status;
}

ts_status ts_program_parse(const char *text, const char *path, ts_program **program, ts_diag *diag) {
    ts_parser p = {0};
    *program = NULL;
    TS_TRY(ts_scan_open(&p.scan, text, path, diag));
    ts_status status = ts_unit_run(NULL, parse_within, &p, path, diag);
    ts_scan_close(&p.scan);
    if (status == ts_ok) *program = p.program;
    return status;
}
