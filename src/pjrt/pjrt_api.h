/* The PJRT C ABI, version 0.68, as far as this plugin answers it: the arguments of each of its 112 slots.
   Layouts and values are those of XLA's loader; names that are part of the ABI are kept. */
#ifndef TS_PJRT_PJRT_API_H
#define TS_PJRT_PJRT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TS_PJRT_MAJOR = 0, TS_PJRT_MINOR = 68 };

/* Owned by this plugin; defined in pjrt_objects.h. */
typedef struct PJRT_Error PJRT_Error;
typedef struct PJRT_Event PJRT_Event;
typedef struct PJRT_Client PJRT_Client;
typedef struct PJRT_Device PJRT_Device;
typedef struct PJRT_DeviceDescription PJRT_DeviceDescription;
typedef struct PJRT_Memory PJRT_Memory;
typedef struct PJRT_TopologyDescription PJRT_TopologyDescription;
typedef struct PJRT_Executable PJRT_Executable;
typedef struct PJRT_LoadedExecutable PJRT_LoadedExecutable;
typedef struct PJRT_SerializedExecutable PJRT_SerializedExecutable;
typedef struct PJRT_SerializedTopology PJRT_SerializedTopology;
typedef struct PJRT_Buffer PJRT_Buffer;
typedef struct PJRT_ExecuteContext PJRT_ExecuteContext;
typedef struct PJRT_AsyncHostToDeviceTransferManager PJRT_AsyncHostToDeviceTransferManager;
typedef struct PJRT_CopyToDeviceStream PJRT_CopyToDeviceStream; /* never created here */

/* Error codes are those of absl::Status. */
typedef enum PJRT_Error_Code {
    PJRT_CANCELLED = 1,
    PJRT_UNKNOWN = 2,
    PJRT_INVALID_ARGUMENT = 3,
    PJRT_RESOURCE_EXHAUSTED = 8,
    PJRT_FAILED_PRECONDITION = 9,
    PJRT_ABORTED = 10,
    PJRT_UNIMPLEMENTED = 12,
    PJRT_INTERNAL = 13
} PJRT_Error_Code;

typedef enum PJRT_Buffer_Type {
    PJRT_TYPE_INVALID,
    PJRT_TYPE_PRED,
    PJRT_TYPE_S8,
    PJRT_TYPE_S16,
    PJRT_TYPE_S32,
    PJRT_TYPE_S64,
    PJRT_TYPE_U8,
    PJRT_TYPE_U16,
    PJRT_TYPE_U32,
    PJRT_TYPE_U64,
    PJRT_TYPE_F16,
    PJRT_TYPE_F32,
    PJRT_TYPE_F64,
    PJRT_TYPE_BF16,
    PJRT_TYPE_C64,
    PJRT_TYPE_C128,
    PJRT_TYPE_F8E5M2,
    PJRT_TYPE_F8E4M3FN,
    PJRT_TYPE_F8E4M3B11FNUZ,
    PJRT_TYPE_F8E5M2FNUZ,
    PJRT_TYPE_F8E4M3FNUZ,
    PJRT_TYPE_S4,
    PJRT_TYPE_U4,
    PJRT_TYPE_TOKEN,
    PJRT_TYPE_S2,
    PJRT_TYPE_U2,
    PJRT_TYPE_F8E4M3,
    PJRT_TYPE_F8E3M4,
    PJRT_TYPE_F8E8M0FNU,
    PJRT_TYPE_F4E2M1FN
} PJRT_Buffer_Type;

/* How long the caller keeps a transfer's host data unchanged. */
typedef enum PJRT_HostBufferSemantics {
    PJRT_HOST_DURING_CALL,
    PJRT_HOST_UNTIL_TRANSFER_COMPLETES,
    PJRT_HOST_IMMUTABLE_ZERO_COPY,
    PJRT_HOST_MUTABLE_ZERO_COPY
} PJRT_HostBufferSemantics;

/* Every structure that crosses the ABI starts with its size as the caller knows it and a chain of
   extensions. */
#define TS_PJRT_HEAD                                                                                         \
    size_t struct_size;                                                                                      \
    void *extension_start

typedef enum PJRT_NamedValue_Type {
    PJRT_VALUE_STRING,
    PJRT_VALUE_INT64,
    PJRT_VALUE_INT64_LIST,
    PJRT_VALUE_FLOAT,
    PJRT_VALUE_BOOL
} PJRT_NamedValue_Type;
typedef struct PJRT_NamedValue {
    TS_PJRT_HEAD;
    const char *name;
    size_t name_size;
    PJRT_NamedValue_Type type;
    union {
        const char *string_value;
        int64_t int64_value;
        const int64_t *int64_array_value;
        float float_value;
        bool bool_value;
    };
    size_t value_size; /* length of a string or list, otherwise 1 */
} PJRT_NamedValue;

typedef struct PJRT_Program {
    TS_PJRT_HEAD;
    char *code;
    size_t code_size;
    const char *format; /* "mlir", "hlo", ... */
    size_t format_size;
} PJRT_Program;

typedef enum PJRT_Layout_Type { PJRT_LAYOUT_TILED, PJRT_LAYOUT_STRIDES } PJRT_Layout_Type;
typedef struct PJRT_Layout_Tiled {
    TS_PJRT_HEAD;
    const int64_t *minor_to_major; /* logical axes, the fastest-varying first */
    size_t minor_to_major_size;
    const int64_t *tile_dims;
    const size_t *tile_dim_sizes;
    size_t num_tiles;
} PJRT_Layout_Tiled;
typedef struct PJRT_Layout_Strides {
    TS_PJRT_HEAD;
    const int64_t *byte_strides; /* may be negative */
    size_t num_byte_strides;
} PJRT_Layout_Strides;
typedef struct PJRT_Buffer_MemoryLayout {
    TS_PJRT_HEAD;
    union {
        PJRT_Layout_Tiled tiled;
        PJRT_Layout_Strides strides;
    };
    PJRT_Layout_Type type;
} PJRT_Buffer_MemoryLayout;

typedef struct PJRT_ShapeSpec {
    TS_PJRT_HEAD;
    const int64_t *dims;
    size_t num_dims;
    PJRT_Buffer_Type element_type;
} PJRT_ShapeSpec;

typedef struct PJRT_ExecuteOptions {
    TS_PJRT_HEAD;
    void **send_callbacks, **recv_callbacks;
    size_t num_send_ops, num_recv_ops;
    int launch_id;
    const int64_t *non_donatable_input_indices;
    size_t num_non_donatable_input_indices;
    PJRT_ExecuteContext *context;
} PJRT_ExecuteOptions;

/* Called once when an event is ready. Takes over the error; NULL: none. */
typedef void (*PJRT_Event_OnReadyCallback)(PJRT_Error *error, void *user_arg);

/* clang-format off */
/* ARGS(function, fields): the argument structure of a slot. */
#define ARGS(function, ...)                                                                                  \
    typedef struct PJRT_##function##_Args {                                                                  \
        TS_PJRT_HEAD;                                                                                        \
        __VA_ARGS__                                                                                          \
    } PJRT_##function##_Args;

ARGS(Error_Destroy, PJRT_Error *error;)
ARGS(Error_Message, const PJRT_Error *error; const char *message; size_t message_size;)
ARGS(Error_GetCode, const PJRT_Error *error; PJRT_Error_Code code;)

typedef struct PJRT_Plugin_Initialize_Args {
    TS_PJRT_HEAD;
} PJRT_Plugin_Initialize_Args;
ARGS(Plugin_Attributes, const PJRT_NamedValue *attributes; size_t num_attributes;)

ARGS(Event_Destroy, PJRT_Event *event;)
ARGS(Event_IsReady, PJRT_Event *event; bool is_ready;)
ARGS(Event_Error, PJRT_Event *event;)
ARGS(Event_Await, PJRT_Event *event;)
ARGS(Event_OnReady, PJRT_Event *event; PJRT_Event_OnReadyCallback callback; void *user_arg;)

/* The key-value store serves clients of several processes; its callbacks are not called here. */
ARGS(Client_Create, const PJRT_NamedValue *create_options; size_t num_options; void *kv_get; void *kv_get_arg;
     void *kv_put; void *kv_put_arg; PJRT_Client *client; void *kv_try_get; void *kv_try_get_arg;)
ARGS(Client_Destroy, PJRT_Client *client;)
ARGS(Client_PlatformName, PJRT_Client *client; const char *platform_name; size_t platform_name_size;)
ARGS(Client_ProcessIndex, PJRT_Client *client; int process_index;)
ARGS(Client_PlatformVersion, PJRT_Client *client; const char *platform_version; size_t platform_version_size;)
ARGS(Client_TopologyDescription, PJRT_Client *client; PJRT_TopologyDescription *topology;)
ARGS(Client_Devices, PJRT_Client *client; PJRT_Device *const *devices; size_t num_devices;)
ARGS(Client_AddressableDevices, PJRT_Client *client; PJRT_Device *const *addressable_devices;
     size_t num_addressable_devices;)
ARGS(Client_LookupDevice, PJRT_Client *client; int id; PJRT_Device *device;)
ARGS(Client_LookupAddressableDevice, PJRT_Client *client; int local_hardware_id;
     PJRT_Device *addressable_device;)
ARGS(Client_AddressableMemories, PJRT_Client *client; PJRT_Memory *const *addressable_memories;
     size_t num_addressable_memories;)
ARGS(Client_Compile, PJRT_Client *client; const PJRT_Program *program; const char *compile_options;
     size_t compile_options_size; PJRT_LoadedExecutable *executable;)
ARGS(Client_DefaultDeviceAssignment, PJRT_Client *client; int num_replicas; int num_partitions;
     size_t default_assignment_size; int *default_assignment;)
ARGS(Client_BufferFromHostBuffer, PJRT_Client *client; const void *data; PJRT_Buffer_Type type;
     const int64_t *dims; size_t num_dims; const int64_t *byte_strides; size_t num_byte_strides;
     PJRT_HostBufferSemantics host_buffer_semantics; PJRT_Device *device; PJRT_Memory *memory;
     PJRT_Buffer_MemoryLayout *device_layout; PJRT_Event *done_with_host_buffer; PJRT_Buffer *buffer;)
ARGS(Client_CreateViewOfDeviceBuffer, PJRT_Client *client; void *device_buffer_ptr; const int64_t *dims;
     size_t num_dims; PJRT_Buffer_Type element_type; PJRT_Buffer_MemoryLayout *layout; PJRT_Device *device;
     void (*on_delete_callback)(void *device_buffer_ptr, void *user_arg); void *on_delete_callback_arg;
     intptr_t stream; PJRT_Buffer *buffer; PJRT_Memory *memory;)
ARGS(Client_CreateBuffersForAsyncHostToDevice, PJRT_Client *client; PJRT_ShapeSpec *shape_specs;
     size_t num_shape_specs; PJRT_Buffer_MemoryLayout **device_layouts; size_t num_device_layouts;
     PJRT_Memory *memory; PJRT_AsyncHostToDeviceTransferManager *transfer_manager;)
ARGS(Client_DmaMap, PJRT_Client *client; void *data; size_t size;)
ARGS(Client_DmaUnmap, PJRT_Client *client; void *data;)

ARGS(DeviceDescription_Id, PJRT_DeviceDescription *device_description; int id;)
ARGS(DeviceDescription_ProcessIndex, PJRT_DeviceDescription *device_description; int process_index;)
ARGS(DeviceDescription_Attributes, PJRT_DeviceDescription *device_description; size_t num_attributes;
     const PJRT_NamedValue *attributes;)
ARGS(DeviceDescription_Kind, PJRT_DeviceDescription *device_description; const char *device_kind;
     size_t device_kind_size;)
ARGS(DeviceDescription_DebugString, PJRT_DeviceDescription *device_description; const char *debug_string;
     size_t debug_string_size;)
ARGS(DeviceDescription_ToString, PJRT_DeviceDescription *device_description; const char *to_string;
     size_t to_string_size;)

ARGS(Device_GetDescription, PJRT_Device *device; PJRT_DeviceDescription *device_description;)
ARGS(Device_IsAddressable, PJRT_Device *device; bool is_addressable;)
ARGS(Device_LocalHardwareId, PJRT_Device *device; int local_hardware_id;)
ARGS(Device_AddressableMemories, PJRT_Device *device; PJRT_Memory *const *memories; size_t num_memories;)
ARGS(Device_DefaultMemory, PJRT_Device *device; PJRT_Memory *memory;)
ARGS(Device_MemoryStats, PJRT_Device *device; int64_t bytes_in_use; int64_t peak_bytes_in_use;
     bool peak_bytes_in_use_is_set; int64_t num_allocs; bool num_allocs_is_set; int64_t largest_alloc_size;
     bool largest_alloc_size_is_set; int64_t bytes_limit; bool bytes_limit_is_set; int64_t bytes_reserved;
     bool bytes_reserved_is_set; int64_t peak_bytes_reserved; bool peak_bytes_reserved_is_set;
     int64_t bytes_reservable_limit; bool bytes_reservable_limit_is_set; int64_t largest_free_block_bytes;
     bool largest_free_block_bytes_is_set; int64_t pool_bytes; bool pool_bytes_is_set;
     int64_t peak_pool_bytes; bool peak_pool_bytes_is_set;)

ARGS(Memory_Id, PJRT_Memory *memory; int id;)
ARGS(Memory_Kind, PJRT_Memory *memory; const char *kind; size_t kind_size;)
ARGS(Memory_Kind_Id, PJRT_Memory *memory; int kind_id;)
ARGS(Memory_DebugString, PJRT_Memory *memory; const char *debug_string; size_t debug_string_size;)
ARGS(Memory_ToString, PJRT_Memory *memory; const char *to_string; size_t to_string_size;)
ARGS(Memory_AddressableByDevices, PJRT_Memory *memory; PJRT_Device *const *devices; size_t num_devices;)

ARGS(ExecuteContext_Create, PJRT_ExecuteContext *context;)
ARGS(ExecuteContext_Destroy, PJRT_ExecuteContext *context;)

ARGS(Executable_Destroy, PJRT_Executable *executable;)
ARGS(Executable_Name, PJRT_Executable *executable; const char *executable_name; size_t executable_name_size;)
ARGS(Executable_NumReplicas, PJRT_Executable *executable; size_t num_replicas;)
ARGS(Executable_NumPartitions, PJRT_Executable *executable; size_t num_partitions;)
ARGS(Executable_NumOutputs, PJRT_Executable *executable; size_t num_outputs;)
ARGS(Executable_SizeOfGeneratedCodeInBytes, PJRT_Executable *executable; int64_t size_in_bytes;)
ARGS(Executable_Fingerprint, PJRT_Executable *executable; const char *executable_fingerprint;
     size_t executable_fingerprint_size;)
ARGS(Executable_GetCostAnalysis, PJRT_Executable *executable; size_t num_properties;
     const PJRT_NamedValue *properties;)
ARGS(Executable_GetCompiledMemoryStats, PJRT_Executable *executable; int64_t generated_code_size_in_bytes;
     int64_t argument_size_in_bytes; int64_t output_size_in_bytes; int64_t alias_size_in_bytes;
     int64_t temp_size_in_bytes; int64_t host_generated_code_size_in_bytes;
     int64_t host_argument_size_in_bytes; int64_t host_output_size_in_bytes; int64_t host_alias_size_in_bytes;
     int64_t host_temp_size_in_bytes;)
ARGS(Executable_OutputElementTypes, PJRT_Executable *executable; PJRT_Buffer_Type *output_types;
     size_t num_output_types;)
ARGS(Executable_OutputDimensions, PJRT_Executable *executable; size_t num_outputs; const int64_t *dims;
     const size_t *dim_sizes;)
ARGS(Executable_OutputMemoryKinds, PJRT_Executable *executable; size_t num_outputs;
     const char *const *memory_kinds; const size_t *memory_kind_sizes;)
ARGS(Executable_OptimizedProgram, PJRT_Executable *executable; PJRT_Program *program;)
ARGS(Executable_Serialize, const PJRT_Executable *executable; const char *serialized_bytes;
     size_t serialized_bytes_size; PJRT_SerializedExecutable *serialized_executable;
     void (*serialized_executable_deleter)(PJRT_SerializedExecutable *executable);)
ARGS(Executable_DeserializeAndLoad, PJRT_Client *client; const char *serialized_executable;
     size_t serialized_executable_size; PJRT_LoadedExecutable *loaded_executable;)

ARGS(LoadedExecutable_Destroy, PJRT_LoadedExecutable *executable;)
ARGS(LoadedExecutable_GetExecutable, PJRT_LoadedExecutable *loaded_executable; PJRT_Executable *executable;)
ARGS(LoadedExecutable_AddressableDevices, PJRT_LoadedExecutable *executable;
     PJRT_Device *const *addressable_devices; size_t num_addressable_devices;)
ARGS(LoadedExecutable_Delete, PJRT_LoadedExecutable *executable;)
ARGS(LoadedExecutable_IsDeleted, PJRT_LoadedExecutable *executable; bool is_deleted;)
ARGS(LoadedExecutable_Execute, PJRT_LoadedExecutable *executable; PJRT_ExecuteOptions *options;
     PJRT_Buffer *const *const *argument_lists; size_t num_devices; size_t num_args;
     PJRT_Buffer **const *output_lists; PJRT_Event **device_complete_events; PJRT_Device *execute_device;)
ARGS(LoadedExecutable_Fingerprint, PJRT_LoadedExecutable *executable; const char *executable_fingerprint;
     size_t executable_fingerprint_size;)

ARGS(Buffer_Destroy, PJRT_Buffer *buffer;)
ARGS(Buffer_ElementType, PJRT_Buffer *buffer; PJRT_Buffer_Type type;)
ARGS(Buffer_Dimensions, PJRT_Buffer *buffer; const int64_t *dims; size_t num_dims;)
ARGS(Buffer_UnpaddedDimensions, PJRT_Buffer *buffer; const int64_t *unpadded_dims; size_t num_dims;)
ARGS(Buffer_DynamicDimensionIndices, PJRT_Buffer *buffer; const size_t *dynamic_dim_indices;
     size_t num_dynamic_dims;)
ARGS(Buffer_GetMemoryLayout, PJRT_Buffer *buffer; PJRT_Buffer_MemoryLayout layout;)
ARGS(Buffer_OnDeviceSizeInBytes, PJRT_Buffer *buffer; size_t on_device_size_in_bytes;)
ARGS(Buffer_Device, PJRT_Buffer *buffer; PJRT_Device *device;)
ARGS(Buffer_Memory, PJRT_Buffer *buffer; PJRT_Memory *memory;)
ARGS(Buffer_Delete, PJRT_Buffer *buffer;)
ARGS(Buffer_IsDeleted, PJRT_Buffer *buffer; bool is_deleted;)
ARGS(Buffer_CopyRawToHost, PJRT_Buffer *buffer; void *dst; int64_t offset; int64_t transfer_size;
     PJRT_Event *event;)
ARGS(Buffer_CopyToDevice, PJRT_Buffer *buffer; PJRT_Device *dst_device; PJRT_Buffer *dst_buffer;)
ARGS(Buffer_CopyToMemory, PJRT_Buffer *buffer; PJRT_Memory *dst_memory; PJRT_Buffer *dst_buffer;)
ARGS(Buffer_ToHostBuffer, PJRT_Buffer *src; PJRT_Buffer_MemoryLayout *host_layout; void *dst; size_t dst_size;
     PJRT_Event *event;)
ARGS(Buffer_IsOnCpu, PJRT_Buffer *buffer; bool is_on_cpu;)
ARGS(Buffer_ReadyEvent, PJRT_Buffer *buffer; PJRT_Event *event;)
ARGS(Buffer_UnsafePointer, PJRT_Buffer *buffer; uintptr_t buffer_pointer;)
ARGS(Buffer_IncreaseExternalReferenceCount, PJRT_Buffer *buffer;)
ARGS(Buffer_DecreaseExternalReferenceCount, PJRT_Buffer *buffer;)
ARGS(Buffer_OpaqueDeviceMemoryDataPointer, PJRT_Buffer *buffer; void *device_memory_ptr;)

ARGS(CopyToDeviceStream_Destroy, PJRT_CopyToDeviceStream *stream;)
ARGS(CopyToDeviceStream_AddChunk, PJRT_CopyToDeviceStream *stream; void *chunk;
     PJRT_Event *transfer_complete;)
ARGS(CopyToDeviceStream_TotalBytes, PJRT_CopyToDeviceStream *stream; int64_t total_bytes;)
ARGS(CopyToDeviceStream_GranuleSize, PJRT_CopyToDeviceStream *stream; int64_t granule_size_in_bytes;)
ARGS(CopyToDeviceStream_CurrentBytes, PJRT_CopyToDeviceStream *stream; int64_t current_bytes;)

ARGS(AsyncHostToDeviceTransferManager_Destroy, PJRT_AsyncHostToDeviceTransferManager *transfer_manager;)
ARGS(AsyncHostToDeviceTransferManager_TransferData, PJRT_AsyncHostToDeviceTransferManager *transfer_manager;
     int buffer_index; const void *data; int64_t offset; int64_t transfer_size; bool is_last_transfer;
     PJRT_Event *done_with_h2d_transfer;)
ARGS(AsyncHostToDeviceTransferManager_RetrieveBuffer, PJRT_AsyncHostToDeviceTransferManager *transfer_manager;
     int buffer_index; PJRT_Buffer *buffer_out;)
ARGS(AsyncHostToDeviceTransferManager_Device, PJRT_AsyncHostToDeviceTransferManager *transfer_manager;
     PJRT_Device *device_out;)
ARGS(AsyncHostToDeviceTransferManager_BufferCount, PJRT_AsyncHostToDeviceTransferManager *transfer_manager;
     size_t buffer_count;)
ARGS(AsyncHostToDeviceTransferManager_BufferSize, PJRT_AsyncHostToDeviceTransferManager *transfer_manager;
     int buffer_index; size_t buffer_size;)
ARGS(AsyncHostToDeviceTransferManager_SetBufferError, PJRT_AsyncHostToDeviceTransferManager *transfer_manager;
     int buffer_index; PJRT_Error_Code error_code; const char *error_message; size_t error_message_size;)
ARGS(AsyncHostToDeviceTransferManager_AddMetadata, PJRT_AsyncHostToDeviceTransferManager *transfer_manager;
     const PJRT_NamedValue *transfer_metadata; size_t num_metadata;)

ARGS(TopologyDescription_Create, const char *topology_name; size_t topology_name_size;
     const PJRT_NamedValue *create_options; size_t num_options; PJRT_TopologyDescription *topology;)
ARGS(TopologyDescription_Destroy, PJRT_TopologyDescription *topology;)
ARGS(TopologyDescription_PlatformName, const PJRT_TopologyDescription *topology; const char *platform_name;
     size_t platform_name_size;)
ARGS(TopologyDescription_PlatformVersion, PJRT_TopologyDescription *topology; const char *platform_version;
     size_t platform_version_size;)
ARGS(TopologyDescription_GetDeviceDescriptions, const PJRT_TopologyDescription *topology;
     PJRT_DeviceDescription *const *descriptions; size_t num_descriptions;)
ARGS(TopologyDescription_Serialize, PJRT_TopologyDescription *topology; const char *serialized_bytes;
     size_t serialized_bytes_size; PJRT_SerializedTopology *serialized_topology;
     void (*serialized_topology_deleter)(PJRT_SerializedTopology *topology);)
ARGS(TopologyDescription_Attributes, PJRT_TopologyDescription *topology; const PJRT_NamedValue *attributes;
     size_t num_attributes;)
ARGS(Compile, const PJRT_TopologyDescription *topology; const PJRT_Program *program;
     const char *compile_options; size_t compile_options_size; PJRT_Client *client;
     PJRT_Executable *executable;)
#undef ARGS

/* The slots in the ABI's order; each returns NULL or an error that the caller owns. Before them stand two
   slots that return nothing, Error_Destroy and Error_Message. */
#define TS_PJRT_SLOTS(S)                                                                                     \
    S(Error_GetCode) S(Plugin_Initialize) S(Plugin_Attributes) S(Event_Destroy) S(Event_IsReady)             \
    S(Event_Error) S(Event_Await) S(Event_OnReady) S(Client_Create) S(Client_Destroy)                        \
    S(Client_PlatformName) S(Client_ProcessIndex) S(Client_PlatformVersion) S(Client_Devices)                \
    S(Client_AddressableDevices) S(Client_LookupDevice) S(Client_LookupAddressableDevice)                    \
    S(Client_AddressableMemories) S(Client_Compile) S(Client_DefaultDeviceAssignment)                        \
    S(Client_BufferFromHostBuffer) S(DeviceDescription_Id) S(DeviceDescription_ProcessIndex)                 \
    S(DeviceDescription_Attributes) S(DeviceDescription_Kind) S(DeviceDescription_DebugString)               \
    S(DeviceDescription_ToString) S(Device_GetDescription) S(Device_IsAddressable)                           \
    S(Device_LocalHardwareId) S(Device_AddressableMemories) S(Device_DefaultMemory) S(Device_MemoryStats)    \
    S(Memory_Id) S(Memory_Kind) S(Memory_DebugString) S(Memory_ToString) S(Memory_AddressableByDevices)      \
    S(Executable_Destroy) S(Executable_Name) S(Executable_NumReplicas) S(Executable_NumPartitions)           \
    S(Executable_NumOutputs) S(Executable_SizeOfGeneratedCodeInBytes) S(Executable_GetCostAnalysis)          \
    S(Executable_OutputMemoryKinds) S(Executable_OptimizedProgram) S(Executable_Serialize)                   \
    S(LoadedExecutable_Destroy) S(LoadedExecutable_GetExecutable) S(LoadedExecutable_AddressableDevices)     \
    S(LoadedExecutable_Delete) S(LoadedExecutable_IsDeleted) S(LoadedExecutable_Execute)                     \
    S(Executable_DeserializeAndLoad) S(LoadedExecutable_Fingerprint) S(Buffer_Destroy)                       \
    S(Buffer_ElementType) S(Buffer_Dimensions) S(Buffer_UnpaddedDimensions)                                  \
    S(Buffer_DynamicDimensionIndices) S(Buffer_GetMemoryLayout) S(Buffer_OnDeviceSizeInBytes)                \
    S(Buffer_Device) S(Buffer_Memory) S(Buffer_Delete) S(Buffer_IsDeleted) S(Buffer_CopyToDevice)            \
    S(Buffer_ToHostBuffer) S(Buffer_IsOnCpu) S(Buffer_ReadyEvent) S(Buffer_UnsafePointer)                    \
    S(Buffer_IncreaseExternalReferenceCount) S(Buffer_DecreaseExternalReferenceCount)                        \
    S(Buffer_OpaqueDeviceMemoryDataPointer) S(CopyToDeviceStream_Destroy) S(CopyToDeviceStream_AddChunk)     \
    S(CopyToDeviceStream_TotalBytes) S(CopyToDeviceStream_GranuleSize) S(CopyToDeviceStream_CurrentBytes)    \
    S(TopologyDescription_Create) S(TopologyDescription_Destroy) S(TopologyDescription_PlatformName)         \
    S(TopologyDescription_PlatformVersion) S(TopologyDescription_GetDeviceDescriptions)                      \
    S(TopologyDescription_Serialize) S(TopologyDescription_Attributes) S(Compile)                            \
    S(Executable_OutputElementTypes) S(Executable_OutputDimensions) S(Buffer_CopyToMemory)                   \
    S(Client_CreateViewOfDeviceBuffer) S(Executable_Fingerprint) S(Client_TopologyDescription)               \
    S(Executable_GetCompiledMemoryStats) S(Memory_Kind_Id) S(ExecuteContext_Create)                          \
    S(ExecuteContext_Destroy) S(Buffer_CopyRawToHost) S(AsyncHostToDeviceTransferManager_Destroy)            \
    S(AsyncHostToDeviceTransferManager_TransferData) S(Client_CreateBuffersForAsyncHostToDevice)             \
    S(AsyncHostToDeviceTransferManager_RetrieveBuffer) S(AsyncHostToDeviceTransferManager_Device)            \
    S(AsyncHostToDeviceTransferManager_BufferCount) S(AsyncHostToDeviceTransferManager_BufferSize)           \
    S(AsyncHostToDeviceTransferManager_SetBufferError) S(AsyncHostToDeviceTransferManager_AddMetadata)       \
    S(Client_DmaMap) S(Client_DmaUnmap)
/* clang-format on */

typedef struct PJRT_Api {
    TS_PJRT_HEAD;
    struct {
        TS_PJRT_HEAD;
        int major_version, minor_version;
    } pjrt_api_version;
    void (*PJRT_Error_Destroy)(PJRT_Error_Destroy_Args *args);
    void (*PJRT_Error_Message)(PJRT_Error_Message_Args *args);
#define S(slot) PJRT_Error *(*PJRT_##slot)(PJRT_##slot##_Args * args);
    TS_PJRT_SLOTS(S)
#undef S
    /* Beyond the table's size as it declares it: slots of 0.69 and of 0.73. jaxlib calls the latter in a
       program of several processes without checking the size. */
    PJRT_Error *(*PJRT_Client_CreateUninitializedBuffer)(void *args);
    PJRT_Error *(*PJRT_Client_UpdateGlobalProcessInfo)(void *args);
} PJRT_Api;
enum { TS_PJRT_API_BYTES = 5 * sizeof(void *) + 112 * sizeof(void *) };
_Static_assert(sizeof(PJRT_Api) == TS_PJRT_API_BYTES + 2 * sizeof(void *), "112 slots after the version");

/* The plugin's entry point, looked up by name in the shared library. */
__attribute__((visibility("default"))) const PJRT_Api *GetPjrtApi(void);

/* The implementations of the slots. */
void ts_pjrt_Error_Destroy(PJRT_Error_Destroy_Args *args);
void ts_pjrt_Error_Message(PJRT_Error_Message_Args *args);
PJRT_Error *ts_pjrt_Client_UpdateGlobalProcessInfo(void *args);
#define S(slot) PJRT_Error *ts_pjrt_##slot(PJRT_##slot##_Args *args);
TS_PJRT_SLOTS(S)
#undef S

#endif
