/* Compile options: reads the few fields of XLA's CompileOptionsProto that matter here from the wire
   format. */
#include <string.h>

#include "pjrt/pjrt_objects.h"

/* The rest of a message. */
typedef struct ts_wire {
    const uint8_t *at, *end;
} ts_wire;

typedef struct ts_wire_field {
    uint64_t number;
    bool is_bytes;
    uint64_t value; /* a varint or a fixed-size value */
    ts_wire bytes;
} ts_wire_field;

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static ts_status fail_wire(ts_diag *diag) {
    return ts_fail(diag, ts_input, "the compile options are no CompileOptionsProto");
}

static ts_status read_varint(ts_wire *wire, uint64_t *value, ts_diag *diag) {
    *value = 0;
    for (int shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
        uint8_t byte = *wire->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return ts_ok;
    }
    return fail_wire(diag);
}

static ts_status read_field(ts_wire *wire, ts_wire_field *field, ts_diag *diag) {
    uint64_t key = 0, size = 0;
    TS_TRY(read_varint(wire, &key, diag));
    *field = (ts_wire_field){.number = key >> 3};
    switch (key & 7) {
    case WIRE_VARINT: return read_varint(wire, &field->value, diag);
    case WIRE_BYTES:
        TS_TRY(read_varint(wire, &size, diag));
        field->is_bytes = true;
        break;
    case WIRE_FIXED64: size = 8; break;
    case WIRE_FIXED32: size = 4; break;
    default: return fail_wire(diag);
    }
    if (size > (uint64_t)(wire->end - wire->at)) return fail_wire(diag);
    field->bytes = (ts_wire){wire->at, wire->at + size};
    if (!field->is_bytes) memcpy(&field->value, wire->at, size);
    wire->at += size;
    return ts_ok;
}

static ts_status refuse_count(ts_diag *diag) {
    return ts_fail(diag, ts_usage, "a program over more than %d devices", TS_MAX_RANKS);
}

static ts_status add_device(ts_compile_request *request, uint64_t device, ts_diag *diag) {
    if (request->device_count == TS_MAX_RANKS) return refuse_count(diag);
    request->device[request->device_count++] = device > INT32_MAX ? INT32_MAX : (int)device;
    return ts_ok;
}

/* computation_devices: replica_device_ids = 1, packed or not. */
static ts_status read_devices(ts_wire wire, ts_compile_request *request, ts_diag *diag) {
    while (wire.at < wire.end) {
        ts_wire_field field;
        TS_TRY(read_field(&wire, &field, diag));
        if (field.number != 1) continue;
        if (!field.is_bytes) TS_TRY(add_device(request, field.value, diag));
        while (field.is_bytes && field.bytes.at < field.bytes.end) {
            TS_TRY(read_varint(&field.bytes, &field.value, diag));
            TS_TRY(add_device(request, field.value, diag));
        }
    }
    return ts_ok;
}

/* DeviceAssignmentProto: computation_devices = 3, one for each partition. */
static ts_status read_assignment(ts_wire wire, ts_compile_request *request, ts_diag *diag) {
    while (wire.at < wire.end) {
        ts_wire_field field;
        TS_TRY(read_field(&wire, &field, diag));
        if (field.number == 3 && field.is_bytes) TS_TRY(read_devices(field.bytes, request, diag));
    }
    return ts_ok;
}

/* ExecutableBuildOptionsProto: num_replicas = 4, num_partitions = 5, device_assignment = 9. */
static ts_status read_build(ts_wire wire, ts_compile_request *request, ts_diag *diag) {
    while (wire.at < wire.end) {
        ts_wire_field field;
        TS_TRY(read_field(&wire, &field, diag));
        if ((field.number == 4 || field.number == 5) && !field.is_bytes && field.value > TS_MAX_RANKS)
            return refuse_count(diag);
        if (field.number == 4 && !field.is_bytes) request->replicas = (int)field.value;
        if (field.number == 5 && !field.is_bytes) request->partitions = (int)field.value;
        if (field.number == 9 && field.is_bytes) TS_TRY(read_assignment(field.bytes, request, diag));
    }
    return ts_ok;
}

/* An entry of env_option_overrides: key = 1. */
static ts_status refuse_override(ts_wire wire, ts_diag *diag) {
    while (wire.at < wire.end) {
        ts_wire_field field;
        TS_TRY(read_field(&wire, &field, diag));
        if (field.number != 1 || !field.is_bytes) continue;
        ts_fail(diag, ts_unsupported, "the compiler option \"%.*s\"", (int)(field.bytes.end - field.bytes.at),
                (const char *)field.bytes.at);
        ts_diag_remedy(diag, "leave compiler_options out");
        return ts_unsupported;
    }
    return fail_wire(diag);
}

/* Rearranges what was read partition by partition into a list by rank. */
static ts_status arrange(ts_compile_request *request, ts_diag *diag) {
    if (request->replicas < 1) request->replicas = 1;
    if (request->partitions < 1) request->partitions = 1;
    const int ranks = request->replicas * request->partitions;
    int by_partition[TS_MAX_RANKS];
    if (ranks > TS_MAX_RANKS) return refuse_count(diag);
    if (request->device_count == 0) return ts_ok;
    if (request->device_count != ranks)
        return ts_fail(diag, ts_usage, "%d replicas of %d partitions are assigned to %d devices",
                       request->replicas, request->partitions, request->device_count);
    memcpy(by_partition, request->device, sizeof by_partition);
    for (int i = 0; i < ranks; i++)
        request->device[i] =
            by_partition[i % request->partitions * request->replicas + i / request->partitions];
    return ts_ok;
}

/* CompileOptionsProto: parameter_is_tupled_arguments = 2, executable_build_options = 3,
   compile_portable_executable = 4, env_option_overrides = 7. The other fields describe layouts and flags of
   other compilers. */
ts_status ts_compile_request_read(const char *bytes, size_t size, ts_compile_request *request,
                                  ts_diag *diag) {
    ts_wire wire = {(const uint8_t *)bytes, (const uint8_t *)bytes + size};
    *request = (ts_compile_request){.replicas = 1, .partitions = 1};
    while (wire.at < wire.end) {
        ts_wire_field field;
        TS_TRY(read_field(&wire, &field, diag));
        if (field.number == 2 && !field.is_bytes && field.value)
            return ts_fail(diag, ts_unsupported, "arguments passed as one tuple");
        if (field.number == 3 && field.is_bytes) TS_TRY(read_build(field.bytes, request, diag));
        if (field.number == 4 && !field.is_bytes) request->is_portable = field.value != 0;
        if (field.number == 7 && field.is_bytes) TS_TRY(refuse_override(field.bytes, diag));
    }
    return arrange(request, diag);
}
