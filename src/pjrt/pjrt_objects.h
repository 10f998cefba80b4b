/* The structures behind the opaque types of pjrt_api.h, and helpers that the plugin's files share.

     Lifetimes: a client lives until it is destroyed and its last buffer and executable are gone. Storage,
     signals and programs are shared by handles, queued work and each other, and count references; nothing
   else does. Threads: any slot may be called from any thread. Each device has one in-order queue with one
   thread. */
#ifndef TS_PJRT_PJRT_OBJECTS_H
#define TS_PJRT_PJRT_OBJECTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "compiler/graph/graph.h"
#include "pjrt/pjrt_api.h"
#include "runtime/executable.h"
#include "runtime/runtime.h"

/* --- errors (pjrt_error.c) --- */

struct PJRT_Error {
    PJRT_Error_Code code;
    size_t length;
    char message[];
};
/* A new error with a copy of the message; the framework destroys it. */
PJRT_Error *ts_pjrt_error(PJRT_Error_Code code, const char *message);
/* NULL for ts_ok; otherwise an error with the diag's text. */
PJRT_Error *ts_pjrt_error_from(ts_status status, const ts_diag *diag);
/* Errors about something that is not supported, an argument structure that is too small, and use of a client
   in a forked child. */
PJRT_Error *ts_pjrt_unimplemented(const char *what, const char *remedy);
PJRT_Error *ts_pjrt_bad_size(const char *function, size_t size, size_t needed);
PJRT_Error *ts_pjrt_forked(void);

/* Whether the caller's structure includes a field. */
#define TS_PJRT_HAS(args, field)                                                                             \
    ((args)->struct_size >=                                                                                  \
     (size_t)((const char *)&(args)->field - (const char *)(args)) + sizeof(args)->field)
/* Returns an error when the structure ends before `field`, the last one that the function needs. */
#define TS_PJRT_NEED(args, field)                                                                            \
    do {                                                                                                     \
        if (!TS_PJRT_HAS(args, field))                                                                       \
            return ts_pjrt_bad_size(__func__ + sizeof "ts_pjrt" - 1, (args)->struct_size,                    \
                                    (size_t)((const char *)&(args)->field - (const char *)(args)) +          \
                                        sizeof(args)->field);                                                \
    } while (0)

/* --- signals and events (pjrt_event.c) --- */

/* Something that becomes ready once, with or without an error. Counts references. */
typedef struct ts_signal ts_signal;
ts_signal *ts_signal_new(void); /* not ready; NULL when the host has no memory */
ts_signal *ts_signal_new_ready(void);
ts_signal *ts_signal_retain(ts_signal *signal);
void ts_signal_release(ts_signal *signal);
/* Makes the signal ready and calls its callbacks. To be called once. */
void ts_signal_set(ts_signal *signal, ts_status status, const ts_diag *diag);
void ts_signal_set_error(ts_signal *signal, PJRT_Error_Code code, const char *message);
bool ts_signal_is_ready(const ts_signal *signal);
void ts_signal_wait(ts_signal *signal);
/* A new error for the caller; NULL when the signal is not ready or has no error. */
PJRT_Error *ts_signal_error(const ts_signal *signal);
bool ts_signal_has_error(const ts_signal *signal); /* ready, and failed */
/* Makes `to` ready with the error of `from`. */
void ts_signal_forward_error(const ts_signal *from, ts_signal *to);
/* A handle for the caller, with a new reference; NULL when the host has no memory. */
PJRT_Event *ts_pjrt_event_new(ts_signal *signal);

/* --- queues (pjrt_queue.c) --- */

/* A piece of queued work, embedded at the start of a larger structure, which `run` frees. */
typedef struct ts_work ts_work;
struct ts_work {
    void (*run)(ts_work *work);
    ts_work *next;
};
typedef struct ts_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    ts_work *first, *last;
    int pending; /* queued or running */
    bool has_thread, is_stopping;
    pthread_t thread;
    int number;
} ts_queue;
void ts_queue_init(ts_queue *queue, int number);
/* Appends work; starts the thread on first use and waits while the queue is full. ts_usage after
   ts_queue_stop. */
ts_status ts_queue_push(ts_queue *queue, ts_work *work, ts_diag *diag);
/* ts_queue_push in two steps: reserves room for one piece of work, which must then be filled or given back.
   Filling cannot fail. */
ts_status ts_queue_reserve(ts_queue *queue, ts_diag *diag);
void ts_queue_fill(ts_queue *queue, ts_work *work);
void ts_queue_give_back(ts_queue *queue);
/* Returns when all work pushed before has run; at once when called on the queue's own thread. */
void ts_queue_drain(ts_queue *queue);
/* Runs what is queued, then ends the thread. Must not be called on the queue's own thread. */
void ts_queue_stop(ts_queue *queue);
bool ts_queue_is_own_thread(ts_queue *queue);
void ts_queue_close(ts_queue *queue); /* after stop */

/* --- client, devices, memories, topology --- */

struct PJRT_DeviceDescription {
    int id, chip, core, process;
    int64_t coords[2]; /* chip, core */
    char to_string[48], debug_string[128];
    PJRT_NamedValue attributes[3];
};
struct PJRT_Memory {
    void *reserved; /* newer frameworks expect a table of functions in the first word; NULL: none */
    PJRT_Device *device;
    char to_string[48], debug_string[144];
};
struct PJRT_Device {
    PJRT_Client *client;
    PJRT_DeviceDescription *description;
    PJRT_Memory *memory;
    int index; /* in the runtime; -1: a device of another process */
    ts_queue queue;
    atomic_llong largest_bytes; /* largest single allocation so far */
};
struct PJRT_TopologyDescription {
    char platform_version[96];
    int count;
    PJRT_DeviceDescription **descriptions;
    char fingerprint[256];
    PJRT_NamedValue attributes[3];
    const char *instance, *chip;
};

/* Host memory of freed storage, kept for the next request of the same size: a training step asks for the same
   sizes again and again, and fresh pages cost more than filling them. */
typedef struct ts_area {
    struct ts_area *next;
    size_t bytes;
} ts_area;

struct PJRT_Client {
    ts_runtime *runtime;
    pid_t pid; /* the process that made it; a forked child has its memory but not its threads */
    atomic_int references;
    int process, processes;
    int count, first, own; /* devices of all processes; of this one [first, first + own) */
    ts_meeting *meeting;   /* of all devices; NULL: there is only one process */
    PJRT_Device *devices;
    PJRT_DeviceDescription *descriptions;
    PJRT_Memory *memories;
    PJRT_Device **device_list;
    PJRT_Memory **memory_list;
    PJRT_TopologyDescription topology;
    ts_signal *ready;            /* shared by everything that is ready from the start */
    pthread_mutex_t launch_lock; /* held while a program enters the queues of several devices */
    pthread_mutex_t area_lock;
    ts_area *areas;
    uint64_t area_bytes, live_bytes; /* bytes in `areas`, and bytes in use */
};
#define TS_PJRT_PLATFORM "neuron"
bool ts_client_is_foreign(const PJRT_Client *client); /* in a forked child */
PJRT_Client *ts_client_retain(PJRT_Client *client);
void ts_client_release(PJRT_Client *client);
/* Makes the client's devices and memories; ts_devices_free frees them. */
ts_status ts_devices_make(PJRT_Client *client, const ts_processes *processes, ts_diag *diag);
void ts_devices_free(PJRT_Client *client);
ts_status ts_topology_make(PJRT_Client *client, ts_diag *diag);
PJRT_NamedValue ts_value_int(const char *name, int64_t value);
PJRT_NamedValue ts_value_string(const char *name, const char *value);
PJRT_NamedValue ts_value_float(const char *name, double value);

/* ts_usage for a device of another process. */
ts_status ts_device_check_own(const PJRT_Device *device, ts_diag *diag);

/* --- storage (pjrt_storage.c) --- */

/* Bytes in one device's HBM. Counts references. */
typedef struct ts_storage {
    atomic_int references;
    PJRT_Device *device;
    ts_extent *extent; /* NULL after another storage took over its place in HBM */
    void *host;
    size_t bytes;
} ts_storage;
/* ts_capacity when HBM is full even after all queued work has run. The contents are undefined. */
ts_status ts_storage_new(PJRT_Device *device, size_t bytes, ts_storage **storage, ts_diag *diag);
/* How a donated input's memory becomes an output's: makes storage without a place in HBM, and moves a place
   between storages of the same size. The values of `from` stay valid for those that still hold it. */
ts_status ts_storage_new_unplaced(PJRT_Device *device, size_t bytes, ts_storage **storage, ts_diag *diag);
void ts_storage_move_place(ts_storage *from, ts_storage *to);
ts_storage *ts_storage_retain(ts_storage *storage);
void ts_storage_release(ts_storage *storage);
void ts_areas_free(PJRT_Client *client);

/* --- types and layouts (pjrt_layout.c) --- */

ts_dtype ts_dtype_from_pjrt(PJRT_Buffer_Type type); /* ts_dtype_none: not supported */
PJRT_Buffer_Type ts_dtype_to_pjrt(ts_dtype dtype);
typedef struct ts_shape {
    ts_dtype dtype;
    int rank;
    int64_t dim[TS_MAX_RANK];
    size_t bytes;
} ts_shape;
/* ts_unsupported for types or ranks that devices do not have, ts_usage for negative lengths. */
ts_status ts_shape_make(PJRT_Buffer_Type type, const int64_t *dims, size_t count, ts_shape *shape,
                        ts_diag *diag);
/* Like "f32[4x8]". */
void ts_shape_print(const ts_shape *shape, char *text, size_t size);
void ts_shape_strides(const ts_shape *shape, int64_t *strides); /* row-major, in bytes */
/* Strides in bytes of a caller's layout; NULL stands for row-major. */
ts_status ts_layout_strides(const ts_shape *shape, const PJRT_Buffer_MemoryLayout *layout, int64_t *strides,
                            ts_diag *diag);
/* Copies every element. Strides are in bytes and may be negative. */
void ts_copy_strided(const ts_shape *shape, void *to, const int64_t *to_strides, const void *from,
                     const int64_t *from_strides);

/* --- buffers (pjrt_buffer.c) --- */

struct PJRT_Buffer {
    PJRT_Device *device;
    ts_shape shape;
    int64_t minor_to_major[TS_MAX_RANK];
    pthread_mutex_t lock; /* guards the fields below */
    ts_signal *ready;
    ts_storage *storage; /* NULL: deleted */
    int external_references;
    bool is_donating;
};
/* Takes over the references to signal and storage. When the host has no memory, releases both and returns
   NULL. */
PJRT_Buffer *ts_buffer_new(PJRT_Device *device, const ts_shape *shape, ts_signal *ready, ts_storage *storage);
void ts_buffer_free(PJRT_Buffer *buffer);
/* Takes new references to the buffer's signal and storage; ts_usage when it is deleted. */
ts_status ts_buffer_hold(PJRT_Buffer *buffer, ts_signal **ready, ts_storage **storage, ts_diag *diag);
/* Marks the buffer as about to be taken over by a computation; ts_usage when it may not be, or is marked
   already. */
ts_status ts_buffer_begin_donation(PJRT_Buffer *buffer, ts_diag *diag);
/* Removes the mark; is_final also deletes the buffer. */
void ts_buffer_end_donation(PJRT_Buffer *buffer, bool is_final);
/* ts_usage when the buffer is marked. */
ts_status ts_buffer_check_undonated(PJRT_Buffer *buffer, ts_diag *diag);

/* --- compiled programs (pjrt_compile.c, pjrt_executable.c) --- */

typedef struct ts_compile_request {
    int replicas, partitions;
    int device_count;         /* replicas * partitions, or 0 when no devices were given */
    int device[TS_MAX_RANKS]; /* their ids; element replica * partitions + partition */
    bool is_portable;
} ts_compile_request;
/* Reads a serialised CompileOptionsProto. Refuses unknown compiler options. */
ts_status ts_compile_request_read(const char *bytes, size_t size, ts_compile_request *request, ts_diag *diag);

/* What PJRT_Executable and PJRT_LoadedExecutable share. Counts references. */
typedef struct ts_loaded {
    atomic_int references;
    ts_arena arena; /* owns the arrays */
    PJRT_Client *client;
    ts_executable *executable;
    bool is_portable;
    int replicas, partitions, device_count;
    PJRT_Device **devices;     /* by rank */
    int own_count;             /* ranks on devices of this process */
    PJRT_Device **own_devices; /* by rank; and their ranks */
    int own[TS_MAX_RANKS];
    bool has_collectives;
    char *text; /* the text that OptimizedProgram returns */
    size_t text_size;
    char fingerprint[17];
    int input_count, output_count;
    ts_shape *inputs, *outputs;
    int *alias; /* for each output, the input whose memory it takes over, or -1 */
    PJRT_Buffer_Type *output_types;
    int64_t *output_dims; /* of all outputs, concatenated */
    size_t *output_ranks;
    const char **memory_kinds;
    size_t *memory_kind_sizes;
    pthread_mutex_t lock; /* guards the cost, which is made on first use */
    bool has_cost;
    PJRT_NamedValue cost[5];
} ts_loaded;
struct PJRT_Executable {
    ts_loaded *loaded;
};
struct PJRT_LoadedExecutable {
    ts_loaded *loaded;
    atomic_bool is_deleted;
};
/* What a compile cache keeps of a program besides its instructions. */
typedef struct ts_loaded_past {
    const char *fingerprint;
    const char *text; /* as in ts_loaded */
    size_t text_size;
} ts_loaded_past;
/* Makes it from StableHLO or a .trn; `past` is NULL unless it comes from a compile cache. */
ts_status ts_loaded_new(PJRT_Client *client, const char *code, size_t size, const ts_loaded_past *past,
                        const ts_compile_request *request, ts_loaded **loaded, ts_diag *diag);
/* Appends StableHLO text with the program's signature around a single call, and the shardings of its
   arguments and results if the module gives them. `module` may be NULL. */
void ts_loaded_describe(const ts_loaded *loaded, const ts_module *module, ts_text *out);
ts_loaded *ts_loaded_retain(ts_loaded *loaded);
void ts_loaded_release(ts_loaded *loaded);

#endif
