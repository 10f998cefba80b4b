/* Shared by tests of the PJRT plugin: short forms of the C API's calls, as a framework makes them. */
#ifndef TS_UNIT_PJRT_SUPPORT_H
#define TS_UNIT_PJRT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pjrt/pjrt_api.h"

/* y = x + 1 */
static const char program_add[] =
    "trn 1\n"
    "program add chip=trn1\n"
    "tensor x: input 0 f32[4,8]\n"
    "tensor y: output 0 f32[4,8]\n"
    "sync.dma_copy queue=0 dst=sbuf.f32[p0:4 +0 8] src=hbm.f32[x +0 4@8 8]\n"
    "vector.tensor_scalar dst=sbuf.f32[p0:4 +0 8] data=sbuf.f32[p0:4 +0 8] op0=add "
    "operand0=1\n"
    "sync.dma_copy queue=0 dst=hbm.f32[y +0 4@8 8] src=sbuf.f32[p0:4 +0 8]\n";
/* y = x + w, in the memory of x */
static const char program_update[] =
    "trn 1\n"
    "program update chip=trn1\n"
    "tensor x: input 0 f32[4,8]\n"
    "tensor w: input 1 f32[4,8]\n"
    "tensor y: output 0 f32[4,8] alias=0\n"
    "sync.dma_copy queue=0 dst=sbuf.f32[p0:4 +0 8] src=hbm.f32[x +0 4@8 8]\n"
    "sync.dma_copy queue=1 dst=sbuf.f32[p0:4 +64 8] src=hbm.f32[w +0 4@8 8]\n"
    "vector.tensor_tensor dst=sbuf.f32[p0:4 +0 8] data1=sbuf.f32[p0:4 +0 8] "
    "data2=sbuf.f32[p0:4 +64 8] op=add\n"
    "sync.dma_copy queue=0 dst=hbm.f32[y +0 4@8 8] src=sbuf.f32[p0:4 +0 8]\n";
/* y = the sum of both ranks' x + 100 * rank, in the memory of x */
static const char program_sum[] =
    "trn 1\n"
    "program sum chip=trn1 ranks=2 scratch_bytes=128\n"
    "tensor x: input 0 f32[4,8]\n"
    "tensor y: output 0 f32[4,8] alias=0\n"
    "tensor s: scratch f32[4,8] address=0\n"
    "tensor g: constant i32[1,2] = {0 1}\n"
    "sync.collective kind=all_reduce dst=hbm.f32[s +0 32] src=hbm.f32[x +0 32] op=add groups=hbm.i32[g +0 "
    "2]\n"
    "sync.dma_copy queue=0 dst=sbuf.f32[p0:4 +0 8] src=hbm.f32[s +0 4@8 8]\n"
    "gpsimd.gpsimd_rank dst=sbuf.f32[p0:4 +64 8]\n"
    "vector.tensor_scalar dst=sbuf.f32[p0:4 +64 8] data=sbuf.f32[p0:4 +64 8] op0=multiply operand0=100\n"
    "vector.tensor_tensor dst=sbuf.f32[p0:4 +0 8] data1=sbuf.f32[p0:4 +0 8] data2=sbuf.f32[p0:4 +64 8] "
    "op=add\n"
    "sync.dma_copy queue=0 dst=hbm.f32[y +0 4@8 8] src=sbuf.f32[p0:4 +0 8]\n";
enum { ELEMS = 32, BYTES = 4 * ELEMS };
static const int64_t dims_4x8[2] = {4, 8};

/* CALL(Client_Devices, .client = c) makes the call; its arguments are then `a`, and its error `e`. */
#define CALL(slot, ...)                                                                                      \
    PJRT_##slot##_Args a = {.struct_size = sizeof a, __VA_ARGS__};                                           \
    PJRT_Error *e = GetPjrtApi()->PJRT_##slot(&a)

typedef struct text {
    char bytes[1024];
} text;

/* Destroys the error and returns its code; copies its message if `message` is given. */
static inline int take_error(PJRT_Error *error, text *message) {
    if (!error) return 0;
    PJRT_Error_GetCode_Args code = {.struct_size = sizeof code, .error = error};
    assert_null(GetPjrtApi()->PJRT_Error_GetCode(&code));
    PJRT_Error_Message_Args words = {.struct_size = sizeof words, .error = error};
    GetPjrtApi()->PJRT_Error_Message(&words);
    if (message)
        snprintf(message->bytes, sizeof message->bytes, "%.*s", (int)words.message_size, words.message);
    PJRT_Error_Destroy_Args destroy = {.struct_size = sizeof destroy, .error = error};
    GetPjrtApi()->PJRT_Error_Destroy(&destroy);
    return (int)code.code;
}

static inline void good(PJRT_Error *error) {
    text message = {""};
    if (take_error(error, &message)) fail_msg("%s", message.bytes);
}

/* Checks that the error has the code and that its message contains the word. */
static inline void bad(PJRT_Error *error, PJRT_Error_Code code, const char *word) {
    text message = {""};
    int found = take_error(error, &message);
    if (found != (int)code || !strstr(message.bytes, word))
        fail_msg("code %d, \"%s\"; wanted %d with \"%s\"", found, message.bytes, (int)code, word);
}

static inline PJRT_Client *client_new(void) {
    CALL(Client_Create, 0);
    good(e);
    return a.client;
}

static inline void client_destroy(PJRT_Client *client) {
    CALL(Client_Destroy, .client = client);
    good(e);
}

static inline PJRT_Device *device_of(PJRT_Client *client, int id) {
    CALL(Client_LookupDevice, .client = client, .id = id);
    good(e);
    return a.device;
}

static inline PJRT_Memory *memory_of(PJRT_Device *device) {
    CALL(Device_DefaultMemory, .device = device);
    good(e);
    return a.memory;
}

static inline int64_t bytes_in_use(PJRT_Device *device) {
    CALL(Device_MemoryStats, .device = device);
    good(e);
    return a.bytes_in_use;
}

static inline void event_destroy(PJRT_Event *event) {
    CALL(Event_Destroy, .event = event);
    good(e);
}

static inline PJRT_Error *event_await(PJRT_Event *event) {
    CALL(Event_Await, .event = event);
    (void)a;
    event_destroy(event);
    return e;
}

static inline PJRT_Buffer *buffer_new(PJRT_Client *client, PJRT_Device *device, PJRT_Buffer_Type type,
                                      const int64_t *dims, size_t rank, const void *data) {
    CALL(Client_BufferFromHostBuffer, .client = client, .data = data, .type = type, .dims = dims,
         .num_dims = rank, .host_buffer_semantics = PJRT_HOST_IMMUTABLE_ZERO_COPY,
         .memory = memory_of(device));
    good(e);
    good(event_await(a.done_with_host_buffer));
    return a.buffer;
}

/* An f32[4,8] buffer with start, start + 1, ... */
static inline PJRT_Buffer *buffer_ramp(PJRT_Client *client, int device, float start) {
    float values[ELEMS];
    for (int i = 0; i < ELEMS; i++)
        values[i] = start + (float)i;
    return buffer_new(client, device_of(client, device), PJRT_TYPE_F32, dims_4x8, 2, values);
}

static inline void buffer_destroy(PJRT_Buffer *buffer) {
    CALL(Buffer_Destroy, .buffer = buffer);
    good(e);
}

static inline bool buffer_is_deleted(PJRT_Buffer *buffer) {
    CALL(Buffer_IsDeleted, .buffer = buffer);
    good(e);
    return a.is_deleted;
}

static inline PJRT_Error *buffer_read(PJRT_Buffer *buffer, void *data, size_t size) {
    CALL(Buffer_ToHostBuffer, .src = buffer, .dst = data, .dst_size = size);
    return e ? e : event_await(a.event);
}

static inline void check_ramp(PJRT_Buffer *buffer, float start, float step) {
    float values[ELEMS] = {0};
    good(buffer_read(buffer, values, sizeof values));
    for (int i = 0; i < ELEMS; i++)
        assert_float_equal(values[i], start + step * (float)i, 0);
}

/* A CompileOptionsProto that assigns one device. Returns its size. */
static inline size_t compile_options(int device, uint8_t *bytes) {
    const uint8_t proto[] = {0x1a, 14, 0x20, 1, 0x28, 1, 0x4a, 8,
                             8,    1,  0x10, 1, 0x1a, 2, 0x08, (uint8_t)device};
    memcpy(bytes, proto, sizeof proto);
    return sizeof proto;
}

static inline PJRT_Error *compile_bytes(PJRT_Client *client, const char *code, size_t size,
                                        const uint8_t *options, size_t options_size,
                                        PJRT_LoadedExecutable **executable) {
    PJRT_Program program = {.struct_size = sizeof program,
                            .code = (char *)(uintptr_t)code,
                            .code_size = size,
                            .format = "mlir",
                            .format_size = 4};
    CALL(Client_Compile, .client = client, .program = &program, .compile_options = (const char *)options,
         .compile_options_size = options_size);
    *executable = a.executable;
    return e;
}

static inline PJRT_LoadedExecutable *compile_for(PJRT_Client *client, const char *code, int device) {
    uint8_t options[32];
    PJRT_LoadedExecutable *executable = NULL;
    good(compile_bytes(client, code, strlen(code), options, compile_options(device, options), &executable));
    return executable;
}

static inline void executable_destroy(PJRT_LoadedExecutable *executable) {
    CALL(LoadedExecutable_Destroy, .executable = executable);
    good(e);
}

/* Executes a program with one output. The completion event goes to *event, or is awaited when `event` is
   NULL. */
static inline PJRT_Error *execute(PJRT_LoadedExecutable *executable, PJRT_Buffer *const *arguments,
                                  size_t count, PJRT_Buffer **output, PJRT_Event **event) {
    PJRT_ExecuteOptions options = {.struct_size = sizeof options};
    PJRT_Event *done = NULL;
    CALL(LoadedExecutable_Execute, .executable = executable, .options = &options,
         .argument_lists = &arguments, .num_devices = 1, .num_args = count, .output_lists = &output,
         .device_complete_events = &done);
    if (e) return e;
    if (event)
        *event = done;
    else
        return event_await(done);
    return NULL;
}

/* Makes a buffer that stays unready until staged_end. */
static inline PJRT_AsyncHostToDeviceTransferManager *staged_new(PJRT_Client *client, int device,
                                                                PJRT_Buffer **buffer) {
    PJRT_ShapeSpec spec = {
        .struct_size = sizeof spec, .dims = dims_4x8, .num_dims = 2, .element_type = PJRT_TYPE_F32};
    CALL(Client_CreateBuffersForAsyncHostToDevice, .client = client, .shape_specs = &spec,
         .num_shape_specs = 1, .memory = memory_of(device_of(client, device)));
    good(e);
    PJRT_AsyncHostToDeviceTransferManager_RetrieveBuffer_Args get = {
        .struct_size = sizeof get, .transfer_manager = a.transfer_manager, .buffer_index = 0};
    good(GetPjrtApi()->PJRT_AsyncHostToDeviceTransferManager_RetrieveBuffer(&get));
    *buffer = get.buffer_out;
    return a.transfer_manager;
}

static inline void staged_destroy(PJRT_AsyncHostToDeviceTransferManager *manager) {
    CALL(AsyncHostToDeviceTransferManager_Destroy, .transfer_manager = manager);
    good(e);
}

static inline void staged_end(PJRT_AsyncHostToDeviceTransferManager *manager, float start) {
    float values[ELEMS];
    for (int i = 0; i < ELEMS; i++)
        values[i] = start + (float)i;
    CALL(AsyncHostToDeviceTransferManager_TransferData, .transfer_manager = manager, .data = values,
         .transfer_size = BYTES, .is_last_transfer = true);
    good(e);
    event_destroy(a.done_with_h2d_transfer);
    staged_destroy(manager);
}

/* Compiles with one replica of two partitions, or two replicas of one, on the given devices. */
static inline PJRT_Error *compile_two(PJRT_Client *client, const char *code, int first, int second,
                                      bool is_replicas, PJRT_LoadedExecutable **executable) {
    const uint8_t a = (uint8_t)first, b = (uint8_t)second;
    const uint8_t partitions[] = {0x1a, 20,   0x20, 1,  0x28, 2, 0x4a, 14, 8,  1, 0x10,
                                  2,    0x1a, 3,    10, 1,    a, 0x1a, 3,  10, 1, b};
    const uint8_t replicas[] = {0x1a, 16, 0x20, 2, 0x28, 1, 0x4a, 10, 8, 2, 0x10, 1, 0x1a, 4, 10, 2, a, b};
    return compile_bytes(client, code, strlen(code), is_replicas ? replicas : partitions,
                         is_replicas ? sizeof replicas : sizeof partitions, executable);
}

static inline PJRT_Error *execute_two(PJRT_LoadedExecutable *executable, PJRT_Buffer *first,
                                      PJRT_Buffer *second, PJRT_Buffer **outputs, PJRT_Event **events) {
    PJRT_ExecuteOptions options = {.struct_size = sizeof options};
    PJRT_Buffer *const *arguments[2] = {&first, &second};
    PJRT_Buffer **results[2] = {&outputs[0], &outputs[1]};
    CALL(LoadedExecutable_Execute, .executable = executable, .options = &options, .argument_lists = arguments,
         .num_devices = 2, .num_args = 1, .output_lists = results, .device_complete_events = events);
    (void)a;
    return e;
}

#endif
