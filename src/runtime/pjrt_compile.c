/* Compilation: a framework's program becomes an executable, or comes back from a compile cache. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/unit.h"
#include "runtime/pjrt_objects.h"

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

/* The chip's numbers and the library: with the code, all that a compiled program depends on. */
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

static ts_status describe_within(void *context) {
    ts_loaded *loaded = context;
    describe(loaded);
    ts_text text = {0};
    ts_loaded_describe(loaded, &text);
    loaded->text = ts_arena_string_n(&loaded->arena, text.data, text.length);
    loaded->text_size = text.length;
    ts_text_free(&text);
    return ts_ok;
}

ts_status ts_loaded_new(PJRT_Client *client, const char *code, size_t size, const char *fingerprint,
                        const ts_compile_request *request, ts_loaded **loaded, ts_diag *diag) {
    int device = request->device < 0 ? 0 : request->device;
    if (device >= client->count)
        return ts_fail(diag, ts_usage, "the program is for device %d; there are %d", device, client->count);
    ts_loaded *made = calloc(1, sizeof *made);
    if (!made) return ts_fail(diag, ts_capacity, "no host memory for a program");
    atomic_init(&made->references, 1);
    pthread_mutex_init(&made->lock, NULL);
    made->client = ts_client_retain(client);
    made->device = client->device_list[device];
    made->is_portable = request->is_portable;
    ts_status status = ts_executable_load(client->runtime, (const uint8_t *)code, size, "program", NULL,
                                          &made->executable, diag);
    const void *const kept[] = {&made->arena, NULL};
    if (status == ts_ok) status = ts_unit_run(kept, describe_within, made, "program", diag);
    if (status != ts_ok) {
        ts_loaded_release(made);
        return status;
    }
    make_fingerprint(made, code, size, fingerprint);
    *loaded = made;
    return ts_ok;
}

ts_loaded *ts_loaded_retain(ts_loaded *loaded) {
    atomic_fetch_add_explicit(&loaded->references, 1, memory_order_relaxed);
    return loaded;
}

/* The executable may live on as the latest that ran; its scratch memory goes now. */
void ts_loaded_release(ts_loaded *loaded) {
    if (!loaded || atomic_fetch_sub_explicit(&loaded->references, 1, memory_order_acq_rel) != 1) return;
    if (loaded->executable) ts_executable_unload(loaded->executable);
    ts_executable_release(loaded->executable);
    ts_arena_free(&loaded->arena);
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

/* Ahead of time: the client, when given, stands for the topology. */
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

/* --- for compile caches: a head, then the program as a .trn --- */

typedef struct ts_serial_head {
    char magic[8];
    char fingerprint[24];
    uint64_t platform, hash; /* of what the program depends on; of the .trn */
    int32_t device;
    uint32_t is_portable;
} ts_serial_head;
static const char serial_magic[8] = "TSLOAD1";

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
        .hash = ts_hash(program, program_size, 0),
        .device = loaded->device->index,
        .is_portable = loaded->is_portable,
    };
    memcpy(head.magic, serial_magic, sizeof head.magic);
    memcpy(head.fingerprint, loaded->fingerprint, sizeof loaded->fingerprint);
    *size = sizeof head + program_size;
    *bytes = malloc(*size);
    if (*bytes) {
        memcpy(*bytes, &head, sizeof head);
        memcpy(*bytes + sizeof head, program, program_size);
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
    const char *program = bytes + sizeof head;
    size_t program_size = size - sizeof head;
    if (memcmp(head.magic, serial_magic, sizeof head.magic) != 0 ||
        memchr(head.fingerprint, 0, sizeof head.fingerprint) == NULL ||
        head.hash != ts_hash(program, program_size, 0))
        return ts_fail(diag, ts_input, "the serialised program is damaged or not one of Trainstone");
    if (head.platform != platform_hash(client)) {
        ts_fail(diag, ts_input, "the serialised program was compiled for another chip or by another version");
        ts_diag_remedy(diag, "compile it again");
        return ts_input;
    }
    ts_compile_request request = {
        .replicas = 1, .partitions = 1, .device = head.device, .is_portable = head.is_portable != 0};
    return ts_loaded_new(client, program, program_size, head.fingerprint, &request, loaded, diag);
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
