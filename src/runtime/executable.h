/* Executable: a program made ready to run on the devices of a runtime, with its clock's record, which does
   not depend on the data and is made once; for each control trace where data decides how often loops run. */
#ifndef TS_RUNTIME_EXECUTABLE_H
#define TS_RUNTIME_EXECUTABLE_H

#include <stdatomic.h>

#include "arch/record.h"
#include "compiler/compile.h"
#include "machine/check.h"
#include "runtime/runtime.h"

typedef struct ts_executable ts_executable;

/* From the bytes of a StableHLO portable artifact (compiled here) or of a .trn in binary or text form
   (verified here); `path` names them in messages. options may be NULL; without --auto-cast in them the
   runtime's counts. The runtime is borrowed; data is not kept. */
ts_status ts_executable_load(ts_runtime *runtime, const uint8_t *data, size_t size, const char *path,
                             const ts_compile_options *options, ts_executable **executable, ts_diag *diag);
/* From a program that passed ts_program_verify for the runtime's chip; takes it over, on failure too. */
ts_status ts_executable_new(ts_runtime *runtime, ts_program *program, ts_executable **executable,
                            ts_diag *diag);
/* Another executable of the same program, with the same part of HBM, that has not run. */
ts_status ts_executable_twin(const ts_executable *executable, ts_executable **twin, ts_diag *diag);
/* Count references only where PJRT shares: new has one, the last release frees. Thread-safe. */
ts_executable *ts_executable_retain(ts_executable *executable);
void ts_executable_release(ts_executable *executable);
/* Gives back what it holds of the devices. Afterwards the runtime may go; the program and the record stay, a
   run is refused. Nothing may be running. */
void ts_executable_unload(ts_executable *executable);

const ts_program *ts_executable_program(const ts_executable *executable);
/* Its records are those of one of so many cores that are as busy and share HBM. Before the first record. */
void ts_executable_share(ts_executable *executable, int cores);
/* The two run at the same time, each on a core of one chip, and are clocked so. Before the first record;
   until one of them is unloaded. */
void ts_executable_pair(ts_executable *first, ts_executable *second);
const ts_instance *ts_executable_instance(const ts_executable *executable);
int ts_executable_inputs(const ts_executable *executable);
int ts_executable_outputs(const ts_executable *executable);
/* Tensor row of input or output `number`. */
const ts_tensor *ts_executable_input(const ts_executable *executable, int number);
const ts_tensor *ts_executable_output(const ts_executable *executable, int number);

/* Whether data decides which instructions run. */
bool ts_executable_has_control(const ts_executable *executable);
/* Whether a run of it needs ts_execute_options.host_call. */
bool ts_executable_calls_host(const ts_executable *executable);
/* The clock's record, made on the first call and kept (thread-safe); valid as long as the executable. With
   control it is that of the run that ended last, or of one trip a loop before any did, and valid until
   TS_EXECUTABLE_RECORDS records of other traces were asked for. */
enum { TS_EXECUTABLE_RECORDS = 64 };
ts_status ts_executable_record(ts_executable *executable, const ts_record **record, ts_diag *diag);

typedef struct ts_execute_options {
    bool poison;               /* SBUF, PSUM and scratch start as NaN bytes */
    ts_host_call *host_call;   /* NULL: a program that calls the host fails there */
    const atomic_bool *cancel; /* optional */
    ts_run_stats *stats;       /* optional, filled */
    ts_checks *checks;         /* optional, new: what they find is added */
    ts_meeting *meeting;       /* of the runs of a pair, or of a program of several ranks; otherwise NULL */
    int member;                /* of the meeting: which of the pair, or the rank */
    bool tells_trace;          /* the record is of what data decided in this rank */
    ts_trace *trace;           /* optional, empty: what data decided in this run; the caller frees it */
} ts_execute_options;

/* Runs on one device. inputs[i] and outputs[i] are host memory of the tensors' sizes; outputs must not
   overlap inputs. Scratch memory is taken from the device's HBM and kept for the next run. options may be
   NULL. */
ts_status ts_executable_run(ts_executable *executable, int device, void *const *inputs, void *const *outputs,
                            const ts_execute_options *options, ts_diag *diag);
/* All ranks of the program at once, on devices 0, 1, ...: inputs[r], outputs[r] and options[r] are those of
   rank r; the options' meeting and member are set here. Returns when all have ended, with the first error.
   (executable_ranks.c) */
ts_status ts_executable_run_ranks(ts_executable *executable, void *const *const *inputs,
                                  void *const *const *outputs, ts_execute_options *options, ts_diag *diag);

#endif
