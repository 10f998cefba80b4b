/* Detection of the host CPU's instruction sets, and the names of the levels. */
#include "base/host.h"

#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const char *const names[ts_isa_count] = {"auto", "generic", "avx2", "avx512", "avx512bf16", "amx"};

/* Whether the CPU has AMX tiles with bf16 and the kernel lets this process and its children use them. Asking
   again has no effect (Linux, Documentation/arch/x86/xstate.rst). */
static bool may_use_tiles(void) {
#if defined(__x86_64__) && defined(__linux__) && defined(SYS_arch_prctl)
    enum { LEAF = 7, BF16 = 1 << 22, TILE = 1 << 24, REQUEST = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d;
    if (!__get_cpuid_count(LEAF, 0, &a, &b, &c, &d)) return false;
    return (d & BF16) && (d & TILE) && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
#else
    return false;
#endif
}

ts_isa ts_isa_best(void) {
    const ts_isa vectors = ts_isa_vectors();
    return vectors == ts_isa_avx512bf16 && may_use_tiles() ? ts_isa_amx : vectors;
}

ts_isa ts_isa_vectors(void) {
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
    ts_diag_remedy(diag, "one of auto, generic, avx2, avx512, avx512bf16, amx");
    return ts_usage;
}
