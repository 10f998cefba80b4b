/* NKI kernels from any language. The caller executes a kernel's source and records its instructions through
   these functions; the library places them on the chip, runs them and tells when each would have run. The
   Python package trainstone.nki is built on this interface. */
#ifndef TS_TRAINSTONE_NKI_H
#define TS_TRAINSTONE_NKI_H

#include <stdint.h>

#include "trainstone/trainstone.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ts_nki_device ts_nki_device; /* the modelled instance; outlives the kernels recorded for it */
typedef struct ts_nki ts_nki;               /* the recording of one call of a kernel, and what it became */

/* Why a call failed. A field that does not apply is an empty string. */
typedef struct ts_nki_error {
    char kind[16]; /* what kind of failure: "input", "capacity", "unsupported", ... */
    char message[512];
    char op[96];
    char where[512]; /* the kernel's source line, "kernel.py:31" */
    char remedy[256];
    char rule[64]; /* the broken rule, where it has a name: AWS's ("err_num_partition_mismatch"), or
                      psum_bank_crossed, read_before_written or tile_overwritten */
} ts_nki_error;

enum { TS_NKI_DIMS = 8 };

typedef struct ts_nki_dim {
    int64_t step, count; /* both in elements */
} ts_nki_dim;

/* A set of elements of a buffer. On chip: `parts` partitions starting at partition `part` of the buffer's
   block `block`; in each partition, the elements that `dim` and `offset` describe. In HBM: the elements that
   `dim` and `offset` describe; part and block are not used. dim[0] is the outermost dimension. */
typedef struct ts_nki_view {
    uint32_t buffer; /* handle from ts_nki_add_tile or ts_nki_add_tensor */
    uint8_t dtype, dims;
    uint32_t block;
    int32_t part, parts;
    int64_t offset; /* in bytes, from the start of the partition or of the tensor */
    ts_nki_dim dim[TS_NKI_DIMS];
    const struct ts_nki_view *index; /* indirect access in HBM: a view in SBUF with one i32 index for each
                                        count of dim[0]; else NULL */
    int64_t index_step;              /* elements that one unit of the index advances */
} ts_nki_view;

/* One operand or attribute of an instruction, in the order of the instruction's row in docs/isa.md.
   Operators, functions and flags are numbers: their positions in the lists of ts_nki_tables. */
typedef enum ts_nki_kind { ts_nki_none, ts_nki_tensor, ts_nki_number, ts_nki_steps } ts_nki_kind;
typedef struct ts_nki_value {
    ts_nki_kind kind;
    const ts_nki_view *view;
    double number;
    int64_t step[32]; /* steps of dimensions, or the lanes of a shuffle */
} ts_nki_value;

typedef enum ts_nki_space { ts_nki_sbuf = 1, ts_nki_psum, ts_nki_hbm } ts_nki_space;
/* A buffer on chip: `blocks` tiles, each of `parts` partitions with `bytes` in each. */
typedef struct ts_nki_tile {
    ts_nki_space space;
    uint8_t dtype;
    int64_t parts, bytes; /* bytes: in each partition */
    uint32_t blocks;
    int is_value;           /* exactly one instruction writes the tile, and writes all of it, so that copies
                               of the tile may be folded away */
    const int64_t *address; /* fixed address of each block, bytes from the start of the partition; NULL:
                               chosen by the planner */
    int32_t part;           /* first partition; used only with an address */
    const char *name;
} ts_nki_tile;

typedef enum ts_nki_role { ts_nki_input, ts_nki_output, ts_nki_scratch, ts_nki_constant } ts_nki_role;

/* The meaning of the numbers that other calls take, as JSON: {"instructions": [...], "alu": [...], "act":
   [...], "dtypes": [...], "engines": [...]}. Copies and returns like ts_last_run_json. */
TS_API size_t ts_nki_tables(char *buffer, size_t size);

/* Opens a modelled instance; close it with ts_nki_close. `chip` is a chip's name, or NULL for the one that
   the environment names (TRAINSTONE_CHIP, TRAINSTONE_INSTANCE). The instance has at least `cores`
   NeuronCores: unless the environment names one, it is the chip's smallest instance with that many, or else
   its largest. NULL on failure. */
TS_API ts_nki_device *ts_nki_open(const char *chip, int cores, ts_nki_error *error);
/* Frees a device. Kernels recorded for it must have been freed. */
TS_API void ts_nki_close(ts_nki_device *device);
/* The chip's value of a row of docs/chip.md, or, for "generation", its NeuronCore's generation. NaN when no
   row has that name. */
TS_API double ts_nki_chip_value(const ts_nki_device *device, const char *name);

/* Starts recording a call of a kernel of this name. Free it with ts_nki_free. NULL on failure. */
TS_API ts_nki *ts_nki_new(ts_nki_device *device, const char *kernel, ts_nki_error *error);
TS_API void ts_nki_free(ts_nki *nki);
/* Declares that `cores` cores of the chip run parts of the kernel at once and share HBM's bandwidth. */
TS_API void ts_nki_share(ts_nki *nki, int cores);
/* Makes `ranks` NeuronCores run the kernel together, each with inputs and outputs of its own. Call it before
   recording the first instruction that depends on the rank. 0 on success. */
TS_API int ts_nki_ranks(ts_nki *nki, int ranks, ts_nki_error *error);
/* Returns a number for a line of the kernel's source; other calls take it as `line`. */
TS_API uint32_t ts_nki_line(ts_nki *nki, const char *file, int line);
/* Adds an on-chip buffer. Returns its handle, or 0 on failure. */
TS_API uint32_t ts_nki_add_tile(ts_nki *nki, const ts_nki_tile *tile, uint32_t line, ts_nki_error *error);
/* Adds a tensor in HBM. `data` is the contents of a constant, which are copied, and NULL for other roles.
   Returns the tensor's handle, or 0 on failure. */
TS_API uint32_t ts_nki_add_tensor(ts_nki *nki, ts_nki_role role, int dtype, int rank, const int64_t *dim,
                                  const void *data, const char *name, uint32_t line, ts_nki_error *error);
/* Sets the role of a tensor added before; `number` is its position among the inputs or the outputs. */
TS_API void ts_nki_set_role(ts_nki *nki, uint32_t tensor, ts_nki_role role, uint32_t number);
/* Records an instruction. `engine` 0 leaves the choice for a tensor_copy to the library, which takes the
   engine that finishes first. Like all functions below that return int, except ts_nki_warning and
   ts_nki_fills, it returns 0 on success. */
TS_API int ts_nki_emit(ts_nki *nki, int op, int engine, const ts_nki_value *values, int count, uint32_t line,
                       ts_nki_error *error);
/* Marks a loop of the kernel: where the loop begins, where each trip begins, and where the loop ends. */
typedef enum ts_nki_mark {
    ts_nki_loop_begin,
    ts_nki_affine_begin, /* a loop over affine_range, whose trips may run in any order */
    ts_nki_loop_trip,
    ts_nki_loop_end
} ts_nki_mark;
TS_API void ts_nki_add_mark(ts_nki *nki, ts_nki_mark mark, uint32_t line);
/* For a loop whose body the kernel's source executes once only: begins another trip of the innermost open
   loop and records the instructions of its first trip again. Tiles added in the first trip are added anew for
   this one. */
TS_API int ts_nki_repeat(ts_nki *nki, ts_nki_error *error);
/* Places and runs what has been recorded so far and copies the value of a view, contiguous, to `value`.
   data[t] is the host memory of the t-th tensor added, NULL for scratch and constants; memory of an input
   that the kernel has written by then is overwritten. */
TS_API int ts_nki_peek(ts_nki *nki, const ts_nki_view *view, void *const *data, void *value,
                       ts_nki_error *error);
/* Like ts_nki_peek, for all ranks: data[r] and value[r] belong to rank r. */
TS_API int ts_nki_peek_ranks(ts_nki *nki, const ts_nki_view *view, void *const *const *data,
                             void *const *value, ts_nki_error *error);
/* Ends the recording: places the instructions and verifies them. */
TS_API int ts_nki_finish(ts_nki *nki, ts_nki_error *error);
/* Ends the recording as a kernel of a larger program instead, after checking that the kernel fits on the chip
   alone. Gives the bytes that, in base64, are the backend_config of a custom_call
   @AwsNeuronCustomNativeKernel, whose operands and results are the inputs and outputs by number. Copies and
   returns like ts_last_run_json; the first call ends the recording, and later calls give the same bytes. 0 on
   failure. */
TS_API size_t ts_nki_seal(ts_nki *nki, char *buffer, size_t size, ts_nki_error *error);
/* Gives warning `number`, from 0, of a recording that has ended. Returns 1, or 0 when there are no more. */
TS_API int ts_nki_warning(const ts_nki *nki, uint32_t number, ts_nki_error *warning);
/* Whether the finished kernel writes every element of the `number`-th tensor added, an output, before reading
   any; its memory then need not be initialised. */
TS_API int ts_nki_fills(const ts_nki *nki, uint32_t number);
/* How many bytes of the `number`-th tensor added, an output, the finished kernel never writes, and the first
   of them; 0 also where data decides what it writes. */
TS_API uint64_t ts_nki_unwritten(const ts_nki *nki, uint32_t number, uint64_t *first);
/* Runs a finished kernel; may be called any number of times. `data` is as in ts_nki_peek. */
TS_API int ts_nki_run(ts_nki *nki, void *const *data, ts_nki_error *error);
/* Makes two finished kernels the programs of the two cores of one chip: from then until one of them is freed,
   the record of each is that of both running at once. */
TS_API int ts_nki_pair(ts_nki *first, ts_nki *second, ts_nki_error *error);
/* Runs a pair at the same time, so that the two can wait for each other. The data of each are as in
   ts_nki_peek; a tensor that both use is the same memory. */
TS_API int ts_nki_run_pair(ts_nki *first, ts_nki *second, void *const *first_data, void *const *second_data,
                           ts_nki_error *error);
/* Runs all ranks of a finished kernel at the same time; data[r] belongs to rank r and is as in
   ts_nki_peek. */
TS_API int ts_nki_run_ranks(ts_nki *nki, void *const *const *data, ts_nki_error *error);
/* The clock's record of a finished kernel, in the form of ts_last_run_json. 0 on failure. */
TS_API size_t ts_nki_record(ts_nki *nki, char *buffer, size_t size, ts_nki_error *error);
/* A finished kernel in the text form of docs/trn.md. Copies and returns like ts_last_run_json. */
TS_API size_t ts_nki_text(ts_nki *nki, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
