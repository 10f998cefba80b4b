/* Recipes: elementwise functions that the chip has no instruction for, as short programs of documented
   instructions. The table is recipe.def. */
#ifndef TS_COMPILER_LOWER_RECIPE_H
#define TS_COMPILER_LOWER_RECIPE_H

#include "compiler/lower/pointwise.h"

typedef struct ts_recipe {
    ts_hlo kind;
    const char *steps;
    double ulp; /* largest error in fp32, in units of the last place; 0 = exact */
} ts_recipe;

/* The op's recipe; NULL when it has none. */
const ts_recipe *ts_recipe_find(unsigned kind);
/* Whether some step runs on GpSimdE. */
bool ts_recipe_has_gpsimd(const ts_recipe *recipe);
/* The number of registers besides the operands. Each takes 4 bytes per element while the recipe runs. */
int ts_recipe_registers(const ts_recipe *recipe);
/* dst = recipe(in...). Fails with ts_usage when the text is not a valid recipe. */
ts_status ts_recipe_emit(ts_emitter *e, const ts_recipe *recipe, const ts_value_form *dst,
                         const ts_value_form *const *in, int count);

#endif
