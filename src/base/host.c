/* The host CPU's instruction sets: which it has, and their names. */
#include "base/host.h"

#include <string.h>

static const char *const names[ts_isa_count] = {"auto", "generic", "avx2", "avx512", "avx512bf16"};

ts_isa ts_isa_best(void) {
#if defined(__x86_64__)
    bool is_wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (is_wide && __builtin_cpu_supports("avx512bf16")) return ts_isa_avx512bf16;
    if (is_wide) return ts_isa_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return ts_isa_avx2;
#endif
    return ts_isa_generic;
}

const char *ts_isa_name(unsigned isa) {
    return isa < ts_isa_count ? names[isa] : "unknown";
}

ts_status ts_isa_parse(const char *name, const char *source, ts_isa *isa, ts_diag *diag) {
    for (unsigned i = 0; i < ts_isa_count; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *isa = (ts_isa)i;
        if (*isa <= ts_isa_best()) return ts_ok;
        ts_fail(diag, ts_unsupported, "%s asks for %s, which this CPU lacks", source, name);
        ts_diag_remedy(diag, "%s is the best that it has", ts_isa_name(ts_isa_best()));
        return ts_unsupported;
    }
    ts_fail(diag, ts_usage, "%s is \"%.40s\", which is no instruction set of a host", source, name);
    ts_diag_remedy(diag, "one of auto, generic, avx2, avx512, avx512bf16");
    return ts_usage;
}
