/* What the host's CPU offers to kernels that come in several versions. */
#ifndef TS_BASE_HOST_H
#define TS_BASE_HOST_H

#include <stdbool.h>

#include "base/status.h"

/* Each level has what those before it have. */
typedef enum ts_isa {
    ts_isa_auto,       /* the best that the CPU has */
    ts_isa_generic,    /* C for any CPU */
    ts_isa_avx2,       /* x86-64 with AVX2 and FMA */
    ts_isa_avx512,     /* F, BW, DQ, VL */
    ts_isa_avx512bf16, /* and AVX512_BF16 */
    ts_isa_amx,        /* and AMX_BF16 */
    ts_isa_count
} ts_isa;

/* How the host computes what the modelled engines do. Zero-initialise for the defaults. */
typedef struct ts_host {
    ts_isa isa;    /* no higher than ts_isa_best() */
    bool is_repro; /* bits that no other CPU would change */
} ts_host;

/* The first asks the operating system for the use of tiles, which a process must do once before it uses them;
   the second goes no further than vectors, and is cheap enough for every call of a kernel. */
ts_isa ts_isa_best(void);
ts_isa ts_isa_vectors(void);
const char *ts_isa_name(unsigned isa); /* "generic", "avx2", ... */
/* ts_usage for a name that is none, ts_unsupported for a level that this CPU lacks. `source` is where the
   name stands, for the message. */
ts_status ts_isa_parse(const char *name, const char *source, ts_isa *isa, ts_diag *diag);

#endif
