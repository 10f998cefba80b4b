/* Buffers: transfers in every layout, deletion, memory accounting, staged transfers. */
#include <stdio.h>

#include "pjrt_fixture.h"

static void test_round_trip_of_types(void **state) {
    (void)state;
    const struct {
        PJRT_Buffer_Type type;
        size_t bytes;
    } types[] = {{PJRT_TYPE_PRED, 1},   {PJRT_TYPE_S4, 1},       {PJRT_TYPE_U8, 1},  {PJRT_TYPE_S16, 2},
                 {PJRT_TYPE_U32, 4},    {PJRT_TYPE_S64, 8},      {PJRT_TYPE_F16, 2}, {PJRT_TYPE_BF16, 2},
                 {PJRT_TYPE_F64, 8},    {PJRT_TYPE_F8E4M3FN, 1}, {PJRT_TYPE_C64, 8}, {PJRT_TYPE_C128, 16},
                 {PJRT_TYPE_F8E5M2, 1}, {PJRT_TYPE_F8E4M3, 1}};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        uint8_t data[3 * 5 * 16], read[sizeof data] = {0};
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)(i * 7 + t);
        const int64_t dims[2] = {3, 5};
        PJRT_Buffer *buffer = buffer_new(client, device_of(client, 0), types[t].type, dims, 2, data);
        CALL(Buffer_ElementType, .buffer = buffer);
        good(e);
        assert_int_equal(a.type, types[t].type);
        PJRT_Buffer_OnDeviceSizeInBytes_Args size = {.struct_size = sizeof size, .buffer = buffer};
        good(GetPjrtApi()->PJRT_Buffer_OnDeviceSizeInBytes(&size));
        assert_int_equal(size.on_device_size_in_bytes, 15 * types[t].bytes);
        good(buffer_read(buffer, read, 15 * types[t].bytes));
        assert_memory_equal(data, read, 15 * types[t].bytes);
        buffer_destroy(buffer);
    }
}

static PJRT_Error *from_strided(PJRT_Buffer_Type type, const int64_t *dims, size_t rank,
                                const int64_t *strides, size_t stride_count, const void *data,
                                PJRT_Buffer **buffer) {
    CALL(Client_BufferFromHostBuffer, .client = client, .data = data, .type = type, .dims = dims,
         .num_dims = rank, .byte_strides = strides, .num_byte_strides = stride_count,
         .device = device_of(client, 0));
    if (!e) event_destroy(a.done_with_host_buffer);
    *buffer = a.buffer;
    return e;
}

/* Makes a buffer of rows x columns from `data`, at first + row * strides[0] + column * strides[1] bytes, and
   compares it. */
static void check_strided(const float *data, int64_t first, const int64_t *dims, const int64_t *strides) {
    float read[64] = {0};
    PJRT_Buffer *buffer = NULL;
    const char *at = (const char *)data + first;
    good(from_strided(PJRT_TYPE_F32, dims, 2, strides, 2, at, &buffer));
    good(buffer_read(buffer, read, (size_t)(4 * dims[0] * dims[1])));
    for (int64_t r = 0; r < dims[0]; r++)
        for (int64_t c = 0; c < dims[1]; c++) {
            float wanted;
            memcpy(&wanted, at + r * strides[0] + c * strides[1], 4);
            assert_float_equal(read[r * dims[1] + c], wanted, 0);
        }
    buffer_destroy(buffer);
}

static void test_strides(void **state) {
    (void)state;
    float data[6 * 8];
    for (int i = 0; i < 48; i++)
        data[i] = (float)i;
    check_strided(data, 0, (int64_t[]){6, 8}, (int64_t[]){32, 4});             /* dense */
    check_strided(data, 0, (int64_t[]){8, 6}, (int64_t[]){4, 32});             /* x.T */
    check_strided(data, 0, (int64_t[]){6, 4}, (int64_t[]){32, 8});             /* x[:, ::2] */
    check_strided(data, 0, (int64_t[]){3, 8}, (int64_t[]){64, 4});             /* x[::2] */
    check_strided(data, 5 * 32, (int64_t[]){6, 8}, (int64_t[]){-32, 4});       /* x[::-1] */
    check_strided(data, 28, (int64_t[]){6, 8}, (int64_t[]){32, -4});           /* x[:, ::-1] */
    check_strided(data, 5 * 32 + 28, (int64_t[]){2, 4}, (int64_t[]){-96, -8}); /* x[::-3, ::-2] */
    check_strided(data, 0, (int64_t[]){6, 8}, (int64_t[]){0, 4});              /* broadcast */
    check_strided(data, 8, (int64_t[]){1, 1}, (int64_t[]){1000, -1000});       /* strides that are not used */
}

/* Narrow and wide elements, three axes in another order. */
static void test_strides_of_other_widths(void **state) {
    (void)state;
    uint8_t data[2 * 3 * 4 * 16], read[sizeof data];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31);
    const PJRT_Buffer_Type types[] = {PJRT_TYPE_U8, PJRT_TYPE_U16, PJRT_TYPE_U64, PJRT_TYPE_C128};
    for (int t = 0; t < 4; t++) {
        int64_t w = (int64_t)(t == 3 ? 16 : t == 2 ? 8 : t + 1);
        const int64_t dims[3] = {4, 2, 3}, strides[3] = {w, 12 * w, 4 * w};
        PJRT_Buffer *buffer = NULL;
        good(from_strided(types[t], dims, 3, strides, 3, data, &buffer));
        good(buffer_read(buffer, read, (size_t)(24 * w)));
        for (int64_t i = 0; i < 24; i++)
            assert_memory_equal(read + i * w, data + i / 6 * w + i / 3 % 2 * 12 * w + i % 3 * 4 * w,
                                (size_t)w);
        buffer_destroy(buffer);
    }
}

static void test_scalar_and_empty(void **state) {
    (void)state;
    int32_t value = -5, read = 0;
    PJRT_Buffer *scalar = buffer_new(client, device_of(client, 1), PJRT_TYPE_S32, NULL, 0, &value);
    good(buffer_read(scalar, &read, sizeof read));
    assert_int_equal(read, -5);
    buffer_destroy(scalar);
    const int64_t dims[3] = {3, 0, 7};
    PJRT_Buffer *empty = buffer_new(client, device_of(client, 0), PJRT_TYPE_F32, dims, 3, NULL);
    good(buffer_read(empty, &read, 0));
    CALL(Buffer_Dimensions, .buffer = empty);
    good(e);
    assert_int_equal(a.num_dims, 3);
    assert_int_equal(a.dims[1], 0);
    buffer_destroy(empty);
}

static void test_refused_arrays(void **state) {
    (void)state;
    PJRT_Buffer *buffer = NULL;
    float value = 0;
    const int64_t many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, negative[1] = {-1};
    const int64_t huge[3] = {(int64_t)1 << 40, (int64_t)1 << 40, 4};
    bad(from_strided(PJRT_TYPE_F8E4M3FNUZ, many, 1, NULL, 0, &value, &buffer), PJRT_UNIMPLEMENTED, "type");
    bad(from_strided(PJRT_TYPE_F32, many, 9, NULL, 0, &value, &buffer), PJRT_UNIMPLEMENTED, "9 axes");
    bad(from_strided(PJRT_TYPE_F32, negative, 1, NULL, 0, &value, &buffer), PJRT_INVALID_ARGUMENT, "-1");
    bad(from_strided(PJRT_TYPE_F32, huge, 3, NULL, 0, &value, &buffer), PJRT_RESOURCE_EXHAUSTED, "bytes");
    bad(from_strided(PJRT_TYPE_F32, many, 2, many, 1, &value, &buffer), PJRT_INVALID_ARGUMENT, "1 strides");
    bad(from_strided(PJRT_TYPE_F32, many, 1, NULL, 0, NULL, &buffer), PJRT_INVALID_ARGUMENT, "no data");
}

static void test_host_layouts(void **state) {
    (void)state;
    PJRT_Buffer *buffer = buffer_ramp(client, 0, 0);
    const int64_t column_major[2] = {0, 1}, row_major[2] = {1, 0}, wrong[2] = {1, 1};
    float read[64] = {0};
    PJRT_Buffer_MemoryLayout layout = {.struct_size = sizeof layout, .type = PJRT_LAYOUT_TILED};
    layout.tiled.minor_to_major_size = 2;
    layout.tiled.minor_to_major = column_major;
    {
        CALL(Buffer_ToHostBuffer, .src = buffer, .host_layout = &layout, .dst = read, .dst_size = BYTES);
        good(e);
        good(event_await(a.event));
        for (int i = 0; i < ELEMS; i++)
            assert_float_equal(read[i], (float)(i % 4 * 8 + i / 4), 0);
    }
    layout.tiled.minor_to_major = row_major;
    {
        CALL(Buffer_ToHostBuffer, .src = buffer, .host_layout = &layout, .dst = read, .dst_size = BYTES);
        good(e);
        good(event_await(a.event));
        for (int i = 0; i < ELEMS; i++)
            assert_float_equal(read[i], (float)i, 0);
    }
    layout.tiled.minor_to_major = wrong;
    {
        CALL(Buffer_ToHostBuffer, .src = buffer, .host_layout = &layout, .dst = read, .dst_size = BYTES);
        bad(e, PJRT_INVALID_ARGUMENT, "layout");
        (void)a;
    }
    const int64_t padded[2] = {64, 4};
    PJRT_Buffer_MemoryLayout strides = {.struct_size = sizeof strides, .type = PJRT_LAYOUT_STRIDES};
    strides.strides.byte_strides = padded;
    strides.strides.num_byte_strides = 2;
    {
        CALL(Buffer_ToHostBuffer, .src = buffer, .host_layout = &strides, .dst = read,
             .dst_size = sizeof read);
        good(e);
        good(event_await(a.event));
        assert_float_equal(read[3 * 16 + 7], 31, 0);
    }
    {
        CALL(Buffer_ToHostBuffer, .src = buffer, .host_layout = &strides, .dst = read,
             .dst_size = 3 * 64 + 31);
        bad(e, PJRT_INVALID_ARGUMENT, "224");
        (void)a;
    }
    buffer_destroy(buffer);
}

static void test_size_query_and_short_memory(void **state) {
    (void)state;
    PJRT_Buffer *buffer = buffer_ramp(client, 0, 0);
    float read[ELEMS];
    {
        CALL(Buffer_ToHostBuffer, .src = buffer);
        good(e);
        assert_int_equal(a.dst_size, BYTES);
        event_destroy(a.event);
    }
    bad(buffer_read(buffer, read, BYTES - 1), PJRT_INVALID_ARGUMENT, "127 bytes");
    buffer_destroy(buffer);
}

static void test_deleted_buffer(void **state) {
    (void)state;
    PJRT_Buffer *buffer = buffer_ramp(client, 0, 0);
    float read[ELEMS];
    assert_false(buffer_is_deleted(buffer));
    assert_int_equal(bytes_in_use(device_of(client, 0)), BYTES);
    PJRT_Buffer_ReadyEvent_Args before = {.struct_size = sizeof before, .buffer = buffer};
    good(GetPjrtApi()->PJRT_Buffer_ReadyEvent(&before));
    for (int i = 0; i < 2; i++) {
        CALL(Buffer_Delete, .buffer = buffer);
        good(e);
        (void)a;
    }
    good(event_await(before.event)); /* taken earlier, so it stays good */
    assert_true(buffer_is_deleted(buffer));
    assert_int_equal(bytes_in_use(device_of(client, 0)), 0);
    bad(buffer_read(buffer, read, BYTES), PJRT_INVALID_ARGUMENT, "f32[4x8] has been deleted");
    PJRT_Buffer_ReadyEvent_Args ready = {.struct_size = sizeof ready, .buffer = buffer};
    good(GetPjrtApi()->PJRT_Buffer_ReadyEvent(&ready));
    bad(event_await(ready.event), PJRT_INVALID_ARGUMENT, "deleted");
    CALL(Buffer_CopyToMemory, .buffer = buffer, .dst_memory = memory_of(device_of(client, 1)));
    bad(e, PJRT_INVALID_ARGUMENT, "deleted");
    (void)a;
    buffer_destroy(buffer);
}

static void test_copy_between_devices(void **state) {
    (void)state;
    PJRT_Buffer *buffer = buffer_ramp(client, 0, 5);
    CALL(Buffer_CopyToMemory, .buffer = buffer, .dst_memory = memory_of(device_of(client, 1)));
    good(e);
    buffer_destroy(buffer); /* the copy may still be queued */
    check_ramp(a.dst_buffer, 5, 1);
    PJRT_Buffer_Device_Args where = {.struct_size = sizeof where, .buffer = a.dst_buffer};
    good(GetPjrtApi()->PJRT_Buffer_Device(&where));
    assert_ptr_equal(where.device, device_of(client, 1));
    assert_int_equal(bytes_in_use(device_of(client, 1)), BYTES);
    PJRT_Buffer_CopyToDevice_Args back = {
        .struct_size = sizeof back, .buffer = a.dst_buffer, .dst_device = device_of(client, 0)};
    good(GetPjrtApi()->PJRT_Buffer_CopyToDevice(&back));
    check_ramp(back.dst_buffer, 5, 1);
    buffer_destroy(back.dst_buffer);
    buffer_destroy(a.dst_buffer);
}

static void test_raw_bytes(void **state) {
    (void)state;
    PJRT_Buffer *buffer = buffer_ramp(client, 0, 0);
    float read[2] = {0};
    {
        CALL(Buffer_CopyRawToHost, .buffer = buffer, .dst = read, .offset = 40, .transfer_size = 8);
        good(e);
        good(event_await(a.event));
        assert_float_equal(read[0], 10, 0);
        assert_float_equal(read[1], 11, 0);
    }
    const int64_t wrong[3][2] = {{-1, 4}, {124, 8}, {0, -1}};
    for (int i = 0; i < 3; i++) {
        CALL(Buffer_CopyRawToHost, .buffer = buffer, .dst = read, .offset = wrong[i][0],
             .transfer_size = wrong[i][1]);
        bad(e, PJRT_INVALID_ARGUMENT, "of a buffer of 128");
        (void)a;
    }
    buffer_destroy(buffer);
}

static void test_external_references(void **state) {
    (void)state;
    PJRT_Buffer *buffer = buffer_ramp(client, 0, 3);
    PJRT_Buffer_IncreaseExternalReferenceCount_Args take = {.struct_size = sizeof take, .buffer = buffer};
    PJRT_Buffer_DecreaseExternalReferenceCount_Args give = {.struct_size = sizeof give, .buffer = buffer};
    good(GetPjrtApi()->PJRT_Buffer_IncreaseExternalReferenceCount(&take));
    CALL(Buffer_OpaqueDeviceMemoryDataPointer, .buffer = buffer);
    good(e);
    assert_float_equal(((float *)a.device_memory_ptr)[1], 4, 0);
    good(GetPjrtApi()->PJRT_Buffer_DecreaseExternalReferenceCount(&give));
    bad(GetPjrtApi()->PJRT_Buffer_DecreaseExternalReferenceCount(&give), PJRT_INVALID_ARGUMENT, "external");
    buffer_destroy(buffer);
}

/* A core's 16 GiB are full when so many modelled bytes are in use. The host has too little memory for real
   arrays, so buffers are staged. */
static void test_full_hbm(void **state) {
    (void)state;
    const int64_t dims[2] = {5, (int64_t)1 << 30};
    PJRT_ShapeSpec spec = {
        .struct_size = sizeof spec, .dims = dims, .num_dims = 2, .element_type = PJRT_TYPE_F32};
    CALL(Client_CreateBuffersForAsyncHostToDevice, .client = client, .shape_specs = &spec,
         .num_shape_specs = 1);
    bad(e, PJRT_RESOURCE_EXHAUSTED, "HBM");
    (void)a;
    assert_int_equal(bytes_in_use(device_of(client, 0)), 0);
}

static void test_memory_layout(void **state) {
    (void)state;
    PJRT_Buffer *buffer = buffer_ramp(client, 0, 0);
    CALL(Buffer_GetMemoryLayout, .buffer = buffer);
    good(e);
    assert_int_equal(a.layout.type, PJRT_LAYOUT_TILED);
    assert_int_equal(a.layout.tiled.minor_to_major_size, 2);
    assert_int_equal(a.layout.tiled.minor_to_major[0], 1);
    buffer_destroy(buffer);
}

typedef struct seen {
    int calls;
    int code;
} seen;

static void on_ready(PJRT_Error *error, void *argument) {
    seen *s = argument;
    s->calls++;
    s->code = take_error(error, NULL);
}

static void watch(PJRT_Buffer *buffer, seen *s) {
    PJRT_Buffer_ReadyEvent_Args ready = {.struct_size = sizeof ready, .buffer = buffer};
    good(GetPjrtApi()->PJRT_Buffer_ReadyEvent(&ready));
    CALL(Event_OnReady, .event = ready.event, .callback = on_ready, .user_arg = s);
    good(e);
    (void)a;
    event_destroy(ready.event); /* the callback is called nevertheless */
}

static void test_staged_transfer(void **state) {
    (void)state;
    PJRT_Buffer *buffer = NULL;
    PJRT_AsyncHostToDeviceTransferManager *manager = staged_new(client, 0, &buffer);
    seen first = {0}, second = {0};
    watch(buffer, &first);
    watch(buffer, &second);
    PJRT_Buffer_ReadyEvent_Args ready = {.struct_size = sizeof ready, .buffer = buffer};
    good(GetPjrtApi()->PJRT_Buffer_ReadyEvent(&ready));
    PJRT_Event_IsReady_Args is = {.struct_size = sizeof is, .event = ready.event};
    good(GetPjrtApi()->PJRT_Event_IsReady(&is));
    assert_false(is.is_ready);
    assert_int_equal(first.calls + second.calls, 0);
    {
        CALL(AsyncHostToDeviceTransferManager_TransferData, .transfer_manager = manager, .buffer_index = 1);
        bad(e, PJRT_INVALID_ARGUMENT, "buffer 1");
        (void)a;
    }
    staged_end(manager, 2);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 1);
    assert_int_equal(first.code, 0);
    good(event_await(ready.event));
    seen late = {0};
    watch(buffer, &late); /* inline on a ready event */
    assert_int_equal(late.calls, 1);
    check_ramp(buffer, 2, 1);
    buffer_destroy(buffer);
}

static void test_staged_failure(void **state) {
    (void)state;
    PJRT_Buffer *buffer = NULL;
    float read[ELEMS];
    PJRT_AsyncHostToDeviceTransferManager *manager = staged_new(client, 0, &buffer);
    seen s = {0};
    watch(buffer, &s);
    CALL(AsyncHostToDeviceTransferManager_SetBufferError, .transfer_manager = manager,
         .error_code = PJRT_ABORTED, .error_message = "the file ends early", .error_message_size = 19);
    good(e);
    (void)a;
    assert_int_equal(s.code, PJRT_ABORTED);
    bad(buffer_read(buffer, read, BYTES), PJRT_ABORTED, "the file ends early");
    staged_destroy(manager);
    buffer_destroy(buffer);
    manager = staged_new(client, 0, &buffer);
    staged_destroy(manager); /* given up by the caller */
    bad(buffer_read(buffer, read, BYTES), PJRT_CANCELLED, "given up");
    buffer_destroy(buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(test_round_trip_of_types),
        TEST(test_strides),
        TEST(test_strides_of_other_widths),
        TEST(test_scalar_and_empty),
        TEST(test_refused_arrays),
        TEST(test_host_layouts),
        TEST(test_size_query_and_short_memory),
        TEST(test_deleted_buffer),
        TEST(test_copy_between_devices),
        TEST(test_raw_bytes),
        TEST(test_external_references),
        TEST(test_full_hbm),
        TEST(test_memory_layout),
        TEST(test_staged_transfer),
        TEST(test_staged_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
