/* StableHLO in, placed program out: the compiler's one entry point. passes.c is its table of contents. */
#ifndef TS_COMPILER_COMPILE_H
#define TS_COMPILER_COMPILE_H

#include "arch/chip.h"
#include "compiler/graph.h"

typedef struct ts_compile_options {
    const char *dump_pass; /* print after this pass ("inline", "fold", "lower", "place"); NULL = none */
    ts_text *dump;         /* where the dump goes */
} ts_compile_options;

/* Compiles @main for one NeuronCore. The module is consumed as working memory (passes change it)
   but stays the caller's to free. The program is verified before it is returned. */
ts_status ts_compile(ts_module *module, const ts_chip *chip, const ts_compile_options *options,
                     ts_program **program, ts_diag *diag);

#endif
