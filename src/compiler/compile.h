/* The compiler's entry point: a StableHLO module in, a placed program out. passes.c lists the passes. */
#ifndef TS_COMPILER_COMPILE_H
#define TS_COMPILER_COMPILE_H

#include "arch/chip.h"
#include "compiler/graph/graph.h"

/* neuronx-cc's --auto-cast: which fp32 operations are computed in a narrower type. */
typedef enum ts_auto_cast { ts_auto_cast_none, ts_auto_cast_matmult, ts_auto_cast_all } ts_auto_cast;

typedef struct ts_compile_options {
    const char *dump_pass; /* name of a pass (rows of passes.c): print its output; NULL = none */
    ts_text *dump;         /* where the dump goes */
    ts_auto_cast auto_cast;
    ts_dtype auto_cast_type; /* ts_dtype_none means bf16 */
    uint32_t replicas;       /* number of replicas if the module does not say; 0 means 1 */
} ts_compile_options;

/* Parse the words of --auto-cast (none, matmult, all) and --auto-cast-type (bf16, fp16, tf32, fp8_e4m3).
   ts_usage for any other word; `source` says in the message where the word comes from. */
ts_status ts_auto_cast_parse(const char *word, size_t length, const char *source, ts_auto_cast *mode,
                             ts_diag *diag);
ts_status ts_auto_cast_type_parse(const char *word, size_t length, const char *source, ts_dtype *type,
                                  ts_diag *diag);

/* Compiles @main for one NeuronCore. Passes change the module, which stays the caller's to free. On success
   *program is verified, and the caller frees it with ts_program_free; otherwise it is NULL. `options` may be
   NULL. */
ts_status ts_compile(ts_module *module, const ts_chip *chip, const ts_compile_options *options,
                     ts_program **program, ts_diag *diag);

#endif
