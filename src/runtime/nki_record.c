/* The C interface of include/trainstone/nki.h: recording. */
#include <stdlib.h>

#include "arch/collective_cost.h"
#include "runtime/nki_door.h"

bool ts_nki_follows(ts_nki *nki, uint32_t *result) {
    if (nki->recorder || nki->has_ended) return false;
    if (nki->plan && ts_journal_follows(&nki->journal, &nki->plan->journal, &nki->at, result)) return true;
    ts_nki_plan *other = ts_nki_plans_find(nki->device->plans, nki->plan, &nki->journal, &nki->at, result);
    if (!other) return false;
    ts_nki_plan_release(nki->plan);
    nki->plan = other;
    return true;
}

/* Makes the recorder of a recording that can no longer follow its plan. */
static ts_recorder *catch_up(ts_nki *nki) {
    nki->recorder = ts_journal_replay(&nki->plan->journal, nki->at, ts_runtime_chip(nki->device->runtime));
    ts_journal_begin_with(&nki->journal, &nki->plan->journal, nki->at);
    nki->has_ended = !nki->recorder;
    ts_nki_plan_release(nki->plan);
    nki->plan = NULL;
    return nki->recorder;
}

ts_recorder *ts_nki_recorder(ts_nki *nki, ts_nki_error *error) {
    if (nki->recorder) return nki->recorder;
    ts_diag diag = {0};
    const bool is_behind = !nki->has_ended && nki->plan;
    if (is_behind && catch_up(nki)) return nki->recorder;
    if (is_behind)
        ts_fail(&diag, ts_system, "no host memory for a kernel's recorder");
    else
        ts_fail(&diag, ts_usage, "this run of the kernel has ended: its tiles live no longer");
    ts_nki_tell(error, &diag);
    return NULL;
}

void ts_nki_close_entry(ts_nki *nki, ts_status status, uint32_t result) {
    if (status == ts_ok)
        ts_journal_close(&nki->journal, result);
    else
        ts_journal_free(&nki->journal);
}

ts_nki *ts_nki_new(ts_nki_device *device, const char *kernel, ts_nki_error *error) {
    ts_diag diag = {0};
    uint32_t none;
    ts_nki *nki = calloc(1, sizeof *nki);
    if (nki) {
        nki->device = device;
        ts_journal_new(&nki->journal, kernel);
        if (ts_nki_follows(nki, &none)) return nki;
        nki->recorder = ts_recorder_new(kernel, ts_runtime_chip(device->runtime));
        ts_nki_close_entry(nki, ts_ok, 0);
    }
    if (nki && nki->recorder) return nki;
    ts_nki_free(nki);
    ts_fail(&diag, ts_system, "no host memory for a kernel's recorder");
    ts_nki_tell(error, &diag);
    return NULL;
}

void ts_nki_free(ts_nki *nki) {
    if (!nki) return;
    if (nki->executable && nki->executable != nki->plan->executable) {
        ts_executable_unload(nki->executable);
        ts_executable_release(nki->executable);
    }
    ts_nki_plan_release(nki->plan);
    ts_recorder_free(nki->recorder);
    ts_journal_free(&nki->journal);
    free(nki->sealed);
    free(nki->warnings);
    free(nki);
}

void ts_nki_share(ts_nki *nki, int cores) {
    uint32_t none;
    nki->cores = cores;
    ts_journal_share(&nki->journal, cores);
    if (!ts_nki_follows(nki, &none) && ts_nki_recorder(nki, NULL)) ts_nki_close_entry(nki, ts_ok, 0);
}

int ts_nki_ranks(ts_nki *nki, int ranks, ts_nki_error *error) {
    ts_diag diag = {0};
    uint32_t none;
    ts_journal_ranks(&nki->journal, ranks);
    if (ts_nki_follows(nki, &none)) return 0;
    ts_recorder *recorder = ts_nki_recorder(nki, error);
    if (!recorder) return 1;
    recorder->program->ranks = (uint32_t)ranks;
    ts_status status = ranks < 1 || ranks > TS_MAX_RANKS
                           ? ts_fail(&diag, ts_input, "a kernel on %d ranks, at most %d", ranks, TS_MAX_RANKS)
                           : ts_cc_check(recorder->program, &recorder->chip, &diag);
    ts_nki_close_entry(nki, status, 0);
    return status == ts_ok ? 0 : ts_nki_tell(error, &diag);
}

uint32_t ts_nki_line(ts_nki *nki, const char *file, int line) {
    uint32_t loc = 0;
    ts_journal_line(&nki->journal, file, line);
    if (ts_nki_follows(nki, &loc) || !ts_nki_recorder(nki, NULL)) return loc;
    loc = ts_recorder_loc(nki->recorder, file, line);
    ts_nki_close_entry(nki, ts_ok, loc);
    return loc;
}

uint32_t ts_nki_add_tile(ts_nki *nki, const ts_nki_tile *tile, uint32_t line, ts_nki_error *error) {
    ts_diag diag = {0};
    uint32_t buffer = 0;
    ts_journal_tile(&nki->journal, tile, line);
    if (ts_nki_follows(nki, &buffer) || !ts_nki_recorder(nki, error)) return buffer;
    buffer = ts_record_buffer(nki->recorder, tile, line, &diag);
    ts_nki_close_entry(nki, diag.status, buffer);
    if (!buffer) ts_nki_tell(error, &diag);
    return buffer;
}

static ts_tensor_kind kind_of(ts_nki_role role) {
    switch (role) {
    case ts_nki_input: return ts_tensor_input;
    case ts_nki_output: return ts_tensor_output;
    case ts_nki_constant: return ts_tensor_constant;
    default: return ts_tensor_scratch;
    }
}

uint32_t ts_nki_add_tensor(ts_nki *nki, ts_nki_role role, int dtype, int rank, const int64_t *dim,
                           const void *data, const char *name, uint32_t line, ts_nki_error *error) {
    ts_diag diag = {0};
    uint32_t tensor = 0;
    ts_journal_tensor(&nki->journal, kind_of(role), dtype, rank, dim, data, name, line);
    if (!ts_nki_follows(nki, &tensor) && ts_nki_recorder(nki, error)) {
        tensor = ts_record_tensor(nki->recorder, kind_of(role), (ts_dtype)dtype, rank, dim, data, name, line,
                                  &diag);
        ts_nki_close_entry(nki, diag.status, tensor);
        if (!tensor) ts_nki_tell(error, &diag);
    }
    if (tensor) nki->tensors++;
    return tensor;
}

void ts_nki_set_role(ts_nki *nki, uint32_t tensor, ts_nki_role role, uint32_t number) {
    uint32_t none;
    ts_journal_kind(&nki->journal, tensor, kind_of(role), number);
    if (ts_nki_follows(nki, &none) || !ts_nki_recorder(nki, NULL)) return;
    ts_record_kind(nki->recorder, tensor, kind_of(role), number);
    ts_nki_close_entry(nki, ts_ok, 0);
}

int ts_nki_emit(ts_nki *nki, int op, int engine, const ts_nki_value *values, int count, uint32_t line,
                ts_nki_error *error) {
    ts_diag diag = {0};
    uint32_t none;
    ts_journal_inst(&nki->journal, op, engine, values, count, line);
    if (ts_nki_follows(nki, &none)) return 0;
    ts_recorder *recorder = ts_nki_recorder(nki, error);
    if (!recorder) return 1;
    ts_status status = ts_record_inst(recorder, (ts_op)op, (ts_engine)engine, values, count, line, &diag);
    ts_nki_close_entry(nki, status, 0);
    return status == ts_ok ? 0 : ts_nki_tell(error, &diag);
}

void ts_nki_add_mark(ts_nki *nki, ts_nki_mark mark, uint32_t line) {
    uint32_t none;
    ts_journal_mark(&nki->journal, mark, line);
    if (ts_nki_follows(nki, &none) || !ts_nki_recorder(nki, NULL)) return;
    ts_record_mark(nki->recorder, mark, line);
    ts_nki_close_entry(nki, ts_ok, 0);
}

int ts_nki_repeat(ts_nki *nki, ts_nki_error *error) {
    ts_diag diag = {0};
    uint32_t none;
    ts_journal_repeat(&nki->journal);
    if (ts_nki_follows(nki, &none)) return 0;
    ts_recorder *recorder = ts_nki_recorder(nki, error);
    if (!recorder) return 1;
    ts_status status = ts_record_repeat(recorder, &diag);
    ts_nki_close_entry(nki, status, 0);
    return status == ts_ok ? 0 : ts_nki_tell(error, &diag);
}
