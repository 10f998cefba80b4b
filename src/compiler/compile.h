/* StableHLO in, placed program out: the compiler's one entry point. passes.c is its table of contents. */
#ifndef TS_COMPILER_COMPILE_H
#define TS_COMPILER_COMPILE_H

#include "arch/chip.h"
#include "compiler/graph/graph.h"

/* neuronx-cc's --auto-cast: which fp32 operations are computed in a narrower type. */
typedef enum ts_auto_cast { ts_auto_cast_none, ts_auto_cast_matmult, ts_auto_cast_all } ts_auto_cast;

typedef struct ts_compile_options {
    const char *dump_pass; /* print after this pass ("inline", "fold", "lower", "place"); NULL = none */
    ts_text *dump;         /* where the dump goes */
    ts_auto_cast auto_cast;
    ts_dtype auto_cast_type; /* none: bf16 */
    uint32_t replicas;       /* of a module that does not say it; 0: 1 */
} ts_compile_options;

/* The words of --auto-cast (none, matmult, all) and --auto-cast-type (bf16, fp16, tf32, fp8_e4m3). ts_usage
   for others; `source` says in the message where the word stands. */
ts_status ts_auto_cast_parse(const char *word, size_t length, const char *source, ts_auto_cast *mode,
                             ts_diag *diag);
ts_status ts_auto_cast_type_parse(const char *word, size_t length, const char *source, ts_dtype *type,
                                  ts_diag *diag);

/* Compiles @main for one NeuronCore. The module is consumed as working memory (passes change it)
   but stays the caller's to free. The program is verified before it is returned. */
ts_status ts_compile(ts_module *module, const ts_chip *chip, const ts_compile_options *options,
                     ts_program **program, ts_diag *diag);

#endif
