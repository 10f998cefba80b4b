/* What frameworks see of a compiled program: a StableHLO function with its signature, whose body is one call
   of the instructions that stand for it. */
#include <inttypes.h>

#include "runtime/pjrt_objects.h"

/* MLIR's name of an element type. */
static const char *element_name(ts_dtype dtype) {
    switch (dtype) {
    case ts_dtype_u4: return "ui4";
    case ts_dtype_u8: return "ui8";
    case ts_dtype_u16: return "ui16";
    case ts_dtype_u32: return "ui32";
    case ts_dtype_u64: return "ui64";
    case ts_dtype_f8e4m3: return "f8E4M3";
    case ts_dtype_f8e3m4: return "f8E3M4";
    case ts_dtype_f8e5m2: return "f8E5M2";
    case ts_dtype_f8e4m3fn: return "f8E4M3FN";
    case ts_dtype_c64: return "complex<f32>";
    case ts_dtype_c128: return "complex<f64>";
    default: return ts_dtype_get(dtype)->name;
    }
}

static void add_type(ts_text *out, const ts_shape *shape) {
    ts_text_add(out, "tensor<");
    for (int i = 0; i < shape->rank; i++)
        ts_text_format(out, "%" PRId64 "x", shape->dim[i]);
    ts_text_format(out, "%s>", element_name(shape->dtype));
}

static void add_types(ts_text *out, const ts_shape *shapes, int count) {
    for (int i = 0; i < count; i++) {
        if (i) ts_text_add(out, ", ");
        add_type(out, &shapes[i]);
    }
}

static void add_list(ts_text *out, const char *name, int count) {
    for (int i = 0; i < count; i++)
        ts_text_format(out, "%s%s%d", i ? ", " : "", name, i);
}

static void add_body(const ts_loaded *loaded, ts_text *out) {
    ts_text_add(out, "    ");
    if (loaded->output_count > 0) ts_text_format(out, "%%0:%d = ", loaded->output_count);
    ts_text_add(out, "\"stablehlo.custom_call\"(");
    add_list(out, "%arg", loaded->input_count);
    ts_text_format(out, ") {call_target_name = \"trainstone\", backend_config = \"%s\"} : (",
                   loaded->fingerprint);
    add_types(out, loaded->inputs, loaded->input_count);
    ts_text_add(out, ") -> (");
    add_types(out, loaded->outputs, loaded->output_count);
    ts_text_add(out, ")\n    return");
    if (loaded->output_count > 0) {
        ts_text_add(out, " ");
        add_list(out, "%0#", loaded->output_count);
        ts_text_add(out, " : ");
        add_types(out, loaded->outputs, loaded->output_count);
    }
    ts_text_add(out, "\n");
}

void ts_loaded_describe(const ts_loaded *loaded, ts_text *out) {
    ts_text_add(out, "module @");
    ts_text_quote(out, ts_executable_program(loaded->executable)->name);
    ts_text_add(out, " attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {\n"
                     "  func.func public @main(");
    for (int i = 0; i < loaded->input_count; i++) {
        ts_text_format(out, "%s%%arg%d: ", i ? ", " : "", i);
        add_type(out, &loaded->inputs[i]);
    }
    ts_text_add(out, ") -> (");
    add_types(out, loaded->outputs, loaded->output_count);
    ts_text_add(out, ") {\n");
    add_body(loaded, out);
    ts_text_add(out, "  }\n}\n");
}
