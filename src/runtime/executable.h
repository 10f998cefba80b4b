/* Executable: a program ready to run on a runtime's devices, with its clock's record. The record does not
   depend on data and is made once; in programs whose data decides how often loops run, once for each control
   trace. */
#ifndef TS_RUNTIME_EXECUTABLE_H
#define TS_RUNTIME_EXECUTABLE_H

#include <stdatomic.h>

#include "arch/record.h"
#include "compiler/compile.h"
#include "machine/check.h"
#include "runtime/runtime.h"

typedef struct ts_executable ts_executable;

/* Makes an executable from a StableHLO portable artifact, which is compiled, or from a .trn in binary or text
   form, which is verified; `path` names it in messages. options may be NULL; the runtime's --auto-cast
   applies when they set none. The runtime is borrowed; data is not kept. */
ts_status ts_executable_load(ts_runtime *runtime, const uint8_t *data, size_t size, const char *path,
                             const ts_compile_options *options, ts_executable **executable, ts_diag *diag);
/* Makes an executable from a program that passed ts_program_verify for the runtime's chip. Takes over the
   program, also when it fails. */
ts_status ts_executable_new(ts_runtime *runtime, ts_program *program, ts_executable **executable,
                            ts_diag *diag);
/* Makes a second executable of the same program, with the same share of HBM's bandwidth, that has not run. */
ts_status ts_executable_twin(const ts_executable *executable, ts_executable **twin, ts_diag *diag);
/* References are counted only for PJRT, which shares executables: a new one has one reference, and the last
   release frees it. Thread-safe. */
ts_executable *ts_executable_retain(ts_executable *executable);
void ts_executable_release(ts_executable *executable);
/* Releases what the executable holds on the devices. The runtime may be freed afterwards; the program and the
   record stay, and runs are refused. Nothing may be running. */
void ts_executable_unload(ts_executable *executable);

const ts_program *ts_executable_program(const ts_executable *executable);
/* Makes its records those of one of `cores` equally busy cores that share HBM. Call before the first
   record. */
void ts_executable_share(ts_executable *executable, int cores);
/* Clocks the two as running at the same time, each on one core of the same chip, until one of them is
   unloaded. Call before the first record. */
void ts_executable_pair(ts_executable *first, ts_executable *second);
const ts_instance *ts_executable_instance(const ts_executable *executable);
int ts_executable_inputs(const ts_executable *executable);
int ts_executable_outputs(const ts_executable *executable);
/* The tensor that is input or output `number`. */
const ts_tensor *ts_executable_input(const ts_executable *executable, int number);
const ts_tensor *ts_executable_output(const ts_executable *executable, int number);

/* Whether data decides which instructions run. */
bool ts_executable_has_control(const ts_executable *executable);
/* Whether runs need ts_execute_options.host_call. */
bool ts_executable_calls_host(const ts_executable *executable);
/* The clock's record, made on the first call and kept as long as the executable. Thread-safe. With
   data-dependent control it is the record of the run that ended last, or of one trip per loop before the
   first run; it stays valid until TS_EXECUTABLE_RECORDS records of other traces were made. */
enum { TS_EXECUTABLE_RECORDS = 64 };
ts_status ts_executable_record(ts_executable *executable, const ts_record **record, ts_diag *diag);

typedef struct ts_execute_options {
    bool poison;               /* fill SBUF, PSUM and scratch with NaN bytes first */
    ts_host_call *host_call;   /* NULL: the run fails at its first call of the host */
    const atomic_bool *cancel; /* optional */
    ts_run_stats *stats;       /* optional, filled */
    ts_checks *checks;         /* optional and empty; findings are added */
    ts_meeting *meeting;       /* of a pair's runs, or of the ranks of one program; else NULL */
    int member;                /* in the meeting: which of the pair, or the rank */
    bool tells_trace;          /* the record describes what data decided in this rank */
    ts_trace *trace;           /* optional and empty; gets what data decided in this run; the caller frees */
} ts_execute_options;

/* Runs the program on one device. inputs[i] and outputs[i] are host memory of the tensors' sizes; outputs
   must not overlap inputs. Scratch memory is allocated in the device's HBM and kept for the next run. options
   may be NULL. */
ts_status ts_executable_run(ts_executable *executable, int device, void *const *inputs, void *const *outputs,
                            const ts_execute_options *options, ts_diag *diag);
/* Runs all ranks of the program at once on devices 0, 1, ...; inputs[r], outputs[r] and options[r] are those
   of rank r, of which meeting and member are set here. Returns when all have ended, with the first error.
   (executable_ranks.c) */
ts_status ts_executable_run_ranks(ts_executable *executable, void *const *const *inputs,
                                  void *const *const *outputs, ts_execute_options *options, ts_diag *diag);

#endif
