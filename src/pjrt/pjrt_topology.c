/* PJRT topology: a stateless description of the instance, and the bytes that compile caches use as a key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/unit.h"
#include "pjrt/pjrt_objects.h"
#include "runtime/build_id.h"
#include "trainstone/trainstone.h"

enum { SHOWN_ID = 8 }; /* bytes of a build id: enough to tell builds apart */

struct PJRT_SerializedTopology {
    char bytes[1];
};

/* JAX's compile cache identifies a backend by its version only, so the version includes everything that
   affects compiled programs, such as the build. */
static void make_version(const ts_compile_options *options, ts_text *out) {
    uint8_t id[TS_BUILD_ID_MAX];
    size_t length = ts_build_id(id);
    ts_text_format(out, "trainstone %s", ts_version());
    if (length) ts_text_add(out, " build ");
    for (size_t i = 0; i < length && i < SHOWN_ID; i++)
        ts_text_format(out, "%02x", id[i]);
    if (options->auto_cast == ts_auto_cast_none) return;
    ts_text_format(out, " auto-cast=%s %s", options->auto_cast == ts_auto_cast_all ? "all" : "matmult",
                   ts_dtype_get(options->auto_cast_type ? options->auto_cast_type : ts_dtype_bf16)->name);
}

static ts_status topology_within(void *context) {
    PJRT_Client *client = context;
    PJRT_TopologyDescription *topology = &client->topology;
    const ts_chip *chip = ts_runtime_chip(client->runtime);
    ts_text numbers = {0};
    ts_chip_print(chip, &numbers);
    topology->instance = ts_runtime_instance(client->runtime)->name;
    topology->chip = chip->name;
    ts_text version = {0};
    make_version(ts_runtime_compile_options(client->runtime), &version);
    snprintf(topology->platform_version, sizeof topology->platform_version, "%s", version.data);
    ts_text_free(&version);
    snprintf(topology->fingerprint, sizeof topology->fingerprint, "%s %s %s %d %016llx",
             topology->platform_version, topology->instance, topology->chip, topology->count,
             (unsigned long long)ts_hash(numbers.data ? numbers.data : "", numbers.length, 0));
    ts_text_free(&numbers);
    topology->attributes[0] = ts_value_string("instance", topology->instance);
    topology->attributes[1] = ts_value_string("chip", topology->chip);
    topology->attributes[2] = ts_value_int("num_devices", topology->count);
    return ts_ok;
}

ts_status ts_topology_make(PJRT_Client *client, ts_diag *diag) {
    return ts_unit_run(NULL, topology_within, client, "a client", diag);
}

PJRT_Error *ts_pjrt_TopologyDescription_Create(PJRT_TopologyDescription_Create_Args *args) {
    (void)args;
    return ts_pjrt_unimplemented("a topology without a client", "take that of a client");
}

/* A topology is owned by its client. */
PJRT_Error *ts_pjrt_TopologyDescription_Destroy(PJRT_TopologyDescription_Destroy_Args *args) {
    (void)args;
    return NULL;
}

PJRT_Error *ts_pjrt_TopologyDescription_PlatformName(PJRT_TopologyDescription_PlatformName_Args *args) {
    TS_PJRT_NEED(args, platform_name_size);
    args->platform_name = TS_PJRT_PLATFORM;
    args->platform_name_size = sizeof TS_PJRT_PLATFORM - 1;
    return NULL;
}

PJRT_Error *ts_pjrt_TopologyDescription_PlatformVersion(PJRT_TopologyDescription_PlatformVersion_Args *args) {
    TS_PJRT_NEED(args, platform_version_size);
    args->platform_version = args->topology->platform_version;
    args->platform_version_size = strlen(args->platform_version);
    return NULL;
}

PJRT_Error *
ts_pjrt_TopologyDescription_GetDeviceDescriptions(PJRT_TopologyDescription_GetDeviceDescriptions_Args *args) {
    TS_PJRT_NEED(args, num_descriptions);
    args->descriptions = args->topology->descriptions;
    args->num_descriptions = (size_t)args->topology->count;
    return NULL;
}

static void free_serialized(PJRT_SerializedTopology *topology) {
    free(topology);
}

PJRT_Error *ts_pjrt_TopologyDescription_Serialize(PJRT_TopologyDescription_Serialize_Args *args) {
    TS_PJRT_NEED(args, serialized_topology_deleter);
    char *bytes = strdup(args->topology->fingerprint);
    if (!bytes) return ts_pjrt_error(PJRT_RESOURCE_EXHAUSTED, "capacity: no host memory for a topology");
    args->serialized_topology = (PJRT_SerializedTopology *)bytes;
    args->serialized_bytes = bytes;
    args->serialized_bytes_size = strlen(bytes);
    args->serialized_topology_deleter = free_serialized;
    return NULL;
}

PJRT_Error *ts_pjrt_TopologyDescription_Attributes(PJRT_TopologyDescription_Attributes_Args *args) {
    TS_PJRT_NEED(args, num_attributes);
    args->attributes = args->topology->attributes;
    args->num_attributes = sizeof args->topology->attributes / sizeof *args->topology->attributes;
    return NULL;
}
