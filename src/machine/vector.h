/* Macros for files that are compiled for one instruction set, and for short loops that are worth unrolling.
   Private to src/machine. */
#ifndef TS_MACHINE_VECTOR_H
#define TS_MACHINE_VECTOR_H

#if defined(__GNUC__) && !defined(__clang__)
#define TS_UNROLL _Pragma("GCC unroll 16")
#else
#define TS_UNROLL _Pragma("unroll")
#endif
/* Goes before the return type. The function is always inlined, so it has the instruction set of its
   caller. */
#define TS_INLINE static inline __attribute__((always_inline))

#endif
