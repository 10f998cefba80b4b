/* The interpreter: walks a program's code in order, keeps the loop counters, and calls a function for each
   instruction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/check_run.h"
#include "machine/deferred.h"
#include "machine/packed.h"
#include "machine/segment.h"

/* ---- control ---- */

ts_status ts_exec_loop(ts_exec *exec, const ts_inst *inst) {
    const ts_inst_loop *loop = (const ts_inst_loop *)inst;
    exec->counters[loop->id] = 0;
    exec->trips[loop->id] = ts_count_value(exec->program, &loop->trip, exec->counters);
    if (exec->trips[loop->id] <= 0) exec->at = exec->program->loops.data[loop->id].end;
    return ts_ok;
}

ts_status ts_exec_end(ts_exec *exec, const ts_inst *inst) {
    uint32_t loop = ((const ts_inst_end *)inst)->id;
    if (++exec->counters[loop] < exec->trips[loop])
        exec->at = exec->program->loops.data[loop].begin;
    else
        exec->counters[loop] = 0;
    return ts_ok;
}

/* The value of a register of 32 bits: i32 extends by its sign, other types by zeros. */
static int64_t load_register(const ts_rows *rows) {
    int32_t word;
    uint32_t natural;
    if (rows->size == 1) return *rows->base;
    memcpy(&word, rows->base, sizeof word);
    memcpy(&natural, rows->base, sizeof natural);
    return rows->dtype == ts_dtype_i32 ? (int64_t)word : (int64_t)natural;
}

static bool compares(unsigned alu, int64_t a, int64_t b) {
    switch (alu) {
    case ts_alu_is_equal: return a == b;
    case ts_alu_not_equal: return a != b;
    case ts_alu_is_gt: return a > b;
    case ts_alu_is_ge: return a >= b;
    case ts_alu_is_lt: return a < b;
    default: return a <= b; /* is_le: the verifier admits no other */
    }
}

ts_status ts_exec_leave(ts_exec *exec, const ts_inst *inst) {
    const ts_inst_leave *leave = (const ts_inst_leave *)inst;
    ts_operand_set set = {.exec = exec};
    ts_rows value;
    ts_rows_get(&set, &leave->value, &value);
    ts_segment_run(exec);
    int64_t operand = ts_affine_value(exec->program, &leave->operand, exec->counters);
    bool is_left = compares(leave->compare, load_register(&value), operand);
    if (exec->trace && !ts_trace_add(exec->trace, is_left))
        return ts_fail(exec->diag, ts_system, "no host memory for the control trace");
    if (!is_left) return ts_ok;
    exec->counters[leave->loop] = 0;
    exec->at = exec->program->loops.data[leave->loop].end;
    return ts_ok;
}

/* Nothing to wait for: in program order the signal has happened already. */
ts_status ts_exec_event_semaphore(ts_exec *exec, const ts_inst *inst) {
    (void)inst;
    exec->stats.instructions++;
    return ts_ok;
}

/* ---- the walk ---- */

static ts_exec_function *function_of(unsigned op) {
#define F(kind, name)
#define INST(name, ...) ts_exec_##name,
    static ts_exec_function *const functions[ts_op_count] = {
        NULL,
#include "arch/isa.def"
    };
    return op < ts_op_count ? functions[op] : NULL;
}

/* Adds the instruction and the user's source line to a failure. */
static ts_status tell(const ts_exec *exec, ts_status status) {
    const ts_program *program = exec->program;
    const ts_inst *inst = program->code.data[exec->at];
    char op[80];
    int length = snprintf(op, sizeof op, "%s (instruction %u)", ts_op_get(inst->op)->name, exec->at);
    if (program->ranks > 1) snprintf(op + length, sizeof op - (size_t)length, " on rank %d", exec->member);
    ts_diag_op(exec->diag, op);
    if (inst->loc > 0 && inst->loc < program->locs.count) {
        const ts_loc *loc = &program->locs.data[inst->loc];
        if (*loc->file) ts_diag_where(exec->diag, loc->file, (int)loc->line);
    }
    return status;
}

static ts_status walk(ts_exec *exec, const ts_run *run) {
    const ts_program *program = exec->program;
    for (; exec->at < program->code.count; exec->at++) {
        const ts_inst *inst = program->code.data[exec->at];
        if (run->cancel && atomic_load_explicit(run->cancel, memory_order_relaxed))
            return ts_fail(exec->diag, ts_cancelled, "interrupted before instruction %u of %u", exec->at,
                           program->code.count);
        exec->instructions++;
        if (run->done) atomic_store_explicit(run->done, exec->instructions, memory_order_relaxed);
        ts_exec_function *function = function_of(inst->op);
        if (!function) return ts_fail(exec->diag, ts_input, "instruction %u is no instruction", exec->at);
        ts_status status = exec->checks ? ts_check_step(exec, inst, function) : function(exec, inst);
        if (status != ts_ok) return tell(exec, status);
    }
    ts_segment_run(exec);
    return ts_ok;
}

/* ---- a run ---- */

static ts_status bind(const ts_program *program, const ts_run *run, uint8_t **data, ts_diag *diag) {
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        data[i] = run->data ? run->data[i] : NULL;
        if (!data[i] && tensor->kind == ts_tensor_constant) data[i] = (uint8_t *)(uintptr_t)tensor->data;
        if (!data[i] && tensor->bytes > 0)
            return ts_fail(diag, ts_usage, "tensor %u (%s) of the program has no memory", i, tensor->name);
    }
    return ts_ok;
}

/* A core numbers its runs, so that a repeated step rounds with other random words. */
static void choose_rounding(ts_exec *exec, const ts_run *run) {
    uint64_t number = exec->core->runs++;
    exec->is_stochastic = run->rounding == ts_rounding_stochastic;
    const uint32_t seed[2] = {run->rounding_seed, (uint32_t)run->core};
    ts_random_key(seed, (uint32_t)number, (uint32_t)(number >> 32), exec->key);
}

/* Prepares the core's memories. In a poisoned run accumulators become NaN at once; bytes of SBUF and PSUM
   when an operand touches them before the run has set them. */
static void begin(ts_core *core, bool is_poisoned) {
    const ts_memory *sums = &core->accumulators;
    if (is_poisoned) ts_deferred_drop(core);
    ts_packed_drop(core);
    ts_unset_begin(&core->sbuf, is_poisoned);
    ts_unset_begin(&core->psum, is_poisoned);
    for (int64_t part = 0; is_poisoned && part < sums->partitions; part++)
        memset(sums->data + part * sums->pitch, 0xff, (size_t)sums->bytes);
}

/* Runs with checks use no homes: checks report addresses. */
static const ts_homes *homes_of(const ts_run *run) {
    bool matter = run->homes && !run->checks && ts_homes_are_for(run->homes, run->poison);
    return matter ? run->homes : NULL;
}

/* Allocates all that a run needs: counters and trips of the loops, then the address of each tensor. */
static void *allocate(const ts_program *program, ts_exec *exec, uint8_t ***data) {
    size_t loops = program->loops.count;
    char *memory = calloc(2 * loops + program->tensors.count + 1, sizeof(int64_t));
    if (!memory) return NULL;
    exec->counters = (int64_t *)memory;
    exec->trips = exec->counters + loops;
    *data = (uint8_t **)(memory + 2 * loops * sizeof(int64_t));
    exec->data = *data;
    return memory;
}

static ts_status check_run(const ts_machine *machine, const ts_program *program, const ts_run *run,
                           ts_diag *diag) {
    if (run->core < 0 || run->core >= machine->core_count)
        return ts_fail(diag, ts_usage, "no core %d: the chip has %d", run->core, machine->core_count);
    if (run->host.isa > machine->best_isa)
        return ts_fail(diag, ts_usage, "this CPU has no %s", ts_isa_name(run->host.isa));
    const int members = run->meeting ? ts_meeting_members(run->meeting) : 1;
    if (program->ranks > 1 && (uint32_t)members != program->ranks)
        return ts_fail(diag, ts_usage, "a program of %u ranks where %d run together", program->ranks,
                       members);
    return ts_ok;
}

/* If at least as many programs run at once as the pool has threads, each runs in its own thread alone. */
static ts_pool *pool_for(const ts_machine *machine, const ts_run *run) {
    bool are_enough = run->meeting && ts_meeting_members(run->meeting) >= ts_pool_threads(machine->pool);
    return are_enough ? NULL : machine->pool;
}

static ts_status run_program(ts_machine *machine, const ts_program *program, const ts_run *run,
                             ts_diag *diag) {
    TS_TRY(check_run(machine, program, run, diag));
    ts_exec exec = {.machine = machine,
                    .core = &machine->cores[run->core],
                    .program = program,
                    .homes = homes_of(run),
                    .trace = run->trace,
                    .checks = run->checks,
                    .host = run->host,
                    .pool = pool_for(machine, run),
                    .meeting = run->meeting,
                    .member = run->member,
                    .host_call = run->host_call,
                    .cancel = run->cancel,
                    .diag = diag};
    if (exec.host.isa == ts_isa_auto) exec.host.isa = machine->best_isa;
    uint8_t **data;
    void *memory = allocate(program, &exec, &data);
    if (!memory) return ts_fail(diag, ts_system, "no memory for the loops of a run");
    ts_status status = bind(program, run, data, diag);
    if (status == ts_ok) {
        pthread_mutex_lock(&exec.core->lock);
        choose_rounding(&exec, run);
        begin(exec.core, run->poison);
        if (exec.checks) ts_deferred_settle(&exec);
        if (exec.checks) status = ts_check_begin(&exec);
        if (status == ts_ok) status = walk(&exec, run);
        if (status == ts_ok && exec.checks) ts_check_end(&exec);
        ts_segment_drop(exec.core->segment);
        if (exec.homes) ts_deferred_drop(exec.core); /* the next run may have other tiles */
        pthread_mutex_unlock(&exec.core->lock);
    }
    if (run->stats) *run->stats = exec.stats;
    free(memory);
    return status;
}

ts_status ts_machine_run(ts_machine *machine, const ts_program *program, const ts_run *run, ts_diag *diag) {
    ts_status status = run_program(machine, program, run, diag);
    return run->meeting ? ts_meeting_leave(run->meeting, run->member, status, diag) : status;
}
