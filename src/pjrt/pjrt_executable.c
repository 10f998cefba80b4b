/* PJRT executables: properties of a compiled program. */
#include <stdlib.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"

PJRT_Error *ts_pjrt_Executable_Destroy(PJRT_Executable_Destroy_Args *args) {
    TS_PJRT_NEED(args, executable);
    if (!args->executable || ts_client_is_foreign(args->executable->loaded->client)) return NULL;
    ts_loaded_release(args->executable->loaded);
    free(args->executable);
    return NULL;
}

PJRT_Error *ts_pjrt_LoadedExecutable_Destroy(PJRT_LoadedExecutable_Destroy_Args *args) {
    TS_PJRT_NEED(args, executable);
    if (!args->executable || ts_client_is_foreign(args->executable->loaded->client)) return NULL;
    ts_loaded_release(args->executable->loaded);
    free(args->executable);
    return NULL;
}

PJRT_Error *ts_pjrt_LoadedExecutable_GetExecutable(PJRT_LoadedExecutable_GetExecutable_Args *args) {
    TS_PJRT_NEED(args, executable);
    args->executable = malloc(sizeof *args->executable);
    if (!args->executable)
        return ts_pjrt_error(PJRT_RESOURCE_EXHAUSTED, "capacity: no host memory for a handle on a program");
    args->executable->loaded = ts_loaded_retain(args->loaded_executable->loaded);
    return NULL;
}

PJRT_Error *ts_pjrt_LoadedExecutable_AddressableDevices(PJRT_LoadedExecutable_AddressableDevices_Args *args) {
    TS_PJRT_NEED(args, num_addressable_devices);
    args->addressable_devices = args->executable->loaded->own_devices;
    args->num_addressable_devices = (size_t)args->executable->loaded->own_count;
    return NULL;
}

/* Queued work has its own reference; deleting only refuses new work. */
PJRT_Error *ts_pjrt_LoadedExecutable_Delete(PJRT_LoadedExecutable_Delete_Args *args) {
    TS_PJRT_NEED(args, executable);
    atomic_store(&args->executable->is_deleted, true);
    return NULL;
}

PJRT_Error *ts_pjrt_LoadedExecutable_IsDeleted(PJRT_LoadedExecutable_IsDeleted_Args *args) {
    TS_PJRT_NEED(args, is_deleted);
    args->is_deleted = atomic_load(&args->executable->is_deleted);
    return NULL;
}

PJRT_Error *ts_pjrt_LoadedExecutable_Fingerprint(PJRT_LoadedExecutable_Fingerprint_Args *args) {
    TS_PJRT_NEED(args, executable_fingerprint_size);
    args->executable_fingerprint = args->executable->loaded->fingerprint;
    args->executable_fingerprint_size = strlen(args->executable_fingerprint);
    return NULL;
}

PJRT_Error *ts_pjrt_Executable_Fingerprint(PJRT_Executable_Fingerprint_Args *args) {
    TS_PJRT_NEED(args, executable_fingerprint_size);
    args->executable_fingerprint = args->executable->loaded->fingerprint;
    args->executable_fingerprint_size = strlen(args->executable_fingerprint);
    return NULL;
}

PJRT_Error *ts_pjrt_Executable_Name(PJRT_Executable_Name_Args *args) {
    TS_PJRT_NEED(args, executable_name_size);
    const char *name = ts_executable_program(args->executable->loaded->executable)->name;
    args->executable_name = name ? name : "";
    args->executable_name_size = strlen(args->executable_name);
    return NULL;
}

PJRT_Error *ts_pjrt_Executable_NumReplicas(PJRT_Executable_NumReplicas_Args *args) {
    TS_PJRT_NEED(args, num_replicas);
    args->num_replicas = (size_t)args->executable->loaded->replicas;
    return NULL;
}

PJRT_Error *ts_pjrt_Executable_NumPartitions(PJRT_Executable_NumPartitions_Args *args) {
    TS_PJRT_NEED(args, num_partitions);
    args->num_partitions = (size_t)args->executable->loaded->partitions;
    return NULL;
}

PJRT_Error *ts_pjrt_Executable_NumOutputs(PJRT_Executable_NumOutputs_Args *args) {
    TS_PJRT_NEED(args, num_outputs);
    args->num_outputs = (size_t)args->executable->loaded->output_count;
    return NULL;
}

PJRT_Error *ts_pjrt_Executable_OutputElementTypes(PJRT_Executable_OutputElementTypes_Args *args) {
    TS_PJRT_NEED(args, num_output_types);
    args->output_types = args->executable->loaded->output_types;
    args->num_output_types = (size_t)args->executable->loaded->output_count;
    return NULL;
}

PJRT_Error *ts_pjrt_Executable_OutputDimensions(PJRT_Executable_OutputDimensions_Args *args) {
    TS_PJRT_NEED(args, dim_sizes);
    args->num_outputs = (size_t)args->executable->loaded->output_count;
    args->dims = args->executable->loaded->output_dims;
    args->dim_sizes = args->executable->loaded->output_ranks;
    return NULL;
}

PJRT_Error *ts_pjrt_Executable_OutputMemoryKinds(PJRT_Executable_OutputMemoryKinds_Args *args) {
    TS_PJRT_NEED(args, memory_kind_sizes);
    args->num_outputs = (size_t)args->executable->loaded->output_count;
    args->memory_kinds = args->executable->loaded->memory_kinds;
    args->memory_kind_sizes = args->executable->loaded->memory_kind_sizes;
    return NULL;
}

/* Frameworks call this twice, for the size and then with room for the bytes, and parse the text several times
   per compilation, which is why it is small. */
PJRT_Error *ts_pjrt_Executable_OptimizedProgram(PJRT_Executable_OptimizedProgram_Args *args) {
    TS_PJRT_NEED(args, program);
    const ts_loaded *loaded = args->executable->loaded;
    args->program->format = "mlir";
    args->program->format_size = 4;
    if (args->program->code && args->program->code_size < loaded->text_size)
        return ts_pjrt_error(PJRT_INVALID_ARGUMENT,
                             "usage: the room for the program is smaller than its code_size");
    if (args->program->code) memcpy(args->program->code, loaded->text, loaded->text_size);
    args->program->code_size = loaded->text_size;
    return NULL;
}

/* --- sizes and cost --- */

static ts_status code_bytes(const ts_loaded *loaded, int64_t *bytes, ts_diag *diag) {
    uint8_t *data = NULL;
    size_t size = 0;
    TS_TRY(ts_program_encode(ts_executable_program(loaded->executable), &data, &size, diag));
    free(data);
    *bytes = (int64_t)size;
    return ts_ok;
}

PJRT_Error *
ts_pjrt_Executable_SizeOfGeneratedCodeInBytes(PJRT_Executable_SizeOfGeneratedCodeInBytes_Args *args) {
    TS_PJRT_NEED(args, size_in_bytes);
    ts_diag diag = {0};
    return ts_pjrt_error_from(code_bytes(args->executable->loaded, &args->size_in_bytes, &diag), &diag);
}

PJRT_Error *ts_pjrt_Executable_GetCompiledMemoryStats(PJRT_Executable_GetCompiledMemoryStats_Args *args) {
    TS_PJRT_NEED(args, host_temp_size_in_bytes);
    const ts_loaded *loaded = args->executable->loaded;
    ts_diag diag = {0};
    ts_status status = code_bytes(loaded, &args->generated_code_size_in_bytes, &diag);
    if (status != ts_ok) return ts_pjrt_error_from(status, &diag);
    args->argument_size_in_bytes = args->output_size_in_bytes = args->alias_size_in_bytes = 0;
    for (int i = 0; i < loaded->input_count; i++)
        args->argument_size_in_bytes += (int64_t)loaded->inputs[i].bytes;
    for (int i = 0; i < loaded->output_count; i++) {
        args->output_size_in_bytes += (int64_t)loaded->outputs[i].bytes;
        if (loaded->alias[i] >= 0) args->alias_size_in_bytes += (int64_t)loaded->outputs[i].bytes;
    }
    args->temp_size_in_bytes = (int64_t)ts_executable_program(loaded->executable)->scratch_bytes;
    args->host_generated_code_size_in_bytes = args->host_argument_size_in_bytes = 0;
    args->host_output_size_in_bytes = args->host_alias_size_in_bytes = args->host_temp_size_in_bytes = 0;
    return NULL;
}

/* Under XLA's names where it has them. */
static ts_status make_cost(ts_loaded *loaded, ts_diag *diag) {
    const ts_record *record = NULL;
    TS_TRY(ts_executable_record(loaded->executable, &record, diag));
    loaded->cost[0] = ts_value_float("flops", (double)record->model_flops);
    loaded->cost[1] =
        ts_value_float("bytes accessed", (double)(record->hbm_read_bytes + record->hbm_write_bytes));
    loaded->cost[2] = ts_value_float("optimal_seconds", (double)record->total * 1e-12);
    loaded->cost[3] = ts_value_float("mfu", ts_record_mfu(record));
    loaded->cost[4] = ts_value_float("instructions", (double)record->instructions);
    loaded->has_cost = true;
    return ts_ok;
}

PJRT_Error *ts_pjrt_Executable_GetCostAnalysis(PJRT_Executable_GetCostAnalysis_Args *args) {
    TS_PJRT_NEED(args, properties);
    ts_loaded *loaded = args->executable->loaded;
    if (ts_client_is_foreign(loaded->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    pthread_mutex_lock(&loaded->lock);
    ts_status status = loaded->has_cost ? ts_ok : make_cost(loaded, &diag);
    pthread_mutex_unlock(&loaded->lock);
    if (status != ts_ok) return ts_pjrt_error_from(status, &diag);
    args->properties = loaded->cost;
    args->num_properties = sizeof loaded->cost / sizeof *loaded->cost;
    return NULL;
}
