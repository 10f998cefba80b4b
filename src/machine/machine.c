/* Makes and frees a machine: its cores' memories are reserved at their modelled size and mapped on first
   use. */
#include "machine/deferred.h"
#include "machine/gemm.h"
#include "machine/packed.h"
#include "machine/segment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    PITCH_PAD = 320, /* bytes, so that rows do not share cache sets */
    MAX_CORES = 64,
    HUGE_BYTES = 2 << 20 /* of a huge page */
};

/* Rows of a memory lie far apart, so that with small pages each would need a TLB entry of its own. Linux
   aligns a mapping to huge pages if its length is a multiple of one. */
static uint64_t mapped_bytes(uint64_t bytes) {
    return bytes < HUGE_BYTES ? bytes : (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
}

void *ts_map(uint64_t bytes) {
    const uint64_t size = mapped_bytes(bytes);
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) return NULL;
    if (size >= HUGE_BYTES) madvise(data, size, MADV_HUGEPAGE);
    return data;
}

void ts_unmap(void *data, uint64_t bytes) {
    if (data) munmap(data, mapped_bytes(bytes));
}

static uint64_t memory_bytes(const ts_memory *memory) {
    return (uint64_t)memory->partitions * (uint64_t)memory->pitch;
}

static bool map_memory(ts_memory *memory, double partitions, double bytes) {
    memory->partitions = (int64_t)partitions;
    memory->bytes = (int64_t)bytes;
    memory->pitch = (ts_homes_columns(memory->bytes) + 63) / 64 * 64 + PITCH_PAD;
    memory->data = ts_map(memory_bytes(memory));
    memory->set = calloc((size_t)memory->pitch / TS_LINE + 1, 1);
    return memory->data && memory->set;
}

static void unmap_memory(ts_memory *memory) {
    ts_unmap(memory->data, memory_bytes(memory));
    free(memory->set);
}

/* The copy of an operand: its pitch takes up to two cache lines more than its columns. */
static uint64_t operand_bytes(const ts_chip *chip, double columns) {
    return (uint64_t)(chip->partitions * (columns + TS_GEMM_COLUMNS) * (double)sizeof(float));
}

static void measure_rooms(const ts_chip *chip, ts_core *core) {
    const int64_t parts = (int64_t)chip->partitions, places = parts / TS_LEAST_ROWS + 1;
    const double columns = fmax(chip->max_stationary_columns, chip->partitions);
    core->panel_room = ts_gemm_panel_room(parts);
    core->rows_room = places * core->panel_room + TS_GEMM_SLACK;
    core->operand_room = ts_gemm_operand_room(parts, (int64_t)columns);
}

static uint64_t stationary_packed_bytes(const ts_core *core) {
    return (uint64_t)(core->rows_room + TS_SEGMENT_LENGTH * core->operand_room) * sizeof(uint32_t);
}

static uint64_t moving_packed_bytes(const ts_chip *chip, const ts_core *core) {
    const int64_t panels = (int64_t)chip->max_moving_columns / TS_GEMM_LEAST_COLUMNS + 1;
    return (uint64_t)(core->rows_room + panels * core->panel_room) * sizeof(uint32_t);
}

static uint64_t kept_bytes(const ts_core *core) {
    return (uint64_t)(TS_PACKED * core->operand_room) * sizeof(uint32_t);
}

static bool open_core(const ts_chip *chip, ts_core *core) {
    bool is_open = map_memory(&core->sbuf, chip->partitions, chip->sbuf_partition_bytes) &&
                   map_memory(&core->psum, chip->partitions, chip->psum_partition_bytes) &&
                   map_memory(&core->accumulators, chip->partitions, 2 * sizeof(float));
    for (int i = 0; i < TS_SHADOWS && is_open; i++)
        is_open = map_memory(&core->shadow[i], chip->partitions, chip->sbuf_partition_bytes);
    uint64_t stationary = operand_bytes(chip, chip->max_stationary_columns);
    uint64_t moving = operand_bytes(chip, chip->max_moving_columns);
    measure_rooms(chip, core);
    core->stationary = ts_map(stationary);
    core->stationary_packed = ts_map(stationary_packed_bytes(core));
    core->moving = ts_map(moving);
    core->moving_packed = ts_map(moving_packed_bytes(chip, core));
    core->segment = ts_map(sizeof *core->segment);
    core->deferrals = ts_map(sizeof *core->deferrals);
    if (core->deferrals) ts_deferred_drop(core);
    core->packed = ts_map(sizeof *core->packed);
    if (core->packed) core->packed->rooms = ts_map(kept_bytes(core));
    return core->segment && core->deferrals && core->packed && core->packed->rooms && is_open &&
           core->stationary && core->stationary_packed && core->moving && core->moving_packed;
}

static void close_core(const ts_chip *chip, ts_core *core) {
    unmap_memory(&core->sbuf);
    unmap_memory(&core->psum);
    unmap_memory(&core->accumulators);
    for (int i = 0; i < TS_SHADOWS; i++)
        unmap_memory(&core->shadow[i]);
    uint64_t stationary = operand_bytes(chip, chip->max_stationary_columns);
    uint64_t moving = operand_bytes(chip, chip->max_moving_columns);
    ts_unmap(core->stationary, stationary);
    ts_unmap(core->stationary_packed, stationary_packed_bytes(core));
    ts_unmap(core->moving, moving);
    ts_unmap(core->moving_packed, moving_packed_bytes(chip, core));
    ts_unmap(core->segment, sizeof *core->segment);
    ts_unmap(core->deferrals, sizeof *core->deferrals);
    if (core->packed) ts_unmap(core->packed->rooms, kept_bytes(core));
    ts_unmap(core->packed, sizeof *core->packed);
    pthread_mutex_destroy(&core->lock);
}

/* A what-if chip comes from a file, so its sizes are checked. A partition of SBUF must hold what the
   workspace needs of it: a partition of PSUM, or a row of a square transpose. */
static ts_status check_chip(const ts_chip *chip, ts_diag *diag) {
    const struct {
        const char *name;
        double value, low, high;
        const char *limit; /* the row that sets the limit, or NULL */
    } rows[] = {
        {"cores", chip->cores, 1, MAX_CORES, NULL},
        {"partitions", chip->partitions, 1, 4096, NULL},
        {"sbuf_partition_bytes", chip->sbuf_partition_bytes, 4 * chip->partitions, 1 << 26, "partitions"},
        {"psum_partition_bytes", chip->psum_partition_bytes, 1, chip->sbuf_partition_bytes,
         "sbuf_partition_bytes"},
        {"max_stationary_columns", chip->max_stationary_columns, 1, 1 << 16, NULL},
        {"max_moving_columns", chip->max_moving_columns, 1, 1 << 16, NULL},
        {"hbm_bytes", chip->hbm_bytes, 1, 0x1p50, NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].value >= rows[i].low && rows[i].value <= rows[i].high) continue;
        ts_fail(diag, ts_input, "chip %s: %s = %.15g, must be %.15g to %.15g", chip->name, rows[i].name,
                rows[i].value, rows[i].low, rows[i].high);
        ts_diag_remedy(diag, "change that row of the chip file%s%s", rows[i].limit ? ", or " : "",
                       rows[i].limit ? rows[i].limit : "");
        return ts_input;
    }
    return ts_ok;
}

static ts_status out_of_memory(ts_machine *machine, ts_diag *diag) {
    ts_machine_free(machine);
    return ts_fail(diag, ts_system, "the host has no address space for the chip's SBUF and PSUM");
}

ts_status ts_machine_new(const ts_chip *chip, ts_pool *pool, ts_machine **result, ts_diag *diag) {
    *result = NULL;
    TS_TRY(check_chip(chip, diag));
    ts_machine *machine = calloc(1, sizeof *machine);
    if (!machine) return ts_fail(diag, ts_system, "no memory for a machine");
    machine->chip = *chip;
    machine->pool = pool;
    machine->best_isa = ts_isa_best();
    pthread_mutex_init(&machine->hbm.lock, NULL);
    machine->cores = calloc((size_t)chip->cores, sizeof *machine->cores);
    if (!machine->cores) return out_of_memory(machine, diag);
    while (machine->core_count < (int)chip->cores) {
        ts_core *core = &machine->cores[machine->core_count++];
        pthread_mutex_init(&core->lock, NULL);
        if (!open_core(chip, core)) return out_of_memory(machine, diag);
    }
    ts_status status = ts_hbm_open(machine, diag);
    if (status != ts_ok) {
        ts_machine_free(machine);
        return status;
    }
    *result = machine;
    return ts_ok;
}

void ts_machine_free(ts_machine *machine) {
    if (!machine) return;
    ts_hbm_close(machine);
    for (int i = 0; i < machine->core_count; i++)
        close_core(&machine->chip, &machine->cores[i]);
    pthread_mutex_destroy(&machine->hbm.lock);
    free(machine->cores);
    free(machine);
}

const ts_chip *ts_machine_chip(const ts_machine *machine) {
    return &machine->chip;
}
