/* Optional checks of a run. They find faults that the chip would pass over in silence, while the values are
   computed, and report each with its instruction and the user's line. A run without checks pays nothing for
   them. */
#ifndef TS_MACHINE_CHECK_H
#define TS_MACHINE_CHECK_H

#include "arch/program.h"

typedef enum ts_check_kind {
    ts_check_unset,    /* a read of bytes that nothing has written */
    ts_check_nan,      /* an instruction that made a NaN which reached a result */
    ts_check_overflow, /* a cast of a finite value to infinity, or past the range of an integer */
    ts_check_rounding, /* statistics of stochastic rounding, not a fault */
    ts_check_races,    /* accesses that no semaphore orders, in a program with sync=explicit */
    ts_check_kinds
} ts_check_kind;
/* Parses a list such as "unset,nan", or "all", into a set of bits 1 << kind. `source` names where the text
   came from, for the message. ts_usage for an unknown name. */
ts_status ts_check_parse(const char *text, const char *source, uint32_t *kinds, ts_diag *diag);

/* The first time that a check found something at one code position, and how often it did. */
typedef struct ts_finding {
    uint64_t count; /* executions of the instruction in which it was found; 0 = none */
    uint32_t at;    /* code position; TS_AT_ENDS: found in an argument or a result, not at an instruction */
    uint8_t space;  /* ts_space of the place: `tensor` or `part` says where in it */
    uint32_t tensor;
    int32_t part;
    int64_t byte;       /* offset in the partition or the tensor */
    bool is_source_inf; /* nan: an operand held an infinity */
    bool is_in_result;  /* nan: it reached a result */
    uint64_t elements;  /* overflow: values cast out of range; rounding: values rounded */
    uint64_t up, down;  /* rounding: values rounded up, down */
    uint8_t dtype;      /* overflow: the type that the values were cast to */
    float largest;      /* overflow: largest magnitude among the values */
} ts_finding;
enum { TS_AT_ENDS = UINT32_MAX };

/* The checks of one run and their findings. The program must outlive them. */
typedef struct ts_checks ts_checks;
/* `kinds`: a set of bits 1 << ts_check_kind. NULL without host memory. */
ts_checks *ts_checks_new(const ts_program *program, uint32_t kinds);
void ts_checks_free(ts_checks *checks);
/* Finding `number` of a kind, in code order; NULL past the last one. A finding of ts_check_rounding is a
   statistic; one of ts_check_races describes the later instruction of the race. */
const ts_finding *ts_checks_find(const ts_checks *checks, ts_check_kind kind, uint32_t number);
/* Appends the findings: as lines for a person, none when there are no findings; and as the JSON member
   "findings": [...], without a comma. */
void ts_checks_text(const ts_checks *checks, ts_text *out);
void ts_checks_json(const ts_checks *checks, ts_text *out);

#endif
