/* NKI kernels from any language: the caller runs a kernel and records its instructions here; the library
   places them on the chip, executes them and tells when each would have run. What the Python package builds
   on. */
#ifndef TS_TRAINSTONE_NKI_H
#define TS_TRAINSTONE_NKI_H

#include <stdint.h>

#include "trainstone/trainstone.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ts_nki_device ts_nki_device; /* the modelled instance; outlives the kernels recorded for it */
typedef struct ts_nki ts_nki;               /* one run of a kernel */

/* Why a call failed; empty strings where there is nothing to say. */
typedef struct ts_nki_error {
    char kind[16]; /* "input", "capacity", "unsupported", ... */
    char message[512];
    char op[96];
    char where[512]; /* "kernel.py:31" */
    char remedy[256];
    char rule[64]; /* which one was broken, where it has a name: AWS's ("err_num_partition_mismatch") or one
                      of psum_bank_crossed, read_before_written and tile_overwritten */
} ts_nki_error;

enum { TS_NKI_DIMS = 8 };

typedef struct ts_nki_dim {
    int64_t step, count; /* elements */
} ts_nki_dim;

/* Elements of a buffer. On chip: `parts` partitions from `part` of the buffer's block `block`, in each the
   pattern of `dim`. In HBM: the pattern alone, outermost dimension first. */
typedef struct ts_nki_view {
    uint32_t buffer; /* handle */
    uint8_t dtype, dims;
    uint32_t block;
    int32_t part, parts;
    int64_t offset; /* bytes: into the partition, or into the tensor */
    ts_nki_dim dim[TS_NKI_DIMS];
    const struct ts_nki_view *index; /* HBM: one i32 in SBUF for each count of dim[0], or NULL */
    int64_t index_step;              /* elements that one of it stands for */
} ts_nki_view;

/* One field of an instruction, in the order of its row in docs/isa.md. Operators, functions and flags are
   numbers: their positions in ts_nki_tables. */
typedef enum ts_nki_kind { ts_nki_none, ts_nki_tensor, ts_nki_number, ts_nki_steps } ts_nki_kind;
typedef struct ts_nki_value {
    ts_nki_kind kind;
    const ts_nki_view *view;
    double number;
    int64_t step[32]; /* of dimensions, or the lanes of a shuffle */
} ts_nki_value;

typedef enum ts_nki_space { ts_nki_sbuf = 1, ts_nki_psum, ts_nki_hbm } ts_nki_space;
/* `blocks` tiles of [parts, bytes] on chip. */
typedef struct ts_nki_tile {
    ts_nki_space space;
    uint8_t dtype;
    int64_t parts, bytes; /* bytes in each partition */
    uint32_t blocks;
    int is_value;           /* one call writes it whole, and nobody else: copies of it may be folded away */
    const int64_t *address; /* of each block, bytes into the partition; NULL: the planner chooses */
    int32_t part;           /* first partition, with an address */
    const char *name;
} ts_nki_tile;

typedef enum ts_nki_role { ts_nki_input, ts_nki_output, ts_nki_scratch, ts_nki_constant } ts_nki_role;

/* {"instructions": [...], "alu": [...], "act": [...], "dtypes": [...], "engines": [...]}: what the numbers
   below mean. Copies and returns like ts_last_run_json. */
TS_API size_t ts_nki_tables(char *buffer, size_t size);

/* chip NULL: as the environment says (TRAINSTONE_CHIP, TRAINSTONE_INSTANCE). cores: at least so many; where
   the environment names no instance it is the smallest of the chip's that has them, or the largest. NULL on
   failure. */
TS_API ts_nki_device *ts_nki_open(const char *chip, int cores, ts_nki_error *error);
TS_API void ts_nki_close(ts_nki_device *device);
/* The chip's value for a row of docs/chip.md, or its NeuronCore's "generation"; NaN when there is no such
 * row. */
TS_API double ts_nki_chip_value(const ts_nki_device *device, const char *name);

TS_API ts_nki *ts_nki_new(ts_nki_device *device, const char *kernel, ts_nki_error *error);
TS_API void ts_nki_free(ts_nki *nki);
/* So many of the chip's cores run parts of the kernel at once: HBM's rate is shared among them. */
TS_API void ts_nki_share(ts_nki *nki, int cores);
/* So many NeuronCores, the ranks, run the kernel together, each with inputs and outputs of its own. Before
   the first instruction that knows of them. */
TS_API int ts_nki_ranks(ts_nki *nki, int ranks, ts_nki_error *error);
/* A number for a line of the kernel's source, given to the calls below. */
TS_API uint32_t ts_nki_line(ts_nki *nki, const char *file, int line);
/* A buffer's handle, 0 on failure. */
TS_API uint32_t ts_nki_add_tile(ts_nki *nki, const ts_nki_tile *tile, uint32_t line, ts_nki_error *error);
/* data: of a constant, copied; otherwise NULL. */
TS_API uint32_t ts_nki_add_tensor(ts_nki *nki, ts_nki_role role, int dtype, int rank, const int64_t *dim,
                                  const void *data, const char *name, uint32_t line, ts_nki_error *error);
/* What a tensor turned out to be; number: its position among the inputs or outputs. */
TS_API void ts_nki_set_role(ts_nki *nki, uint32_t tensor, ts_nki_role role, uint32_t number);
/* Records an instruction; 0 on success, as all that follow. engine 0: of a
   tensor_copy, the one that ends first. */
TS_API int ts_nki_emit(ts_nki *nki, int op, int engine, const ts_nki_value *values, int count, uint32_t line,
                       ts_nki_error *error);
/* Where a loop of the kernel that a compiler would see as one begins, starts a trip, and ends. */
typedef enum ts_nki_mark {
    ts_nki_loop_begin,
    ts_nki_affine_begin, /* the same of affine_range, whose trips may run in any order */
    ts_nki_loop_trip,
    ts_nki_loop_end
} ts_nki_mark;
TS_API void ts_nki_add_mark(ts_nki *nki, ts_nki_mark mark, uint32_t line);
/* Begins a further trip of the innermost open loop and records again what its first trip recorded, with tiles
   of its own for those added in it: of a loop whose body the kernel tells once. */
TS_API int ts_nki_repeat(ts_nki *nki, ts_nki_error *error);
/* The value of a view at this point of the kernel, contiguous: places and runs what was recorded so far.
   data[t]: host memory of tensor number t of those added, NULL for scratch and constants; of an input that
   the kernel has written so far it is overwritten. */
TS_API int ts_nki_peek(ts_nki *nki, const ts_nki_view *view, void *const *data, void *value,
                       ts_nki_error *error);
/* The same on all ranks: data[r] and value[r] of rank r. */
TS_API int ts_nki_peek_ranks(ts_nki *nki, const ts_nki_view *view, void *const *const *data,
                             void *const *value, ts_nki_error *error);
/* Ends the recording: places and verifies. */
TS_API int ts_nki_finish(ts_nki *nki, ts_nki_error *error);
/* Ends the recording instead as a kernel of a larger program, after trying whether it fits alone: the bytes
   that, in base64, are the backend_config of a custom_call @AwsNeuronCustomNativeKernel, whose operands and
   results are the inputs and outputs by number. Copies and returns like ts_last_run_json; the first call
   ends the recording, later ones give the same. 0 on failure. */
TS_API size_t ts_nki_seal(ts_nki *nki, char *buffer, size_t size, ts_nki_error *error);
/* What is questionable in a recording that has ended; 1 while there is a number `number`, from 0. */
TS_API int ts_nki_warning(const ts_nki *nki, uint32_t number, ts_nki_error *warning);
/* Whether what was finished writes all of tensor number `number` of those added, an output, and reads none of
   it before: then it does not matter what its memory holds. */
TS_API int ts_nki_fills(const ts_nki *nki, uint32_t number);
/* Runs what was finished, any number of times; data as above. */
TS_API int ts_nki_run(ts_nki *nki, void *const *data, ts_nki_error *error);
/* Two that were finished are the programs of the two cores of a chip: their records are those of both at
   once. Until one of them is freed. */
TS_API int ts_nki_pair(ts_nki *first, ts_nki *second, ts_nki_error *error);
/* Runs a pair at the same time, so that they may wait for each other; data of each as above, and what both
   see is the same memory. */
TS_API int ts_nki_run_pair(ts_nki *first, ts_nki *second, void *const *first_data, void *const *second_data,
                           ts_nki_error *error);
/* Runs all ranks of what was finished at the same time; data[r]: of rank r, as above. */
TS_API int ts_nki_run_ranks(ts_nki *nki, void *const *const *data, ts_nki_error *error);
/* The clock's record of what was finished, as in ts_last_run_json. 0 on failure. */
TS_API size_t ts_nki_record(ts_nki *nki, char *buffer, size_t size, ts_nki_error *error);
/* What was finished in the text form of docs/trn.md. */
TS_API size_t ts_nki_text(ts_nki *nki, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
