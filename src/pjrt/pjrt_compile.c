/* Compilation: a framework's program becomes an executable, or is restored from a compile cache. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/unit.h"
#include "pjrt/pjrt_objects.h"

static ts_shape shape_of(const ts_tensor *tensor) {
    ts_shape shape = {.dtype = tensor->dtype, .rank = tensor->rank, .bytes = tensor->bytes};
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = tensor->dim[i];
    return shape;
}

static void describe_outputs(ts_loaded *loaded) {
    size_t count = (size_t)loaded->output_count, dims = 0;
    loaded->output_types = TS_NEW_ARRAY(&loaded->arena, PJRT_Buffer_Type, count);
    loaded->output_ranks = TS_NEW_ARRAY(&loaded->arena, size_t, count);
    loaded->output_dims = TS_NEW_ARRAY(&loaded->arena, int64_t, count * TS_MAX_RANK);
    loaded->memory_kinds = TS_NEW_ARRAY(&loaded->arena, const char *, count);
    loaded->memory_kind_sizes = TS_NEW_ARRAY(&loaded->arena, size_t, count);
    for (size_t i = 0; i < count; i++) {
        const ts_shape *shape = &loaded->outputs[i];
        loaded->output_types[i] = ts_dtype_to_pjrt(shape->dtype);
        loaded->output_ranks[i] = (size_t)shape->rank;
        for (int d = 0; d < shape->rank; d++)
            loaded->output_dims[dims++] = shape->dim[d];
        loaded->memory_kinds[i] = "device";
        loaded->memory_kind_sizes[i] = strlen("device");
    }
}

static void describe(ts_loaded *loaded) {
    ts_executable *executable = loaded->executable;
    loaded->input_count = ts_executable_inputs(executable);
    loaded->output_count = ts_executable_outputs(executable);
    loaded->inputs = TS_NEW_ARRAY(&loaded->arena, ts_shape, (size_t)loaded->input_count);
    loaded->outputs = TS_NEW_ARRAY(&loaded->arena, ts_shape, (size_t)loaded->output_count);
    loaded->alias = TS_NEW_ARRAY(&loaded->arena, int, (size_t)loaded->output_count);
    for (int i = 0; i < loaded->input_count; i++)
        loaded->inputs[i] = shape_of(ts_executable_input(executable, i));
    for (int i = 0; i < loaded->output_count; i++) {
        const ts_tensor *output = ts_executable_output(executable, i);
        bool is_alias = output->alias >= 0 && output->alias < loaded->input_count &&
                        loaded->inputs[output->alias].bytes == output->bytes;
        loaded->outputs[i] = shape_of(output);
        loaded->alias[i] = is_alias ? output->alias : -1;
    }
    describe_outputs(loaded);
}

/* Hash of the chip's numbers and the library: with the code, everything that a compiled program depends
   on. */
static uint64_t platform_hash(const PJRT_Client *client) {
    return ts_hash(client->topology.fingerprint, strlen(client->topology.fingerprint), 0);
}

static void make_fingerprint(ts_loaded *loaded, const char *code, size_t size, const char *given) {
    uint64_t hash = given ? 0 : ts_hash(code, size, platform_hash(loaded->client));
    if (given)
        snprintf(loaded->fingerprint, sizeof loaded->fingerprint, "%s", given);
    else
        snprintf(loaded->fingerprint, sizeof loaded->fingerprint, "%016" PRIx64, hash);
}

typedef struct description {
    ts_loaded *loaded;
    const ts_module *module;
    const ts_loaded_past *past;
} description;

static ts_status describe_within(void *context) {
    const description *d = context;
    ts_loaded *loaded = d->loaded;
    ts_text text = {0};
    describe(loaded);
    if (!d->past) ts_loaded_describe(loaded, d->module, &text);
    loaded->text_size = d->past ? d->past->text_size : text.length;
    loaded->text = ts_arena_string_n(&loaded->arena, d->past ? d->past->text : text.data, loaded->text_size);
    ts_text_free(&text);
    return ts_ok;
}

/* Describes the program. Only its module says how a program of several ranks shards its arguments and
   results. */
static ts_status describe_all(ts_loaded *loaded, const char *code, size_t size, const ts_loaded_past *past,
                              ts_diag *diag) {
    const void *const kept[] = {&loaded->arena, NULL};
    ts_module *module = NULL;
    if (!past && loaded->device_count > 1 && size >= 4 && memcmp(code, "ML\xefR", 4) == 0)
        TS_TRY(ts_module_read((const uint8_t *)code, size, "program", &module, diag));
    description d = {loaded, module, past};
    ts_status status = ts_unit_run(kept, describe_within, &d, "program", diag);
    ts_module_free(module);
    return status;
}

/* Each device may occur once, because a core runs one rank. */
static ts_status check_devices(const PJRT_Client *client, const ts_compile_request *request, ts_diag *diag) {
    const int ranks = request->replicas * request->partitions;
    for (int i = 0; i < request->device_count; i++) {
        if (request->device[i] >= client->count)
            return ts_fail(diag, ts_usage, "the program is for device %d; there are %d", request->device[i],
                           client->count);
        for (int j = 0; j < i; j++)
            if (request->device[i] == request->device[j])
                return ts_fail(diag, ts_usage, "the program is for device %d twice", request->device[i]);
    }
    if (ranks <= client->count) return ts_ok;
    ts_fail(diag, ts_usage, "the program is for %d devices; there are %d", ranks, client->count);
    ts_diag_remedy(diag, "set TRAINSTONE_INSTANCE to a larger one");
    return ts_usage;
}

static ts_status check_ranks(const ts_loaded *loaded, ts_diag *diag) {
    const ts_program *program = ts_executable_program(loaded->executable);
    if (program->ranks == (uint32_t)loaded->device_count) return ts_ok;
    ts_fail(diag, ts_unsupported,
            "%s is a program for %u device%s; %d replicas of %d partitions are asked for", program->name,
            program->ranks, program->ranks == 1 ? "" : "s", loaded->replicas, loaded->partitions);
    ts_diag_remedy(diag, "ask for as many as its module names in mhlo.num_replicas and mhlo.num_partitions");
    return ts_unsupported;
}

/* The device of a rank. Without an assignment, a program of one device runs on this process's first, and one
   of several devices starts at the first of all. */
static int device_of(const PJRT_Client *client, const ts_compile_request *request, int rank) {
    if (request->device_count) return request->device[rank];
    return request->replicas * request->partitions == 1 ? client->first : rank;
}

/* Determines which ranks this process runs: all, or some when the other processes run the rest. */
static ts_status choose_own(ts_loaded *loaded, ts_diag *diag) {
    const PJRT_Client *client = loaded->client;
    loaded->own_devices = calloc((size_t)loaded->device_count, sizeof(PJRT_Device *));
    if (!loaded->own_devices) return ts_fail(diag, ts_capacity, "no host memory for a list of devices");
    for (int i = 0; i < loaded->device_count; i++) {
        if (loaded->devices[i]->index < 0) continue;
        loaded->own_devices[loaded->own_count] = loaded->devices[i];
        loaded->own[loaded->own_count++] = i;
    }
    if (loaded->own_count == loaded->device_count || loaded->device_count == client->count) return ts_ok;
    ts_fail(diag, ts_unsupported,
            "a program for %d devices, %d of them those of this process, where %d processes have %d",
            loaded->device_count, loaded->own_count, client->processes, client->count);
    ts_diag_remedy(diag, "run it on the devices of this process, or on those of all");
    return ts_unsupported;
}

static ts_status choose_devices(ts_loaded *loaded, const ts_compile_request *request, ts_diag *diag) {
    TS_TRY(check_devices(loaded->client, request, diag));
    loaded->replicas = request->replicas;
    loaded->partitions = request->partitions;
    loaded->device_count = request->replicas * request->partitions;
    loaded->devices = calloc((size_t)loaded->device_count, sizeof(PJRT_Device *));
    if (!loaded->devices) return ts_fail(diag, ts_capacity, "no host memory for a list of devices");
    for (int i = 0; i < loaded->device_count; i++)
        loaded->devices[i] = loaded->client->device_list[device_of(loaded->client, request, i)];
    return choose_own(loaded, diag);
}

ts_status ts_loaded_new(PJRT_Client *client, const char *code, size_t size, const ts_loaded_past *past,
                        const ts_compile_request *request, ts_loaded **loaded, ts_diag *diag) {
    ts_loaded *made = calloc(1, sizeof *made);
    if (!made) return ts_fail(diag, ts_capacity, "no host memory for a program");
    atomic_init(&made->references, 1);
    pthread_mutex_init(&made->lock, NULL);
    made->client = ts_client_retain(client);
    made->is_portable = request->is_portable;
    ts_status status = choose_devices(made, request, diag);
    const ts_compile_options options = {.replicas = (uint32_t)request->replicas};
    if (status == ts_ok)
        status = ts_executable_load(client->runtime, (const uint8_t *)code, size, "program", &options,
                                    &made->executable, diag);
    if (status == ts_ok) status = check_ranks(made, diag);
    if (status == ts_ok)
        made->has_collectives = ts_program_has(ts_executable_program(made->executable), ts_op_collective);
    if (status == ts_ok) status = describe_all(made, code, size, past, diag);
    if (status != ts_ok) {
        ts_loaded_release(made);
        return status;
    }
    make_fingerprint(made, code, size, past ? past->fingerprint : NULL);
    *loaded = made;
    return ts_ok;
}

ts_loaded *ts_loaded_retain(ts_loaded *loaded) {
    atomic_fetch_add_explicit(&loaded->references, 1, memory_order_relaxed);
    return loaded;
}

/* The executable may live on as the one that ran last, but its memory on the devices is released here. */
void ts_loaded_release(ts_loaded *loaded) {
    if (!loaded || atomic_fetch_sub_explicit(&loaded->references, 1, memory_order_acq_rel) != 1) return;
    if (loaded->executable) ts_executable_unload(loaded->executable);
    ts_executable_release(loaded->executable);
    ts_arena_free(&loaded->arena);
    free(loaded->devices);
    free(loaded->own_devices);
    pthread_mutex_destroy(&loaded->lock);
    PJRT_Client *client = loaded->client;
    free(loaded);
    ts_client_release(client);
}

static PJRT_LoadedExecutable *handle_new(ts_loaded *loaded) {
    PJRT_LoadedExecutable *handle = malloc(sizeof *handle);
    if (!handle) {
        ts_loaded_release(loaded);
        return NULL;
    }
    handle->loaded = loaded;
    atomic_init(&handle->is_deleted, false);
    return handle;
}

static ts_status compile(PJRT_Client *client, const PJRT_Program *program, const char *options,
                         size_t options_size, ts_loaded **loaded, ts_diag *diag) {
    ts_compile_request request;
    if (program->format_size != 4 || memcmp(program->format, "mlir", 4) != 0) {
        ts_fail(diag, ts_unsupported, "programs in the format \"%.*s\"", (int)program->format_size,
                program->format);
        ts_diag_remedy(diag, "send StableHLO, format \"mlir\" (PyTorch/XLA: set XLA_STABLEHLO_COMPILE=1)");
        return ts_unsupported;
    }
    TS_TRY(ts_compile_request_read(options, options_size, &request, diag));
    return ts_loaded_new(client, program->code, program->code_size, NULL, &request, loaded, diag);
}

PJRT_Error *ts_pjrt_Client_Compile(PJRT_Client_Compile_Args *args) {
    TS_PJRT_NEED(args, executable);
    if (ts_client_is_foreign(args->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    ts_loaded *loaded = NULL;
    ts_status status = compile(args->client, args->program, args->compile_options, args->compile_options_size,
                               &loaded, &diag);
    if (status != ts_ok) return ts_pjrt_error_from(status, &diag);
    args->executable = handle_new(loaded);
    return args->executable
               ? NULL
               : ts_pjrt_error(PJRT_RESOURCE_EXHAUSTED, "capacity: no host memory for a program");
}

/* Ahead-of-time compilation: the client, which must be given, stands for the topology. */
PJRT_Error *ts_pjrt_Compile(PJRT_Compile_Args *args) {
    TS_PJRT_NEED(args, executable);
    if (!args->client) return ts_pjrt_unimplemented("compilation without a client", "compile with a client");
    if (ts_client_is_foreign(args->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    ts_loaded *loaded = NULL;
    ts_status status = compile(args->client, args->program, args->compile_options, args->compile_options_size,
                               &loaded, &diag);
    if (status != ts_ok) return ts_pjrt_error_from(status, &diag);
    args->executable = malloc(sizeof *args->executable);
    if (!args->executable) {
        ts_loaded_release(loaded);
        return ts_pjrt_error(PJRT_RESOURCE_EXHAUSTED, "capacity: no host memory for a program");
    }
    args->executable->loaded = loaded;
    return NULL;
}

/* --- serialisation for compile caches: a head, the text of OptimizedProgram, the program as a .trn --- */

typedef struct ts_serial_head {
    char magic[8];
    char fingerprint[24];
    uint64_t platform, hash; /* of what the program depends on; of all that follows the head */
    uint64_t text_size;
    int32_t replicas, partitions;
    uint32_t is_portable;
    int32_t device[TS_MAX_RANKS];
} ts_serial_head;
static const char serial_magic[8] = "TSLOAD2";

struct PJRT_SerializedExecutable {
    char bytes[1];
};

static void free_serialized(PJRT_SerializedExecutable *executable) {
    free(executable);
}

static ts_status serialize(const ts_loaded *loaded, char **bytes, size_t *size, ts_diag *diag) {
    uint8_t *program = NULL;
    size_t program_size = 0;
    TS_TRY(ts_program_encode(ts_executable_program(loaded->executable), &program, &program_size, diag));
    ts_serial_head head = {
        .platform = platform_hash(loaded->client),
        .text_size = loaded->text_size,
        .replicas = loaded->replicas,
        .partitions = loaded->partitions,
        .is_portable = loaded->is_portable,
    };
    for (int i = 0; i < loaded->device_count; i++)
        head.device[i] = loaded->devices[i]->description->id;
    memcpy(head.magic, serial_magic, sizeof head.magic);
    memcpy(head.fingerprint, loaded->fingerprint, sizeof loaded->fingerprint);
    *size = sizeof head + loaded->text_size + program_size;
    *bytes = malloc(*size);
    if (*bytes) {
        char *at = *bytes + sizeof head;
        memcpy(at, loaded->text, loaded->text_size);
        memcpy(at + loaded->text_size, program, program_size);
        head.hash = ts_hash(at, loaded->text_size + program_size, 0);
        memcpy(*bytes, &head, sizeof head);
    }
    free(program);
    return *bytes ? ts_ok : ts_fail(diag, ts_capacity, "no host memory for %zu bytes of a program", *size);
}

PJRT_Error *ts_pjrt_Executable_Serialize(PJRT_Executable_Serialize_Args *args) {
    TS_PJRT_NEED(args, serialized_executable_deleter);
    ts_diag diag = {0};
    char *bytes = NULL;
    ts_status status = serialize(args->executable->loaded, &bytes, &args->serialized_bytes_size, &diag);
    args->serialized_bytes = bytes;
    args->serialized_executable = (PJRT_SerializedExecutable *)bytes;
    args->serialized_executable_deleter = free_serialized;
    return ts_pjrt_error_from(status, &diag);
}

static ts_status deserialize(PJRT_Client *client, const char *bytes, size_t size, ts_loaded **loaded,
                             ts_diag *diag) {
    ts_serial_head head;
    if (size < sizeof head) return ts_fail(diag, ts_input, "a serialised program of %zu bytes", size);
    memcpy(&head, bytes, sizeof head);
    const char *text = bytes + sizeof head;
    const size_t rest = size - sizeof head;
    const int64_t ranks = (int64_t)head.replicas * head.partitions;
    if (memcmp(head.magic, serial_magic, sizeof head.magic) != 0 ||
        memchr(head.fingerprint, 0, sizeof head.fingerprint) == NULL || head.text_size > rest ||
        head.replicas < 1 || head.partitions < 1 || ranks > TS_MAX_RANKS ||
        head.hash != ts_hash(text, rest, 0))
        return ts_fail(diag, ts_input, "the serialised program is damaged or not one of Trainstone");
    if (head.platform != platform_hash(client)) {
        ts_fail(diag, ts_input, "the serialised program was compiled for another chip or by another version");
        ts_diag_remedy(diag, "compile it again");
        return ts_input;
    }
    ts_compile_request request = {.replicas = head.replicas,
                                  .partitions = head.partitions,
                                  .device_count = (int)ranks,
                                  .is_portable = head.is_portable != 0};
    for (int i = 0; i < request.device_count; i++)
        request.device[i] = head.device[i] < 0 ? INT32_MAX : head.device[i];
    ts_loaded_past past = {head.fingerprint, text, head.text_size};
    return ts_loaded_new(client, text + head.text_size, rest - head.text_size, &past, &request, loaded, diag);
}

PJRT_Error *ts_pjrt_Executable_DeserializeAndLoad(PJRT_Executable_DeserializeAndLoad_Args *args) {
    TS_PJRT_NEED(args, loaded_executable);
    if (ts_client_is_foreign(args->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    ts_loaded *loaded = NULL;
    ts_status status = deserialize(args->client, args->serialized_executable,
                                   args->serialized_executable_size, &loaded, &diag);
    if (status != ts_ok) return ts_pjrt_error_from(status, &diag);
    args->loaded_executable = handle_new(loaded);
    return args->loaded_executable
               ? NULL
               : ts_pjrt_error(PJRT_RESOURCE_EXHAUSTED, "capacity: no host memory for a program");
}
