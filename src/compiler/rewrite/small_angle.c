/* Sines and cosines of angles with known bounds, such as those of rotary embeddings (position times a number
   up to 1). ScalarE's sine takes angles near zero. Reducing an arbitrary angle is a routine of GpSimdE that
   takes some hundred cycles an element; for small angles a few steps on VectorE suffice (recipe.def). */
#include "compiler/graph/graph_make.h"
#include "compiler/graph/magnitude.h"
#include "compiler/passes.h"

/* log2 of the largest angle that the recipes reduce: up to there, multiples of the leading parts of pi are
   exact. */
enum { LARGEST = 15 };

static void replace(ts_block *block, const ts_magnitude *magnitudes) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) replace(op->regions[j], magnitudes);
        if (op->kind != ts_hlo_sine && op->kind != ts_hlo_cosine) continue;
        if (ts_dtype_get((ts_dtype)op->results[0]->type.dtype)->kind != 'f') continue;
        if (magnitudes[op->operands[0]->id].high > LARGEST) continue;
        op->kind = op->kind == ts_hlo_sine ? ts_hlo_sine_small : ts_hlo_cosine_small;
    }
}

ts_status ts_small_angles(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)module;
    (void)diag;
    ts_arena scratch = {0};
    replace(main->body, ts_value_magnitudes(main, &scratch));
    ts_arena_free(&scratch);
    return ts_ok;
}
