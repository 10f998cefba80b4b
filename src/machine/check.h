/* Checks of a run: what the chip would let pass in silence, found while the values are computed and told with
   the instruction and the user's line. A run without checks is not slowed down by them. */
#ifndef TS_MACHINE_CHECK_H
#define TS_MACHINE_CHECK_H

#include "arch/program.h"

typedef enum ts_check_kind {
    ts_check_unset,    /* a read of bytes that nothing has written */
    ts_check_nan,      /* the instruction that made a NaN which a result holds */
    ts_check_overflow, /* a cast of a finite value to infinity, or past the range of an integer */
    ts_check_rounding, /* which way stochastic rounding went; no fault */
    ts_check_races,    /* accesses that no semaphore orders, in a program with sync=explicit */
    ts_check_kinds
} ts_check_kind;
/* "unset,nan" or "all" to a set of bits 1 << kind. `source` says whose text it is. ts_usage for another one.
 */
ts_status ts_check_parse(const char *text, const char *source, uint32_t *kinds, ts_diag *diag);

/* The first time that a check found something at one code position, and how often it did. */
typedef struct ts_finding {
    uint64_t count; /* executions that it was found in; 0 = never */
    uint32_t at;    /* code position; TS_AT_ENDS: an argument, or a result once the program is over */
    uint8_t space;  /* where: */
    uint32_t tensor;
    int32_t part;
    int64_t byte;       /* in the partition or the tensor */
    bool is_source_inf; /* nan: operands held infinities */
    bool is_in_result;  /* nan */
    uint64_t elements;  /* overflow: all that were cast too far; rounding: rounded at all */
    uint64_t up, down;  /* rounding */
    uint8_t dtype;      /* overflow: cast to it */
    float largest;      /* overflow: the largest magnitude */
} ts_finding;
enum { TS_AT_ENDS = UINT32_MAX };

/* One run's. */
typedef struct ts_checks ts_checks;
/* NULL when the host has no memory for it. */
ts_checks *ts_checks_new(const ts_program *program, uint32_t kinds);
void ts_checks_free(ts_checks *checks);
/* Of a kind, in the order of the code; NULL at the end. Those of ts_check_rounding are statistics, of a race
   it is the later instruction. */
const ts_finding *ts_checks_find(const ts_checks *checks, ts_check_kind kind, uint32_t number);
/* Lines for a person; nothing when there is nothing to tell. And "findings": [...], without a comma. */
void ts_checks_text(const ts_checks *checks, ts_text *out);
void ts_checks_json(const ts_checks *checks, ts_text *out);

#endif
