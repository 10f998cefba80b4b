/* What files for one instruction set share, and others whose loops over few things are worth writing out.
   Private to src/machine. */
#ifndef TS_MACHINE_VECTOR_H
#define TS_MACHINE_VECTOR_H

#if defined(__GNUC__) && !defined(__clang__)
#define TS_UNROLL _Pragma("GCC unroll 16")
#else
#define TS_UNROLL _Pragma("unroll")
#endif
/* Before the return type; the function takes the instruction set of its caller's attribute. */
#define TS_INLINE static inline __attribute__((always_inline))

#endif
