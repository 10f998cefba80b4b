/* The host CPU's vector instruction sets, for kernels that come in several versions. */
#ifndef TS_BASE_HOST_H
#define TS_BASE_HOST_H

#include <stdbool.h>

#include "base/status.h"

/* Each level includes those before it. */
typedef enum ts_isa {
    ts_isa_auto,       /* the best that the CPU has */
    ts_isa_generic,    /* C for any CPU */
    ts_isa_avx2,       /* x86-64 with AVX2 and FMA */
    ts_isa_avx512,     /* AVX-512 F, BW, DQ and VL */
    ts_isa_avx512bf16, /* also AVX512_BF16 */
    ts_isa_amx,        /* also AMX_BF16 */
    ts_isa_count
} ts_isa;

/* How the host computes what the modelled engines do. Zero-initialise for the defaults. */
typedef struct ts_host {
    ts_isa isa;    /* no higher than ts_isa_best() */
    bool is_repro; /* results must not depend on the CPU: only operations that give the same bits
                      everywhere */
} ts_host;

/* The best level of this CPU. ts_isa_best asks the operating system for permission to use AMX tiles, which a
   process must do once before it uses them; ts_isa_vectors leaves out AMX and is cheap enough for every call
   of a kernel. */
ts_isa ts_isa_best(void);
ts_isa ts_isa_vectors(void);
const char *ts_isa_name(unsigned isa); /* "generic", "avx2", ... */
/* Reads a level's name. ts_usage for an unknown name, ts_unsupported for a level that this CPU lacks.
   `source` says where the name comes from, for the message. */
ts_status ts_isa_parse(const char *name, const char *source, ts_isa *isa, ts_diag *diag);

#endif
