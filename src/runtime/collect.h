/* Records of runs as files: NAME.trn and NAME.json in the folder of TRAINSTONE_OUT, which `trainstone report`
   opens. */
#ifndef TS_RUNTIME_COLLECT_H
#define TS_RUNTIME_COLLECT_H

#include "arch/record.h"
#include "machine/trace.h"

/* Writes the program, its record, and what is needed to clock it again: the instance, an edited chip, and the
   trace of data-dependent control (NULL: the program has none). A different program of the same name gets its
   hash appended to the name. */
ts_status ts_collect(const char *folder, const ts_program *program, const ts_record *record,
                     const ts_instance *instance, const ts_trace *trace, ts_diag *diag);

#endif
