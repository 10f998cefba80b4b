/* What stands behind the opaque types of pjrt_api.h, and the helpers that the plugin's files share.

   Lifetimes: a client lives until it was destroyed and its last buffer and executable are gone. Storage,
   signals and programs are shared between handles, queued work and each other, and count references; nothing
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
PJRT_Error *ts_pjrt_error(PJRT_Error_Code code, const char *message);
/* NULL for ts_ok; otherwise the diag's words. */
PJRT_Error *ts_pjrt_error_from(ts_status status, const ts_diag *diag);
PJRT_Error *ts_pjrt_unimplemented(const char *what, const char *remedy);
PJRT_Error *ts_pjrt_bad_size(const char *function, size_t size, size_t needed);
PJRT_Error *ts_pjrt_forked(void);

/* Whether the caller's structure reaches to the end of a field. */
#define TS_PJRT_HAS(args, field)                                                                             \
    ((args)->struct_size >=                                                                                  \
     (size_t)((const char *)&(args)->field - (const char *)(args)) + sizeof(args)->field)
/* Refuses a structure that ends before `field`, the last one a function cannot do without. */
#define TS_PJRT_NEED(args, field)                                                                            \
    do {                                                                                                     \
        if (!TS_PJRT_HAS(args, field))                                                                       \
            return ts_pjrt_bad_size(__func__ + sizeof "ts_pjrt" - 1, (args)->struct_size,                    \
                                    (size_t)((const char *)&(args)->field - (const char *)(args)) +          \
                                        sizeof(args)->field);                                                \
    } while (0)

/* --- signals and events (pjrt_event.c) --- */

/* Something that becomes ready once, with or without an error. */
typedef struct ts_signal ts_signal;
ts_signal *ts_signal_new(void); /* not ready; NULL when the host has no memory */
ts_signal *ts_signal_new_ready(void);
ts_signal *ts_signal_retain(ts_signal *signal);
void ts_signal_release(ts_signal *signal);
/* Once. Calls the callbacks. */
void ts_signal_set(ts_signal *signal, ts_status status, const ts_diag *diag);
void ts_signal_set_error(ts_signal *signal, PJRT_Error_Code code, const char *message);
bool ts_signal_is_ready(const ts_signal *signal);
void ts_signal_wait(ts_signal *signal);
/* A new error for the caller, NULL when ready without one or not ready. */
PJRT_Error *ts_signal_error(const ts_signal *signal);
bool ts_signal_has_error(const ts_signal *signal); /* ready, and failed */
/* Sets `to` with the error that `from` has. */
void ts_signal_forward_error(const ts_signal *from, ts_signal *to);
/* A handle for the caller on a new reference; NULL when the host has no memory. */
PJRT_Event *ts_pjrt_event_new(ts_signal *signal);

/* --- queues (pjrt_queue.c) --- */

/* A piece of queued work, embedded at the start of a larger structure that `run` frees. */
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
/* Starts the thread on first use. Waits while the queue is full. ts_usage after it was stopped. */
ts_status ts_queue_push(ts_queue *queue, ts_work *work, ts_diag *diag);
/* The same in two steps: room for one piece of work, which must be filled or given back; filling cannot fail.
 */
ts_status ts_queue_reserve(ts_queue *queue, ts_diag *diag);
void ts_queue_fill(ts_queue *queue, ts_work *work);
void ts_queue_give_back(ts_queue *queue);
/* Returns when everything pushed before has run; at once on the queue's own thread. */
void ts_queue_drain(ts_queue *queue);
/* Runs what is queued, then ends the thread. Not on the queue's own thread. */
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
    void *reserved; /* newer frameworks look for a table of functions in the first word; NULL: none */
    PJRT_Device *device;
    char to_string[48], debug_string[144];
};
struct PJRT_Device {
    PJRT_Client *client;
    PJRT_DeviceDescription *description;
    PJRT_Memory *memory;
    int index; /* in the runtime; that of another process has none: -1 */
    ts_queue queue;
    atomic_llong largest_bytes; /* largest single allocation seen */
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
    pid_t pid; /* of the process that made it; a forked child has its memory but not its threads */
    atomic_int references;
    int process, processes;
    int count, first, own; /* devices of all processes; of this one [first, first + own) */
    ts_meeting *meeting;   /* of all devices; NULL: there is one process */
    PJRT_Device *devices;
    PJRT_DeviceDescription *descriptions;
    PJRT_Memory *memories;
    PJRT_Device **device_list;
    PJRT_Memory **memory_list;
    PJRT_TopologyDescription topology;
    ts_signal *ready;            /* shared by all that is ready from the start */
    pthread_mutex_t launch_lock; /* while a program goes into the queues of several devices */
    pthread_mutex_t area_lock;
    ts_area *areas;
    uint64_t area_bytes, live_bytes; /* kept and in use */
};
#define TS_PJRT_PLATFORM "neuron"
bool ts_client_is_foreign(const PJRT_Client *client); /* in a forked child */
PJRT_Client *ts_client_retain(PJRT_Client *client);
void ts_client_release(PJRT_Client *client);
ts_status ts_devices_make(PJRT_Client *client, const ts_processes *processes, ts_diag *diag);
void ts_devices_free(PJRT_Client *client);
ts_status ts_topology_make(PJRT_Client *client, ts_diag *diag);
PJRT_NamedValue ts_value_int(const char *name, int64_t value);
PJRT_NamedValue ts_value_string(const char *name, const char *value);
PJRT_NamedValue ts_value_float(const char *name, double value);

/* ts_usage for a device of another process. */
ts_status ts_device_check_own(const PJRT_Device *device, ts_diag *diag);

/* --- storage (pjrt_storage.c) --- */

/* Bytes in one device's HBM. */
typedef struct ts_storage {
    atomic_int references;
    PJRT_Device *device;
    ts_extent *extent; /* NULL after another storage took its place in HBM over */
    void *host;
    size_t bytes;
} ts_storage;
/* ts_capacity when HBM is full even after all queued work is done. Contents are undefined. */
ts_status ts_storage_new(PJRT_Device *device, size_t bytes, ts_storage **storage, ts_diag *diag);
/* Without a place in HBM, and the move of a place between storages of the same size: how a donated input's
   memory becomes an output's. The values of `from` stay valid for those that still hold it. */
ts_status ts_storage_new_unplaced(PJRT_Device *device, size_t bytes, ts_storage **storage, ts_diag *diag);
void ts_storage_move_place(ts_storage *from, ts_storage *to);
ts_storage *ts_storage_retain(ts_storage *storage);
void ts_storage_release(ts_storage *storage);
void ts_areas_free(PJRT_Client *client);

/* --- types and layouts (pjrt_layout.c) --- */

ts_dtype ts_dtype_from_pjrt(PJRT_Buffer_Type type); /* none when not supported */
PJRT_Buffer_Type ts_dtype_to_pjrt(ts_dtype dtype);
typedef struct ts_shape {
    ts_dtype dtype;
    int rank;
    int64_t dim[TS_MAX_RANK];
    size_t bytes;
} ts_shape;
ts_status ts_shape_make(PJRT_Buffer_Type type, const int64_t *dims, size_t count, ts_shape *shape,
                        ts_diag *diag);
/* "f32[4x8]" */
void ts_shape_print(const ts_shape *shape, char *text, size_t size);
void ts_shape_strides(const ts_shape *shape, int64_t *strides); /* row-major, bytes */
/* Byte strides that a caller's layout stands for; NULL is row-major. */
ts_status ts_layout_strides(const ts_shape *shape, const PJRT_Buffer_MemoryLayout *layout, int64_t *strides,
                            ts_diag *diag);
/* Copies every element; strides in bytes, of any sign. */
void ts_copy_strided(const ts_shape *shape, void *to, const int64_t *to_strides, const void *from,
                     const int64_t *from_strides);

/* --- buffers (pjrt_buffer.c) --- */

struct PJRT_Buffer {
    PJRT_Device *device;
    ts_shape shape;
    int64_t minor_to_major[TS_MAX_RANK];
    pthread_mutex_t lock; /* over the fields below */
    ts_signal *ready;
    ts_storage *storage; /* NULL when deleted */
    int external_references;
    bool is_donating;
};
/* Takes over the references to signal and storage; NULL, with both released, when the host has no memory. */
PJRT_Buffer *ts_buffer_new(PJRT_Device *device, const ts_shape *shape, ts_signal *ready, ts_storage *storage);
void ts_buffer_free(PJRT_Buffer *buffer);
/* New references to what the buffer holds; ts_usage when it is deleted. */
ts_status ts_buffer_hold(PJRT_Buffer *buffer, ts_signal **ready, ts_storage **storage, ts_diag *diag);
/* Marks the buffer as one that a computation will take over; ts_usage when it may not be, or is already
 * marked. */
ts_status ts_buffer_begin_donation(PJRT_Buffer *buffer, ts_diag *diag);
/* Removes the mark; is_final deletes the buffer. */
void ts_buffer_end_donation(PJRT_Buffer *buffer, bool is_final);
/* ts_usage when the buffer is marked. */
ts_status ts_buffer_check_undonated(PJRT_Buffer *buffer, ts_diag *diag);

/* --- compiled programs (pjrt_compile.c, pjrt_executable.c) --- */

typedef struct ts_compile_request {
    int replicas, partitions;
    int device_count;         /* replicas * partitions, or 0 when none were given */
    int device[TS_MAX_RANKS]; /* ids; number replica * partitions + partition */
    bool is_portable;
} ts_compile_request;
/* From a serialised CompileOptionsProto. Refuses unknown compiler options. */
ts_status ts_compile_request_read(const char *bytes, size_t size, ts_compile_request *request, ts_diag *diag);

/* What PJRT_Executable and PJRT_LoadedExecutable share. */
typedef struct ts_loaded {
    atomic_int references;
    ts_arena arena; /* owns the arrays */
    PJRT_Client *client;
    ts_executable *executable;
    bool is_portable;
    int replicas, partitions, device_count;
    PJRT_Device **devices;     /* by rank */
    int own_count;             /* ranks on devices of this process */
    PJRT_Device **own_devices; /* by rank; and which */
    int own[TS_MAX_RANKS];
    bool has_collectives;
    char *text; /* what OptimizedProgram tells */
    size_t text_size;
    char fingerprint[17];
    int input_count, output_count;
    ts_shape *inputs, *outputs;
    int *alias; /* for each output the input whose memory it takes over, or -1 */
    PJRT_Buffer_Type *output_types;
    int64_t *output_dims; /* of all outputs, one after the other */
    size_t *output_ranks;
    const char **memory_kinds;
    size_t *memory_kind_sizes;
    pthread_mutex_t lock; /* over the cost, made on first use */
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
/* What is kept of a program that was compiled before. */
typedef struct ts_loaded_past {
    const char *fingerprint;
    const char *text; /* of ts_loaded */
    size_t text_size;
} ts_loaded_past;
/* From StableHLO or a .trn; past is NULL when it was not compiled before. */
ts_status ts_loaded_new(PJRT_Client *client, const char *code, size_t size, const ts_loaded_past *past,
                        const ts_compile_request *request, ts_loaded **loaded, ts_diag *diag);
/* StableHLO text with the program's signature around one call, and how its arguments and results are shared
   out, where the module tells. NULL: it came from no module. */
void ts_loaded_describe(const ts_loaded *loaded, const ts_module *module, ts_text *out);
ts_loaded *ts_loaded_retain(ts_loaded *loaded);
void ts_loaded_release(ts_loaded *loaded);

#endif
