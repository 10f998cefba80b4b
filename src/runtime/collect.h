/* Records of what ran: NAME.trn and NAME.json in the folder of TRAINSTONE_OUT, which trainstone report opens.
 */
#ifndef TS_RUNTIME_COLLECT_H
#define TS_RUNTIME_COLLECT_H

#include "arch/record.h"
#include "machine/trace.h"

/* Writes the program, the record, and what clocking it again needs: instance, an edited chip, what data
   decided (trace; NULL = nothing did). A program of the same name that is another one gets its hash behind
   its name. */
ts_status ts_collect(const char *folder, const ts_program *program, const ts_record *record,
                     const ts_instance *instance, const ts_trace *trace, ts_diag *diag);

#endif
