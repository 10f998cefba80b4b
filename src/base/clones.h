/* Loops that are worth several versions for CPUs of different widths, chosen when the library is loaded: the
   same C, the same bits. */
#ifndef TS_BASE_CLONES_H
#define TS_BASE_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
    !defined(__SANITIZE_THREAD__)
#define TS_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TS_CLONES
#endif

#endif
