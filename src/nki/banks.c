/* PSUM banks in use at each position. */
#include "nki/banks.h"

#include "base/integer.h"
#include "nki/operands.h"
#include "plan/liveness.h"

static bool reads_psum(const ts_operand_use *uses, int count) {
    bool is_some = false;
    for (int i = 0; i < count; i++)
        is_some |= !uses[i].is_write && uses[i].ap->space == ts_space_psum;
    return is_some;
}

static void live(ts_banks *banks, const ts_ap *ap, uint32_t at, bool is_elsewhere) {
    if (!ts_operand_is_tile(ap)) return;
    ts_bank_life *l = &banks->lives[ap->tensor - 1];
    if (!l->first) l->first = at + 1;
    l->last = at + 1;
    l->is_read_elsewhere |= is_elsewhere;
}

static void find_lives(ts_banks *banks, const ts_program *program) {
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_inst *inst = program->code.data[at];
        ts_operand_use uses[TS_MOST_USES];
        int count = ts_live_uses(inst, uses);
        bool is_elsewhere = (inst->engine != ts_engine_vector && inst->engine != ts_engine_scalar &&
                             inst->engine != ts_engine_none) ||
                            inst->op == ts_op_dma_copy || reads_psum(uses, count);
        for (int i = 0; i < count; i++) {
            const ts_ap *ap = uses[i].ap;
            if (ap->space == ts_space_hbm && ap->index)
                live(banks, &program->indices.data[ap->index - 1], at, true);
            live(banks, ap, at, !uses[i].is_write && is_elsewhere);
        }
    }
}

int ts_banks_of(const ts_banks *banks, const ts_tile_info *tile) {
    return (int)ts_ceil_div(tile->bytes, banks->bytes);
}

static void use(ts_banks *banks, uint32_t from, uint32_t until, int count) {
    for (uint32_t at = from; at < until; at++)
        banks->used[at] = (uint8_t)(banks->used[at] + count);
}

ts_banks ts_banks_find(ts_recorder *r, ts_arena *arena) {
    ts_banks banks = {.bytes = (int64_t)r->chip.psum_bank_bytes,
                      .count = (int)(r->chip.psum_partition_bytes / r->chip.psum_bank_bytes)};
    banks.lives = TS_NEW_ARRAY(arena, ts_bank_life, r->uses.count + 1);
    banks.used = TS_NEW_ARRAY(arena, uint8_t, r->program->code.count + 1);
    find_lives(&banks, r->program);
    for (uint32_t i = 0; i < r->builder.tiles.count; i++) {
        const ts_tile_info *tile = &r->builder.tiles.data[i];
        const ts_bank_life *l = &banks.lives[i];
        if (tile->space == ts_space_psum && l->first)
            use(&banks, l->first - 1, l->last, ts_banks_of(&banks, tile));
    }
    return banks;
}

bool ts_banks_keep(ts_banks *banks, const ts_recorder *r, ts_tile tile, uint32_t until, int spare) {
    ts_bank_life *l = &banks->lives[tile - 1];
    int count = ts_banks_of(banks, &r->builder.tiles.data[tile - 1]);
    for (uint32_t at = l->last; at < until; at++)
        if (banks->used[at] + count > banks->count - spare) return false;
    if (until <= l->last) return true;
    use(banks, l->last, until, count);
    l->last = until;
    return true;
}
