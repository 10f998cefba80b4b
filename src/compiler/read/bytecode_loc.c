/* Locations of MLIR bytecode as rows of module->locs: one row per frame, with the caller as its parent. A
   location is decoded when an operation first refers to it. */
#include "compiler/read/bytecode.h"

enum {
    CHAIN_MAX = 64, /* most frames to copy when a call site's callee is itself a chain */
    NO_LOC = 0
};

static ts_status read_loc(ts_bc *b, ts_cursor *c, uint32_t *row) {
    uint32_t index;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_index(b, c, b->attr_count, "attribute", &index));
    return ts_bc_loc(b, at, index, row);
}

static uint32_t add_row(ts_bc *b, ts_loc row) {
    ts_vec_push(&b->module->locs, &b->module->arena, row);
    return b->module->locs.count - 1;
}

static ts_status file_loc(ts_bc *b, ts_cursor *c, bool is_range, uint32_t *row) {
    uint64_t count = 2, number[4] = {0};
    ts_loc loc = {.name = ""};
    TS_TRY(ts_bc_attr_string(b, c, &loc.file));
    const uint8_t *at = c->at;
    if (is_range) TS_TRY(ts_bc_varint(b, c, &count));
    if (count > 4) return ts_bc_fail(b, at, "a location of %ju numbers", (uintmax_t)count);
    for (uint64_t i = 0; i < count; i++)
        TS_TRY(ts_bc_varint(b, c, &number[i]));
    loc.line = number[0] > INT32_MAX ? 0 : (uint32_t)number[0];
    loc.column = number[1] > INT32_MAX ? 0 : (uint32_t)number[1];
    *row = loc.file[0] ? add_row(b, loc) : NO_LOC;
    return ts_ok;
}

/* A name around a location gives the same frame that name. Outer names win, since they name the operation. */
static ts_status name_loc(ts_bc *b, ts_cursor *c, uint32_t *row) {
    const char *name;
    TS_TRY(ts_bc_attr_string(b, c, &name));
    TS_TRY(read_loc(b, c, row));
    ts_loc loc = b->module->locs.data[*row];
    loc.name = name;
    if (name[0]) *row = add_row(b, loc);
    return ts_ok;
}

/* A call site: the callee's frames, then the caller's. Rows are shared between locations, so the callee's
   chain is copied to get another tail. */
static ts_status call_site(ts_bc *b, ts_cursor *c, uint32_t *row) {
    uint32_t callee, caller, last = NO_LOC;
    const uint8_t *at = c->at;
    TS_TRY(read_loc(b, c, &callee));
    TS_TRY(read_loc(b, c, &caller));
    *row = callee ? callee : caller;
    if (!callee || !caller) return ts_ok;
    for (int i = 0; i < CHAIN_MAX; i++) {
        ts_loc loc = b->module->locs.data[callee];
        uint32_t next = loc.parent;
        loc.parent = caller + 1;
        TS_TRY(ts_bc_spend(b, at, 4));
        uint32_t added = add_row(b, loc);
        if (last)
            b->module->locs.data[last].parent = added + 1;
        else
            *row = added;
        last = added;
        if (next == 0) break;
        callee = next - 1;
    }
    return ts_ok;
}

/* A fused location: the first of its locations that has a file. */
static ts_status fused_loc(ts_bc *b, ts_cursor *c, bool has_metadata, uint32_t *row) {
    uint32_t count, metadata;
    TS_TRY(ts_bc_count(b, c, 1, &count));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t one;
        TS_TRY(read_loc(b, c, &one));
        if (*row == NO_LOC || (!b->module->locs.data[*row].file[0] && b->module->locs.data[one].file[0]))
            *row = one;
    }
    if (has_metadata) TS_TRY(ts_bc_index(b, c, b->attr_count, "attribute", &metadata));
    return ts_ok;
}

static ts_status decode(ts_bc *b, const uint8_t *at, const ts_bc_entry *entry, uint32_t *row) {
    ts_cursor c = entry->body;
    uint64_t code;
    *row = NO_LOC;
    if (entry->is_text) return ts_ok;
    if (b->dialects[entry->dialect].dialect != ts_bc_builtin)
        return ts_bc_fail(b, at, "an attribute stands where a location must");
    TS_TRY(ts_bc_varint(b, &c, &code));
    switch (code) {
    case 10: TS_TRY(call_site(b, &c, row)); break;
    case 11: TS_TRY(file_loc(b, &c, false, row)); break;
    case 12: TS_TRY(fused_loc(b, &c, false, row)); break;
    case 13: TS_TRY(fused_loc(b, &c, true, row)); break;
    case 14: TS_TRY(name_loc(b, &c, row)); break;
    case 15: break;
    case 22: TS_TRY(file_loc(b, &c, true, row)); break;
    default: return ts_bc_fail(b, at, "an attribute stands where a location must");
    }
    return ts_bc_done_with(b, &c, "a location");
}

ts_status ts_bc_loc(ts_bc *b, const uint8_t *at, uint32_t index, uint32_t *row) {
    if (index >= b->attr_count) return ts_bc_fail(b, at, "names attribute %u of %u", index, b->attr_count);
    ts_bc_entry *entry = &b->attrs[index];
    if (entry->loc_state == ts_bc_busy) return ts_bc_fail(b, at, "location %u contains itself", index);
    if (entry->loc_state == ts_bc_unread) {
        if (b->depth >= TS_BC_LOC_DEPTH)
            return ts_bc_fail(b, at, "locations nest deeper than %d", TS_BC_LOC_DEPTH);
        entry->loc_state = ts_bc_busy;
        b->depth++;
        TS_TRY(decode(b, at, entry, &entry->loc));
        b->depth--;
        entry->loc_state = ts_bc_done;
    }
    *row = entry->loc;
    return ts_ok;
}
