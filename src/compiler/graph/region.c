/* Regions of reductions and scatters: the operator that they apply. */
#include "compiler/lower/lower.h"

/* The ALU operator that a region (a, b) applies; bypass for a region that returns b. */
bool ts_region_alu(const ts_block *region, ts_alu *alu) {
    static const struct {
        uint16_t hlo;
        ts_alu alu;
    } known[] = {{ts_hlo_add, ts_alu_add},         {ts_hlo_multiply, ts_alu_multiply},
                 {ts_hlo_maximum, ts_alu_max},     {ts_hlo_minimum, ts_alu_min},
                 {ts_hlo_and, ts_alu_bitwise_and}, {ts_hlo_or, ts_alu_bitwise_or},
                 {ts_hlo_xor, ts_alu_bitwise_xor}};
    if (!region || region->arg_count != 2 || region->ops.count == 0) return false;
    const ts_op_node *last = ts_block_last(region);
    if (last->operand_count != 1) return false;
    if (region->ops.count == 1 && last->operands[0] == region->args[1]) {
        *alu = ts_alu_bypass;
        return true;
    }
    const ts_op_node *op = region->ops.data[0];
    if (region->ops.count != 2 || op->operand_count != 2 || last->operands[0] != op->results[0]) return false;
    bool is_args = (op->operands[0] == region->args[0] && op->operands[1] == region->args[1]) ||
                   (op->operands[0] == region->args[1] && op->operands[1] == region->args[0]);
    for (size_t i = 0; is_args && i < sizeof known / sizeof *known; i++)
        if (known[i].hlo == op->kind) {
            *alu = known[i].alu;
            return true;
        }
    return false;
}
