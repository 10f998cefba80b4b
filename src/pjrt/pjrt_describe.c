/* The program text that frameworks get: a StableHLO function with the program's signature, whose body is one
   call that stands for the instructions. */
#include <inttypes.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"

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

/* An attribute of the module that holds an array of strings, set by Trainstone's Python side; NULL when there
   is none. */
static const ts_attr *find_strings(const ts_module *module, const char *name) {
    for (uint32_t i = 0; module && i < module->attr_count; i++) {
        const ts_attr *attr = module->attrs[i].value;
        if (strcmp(module->attrs[i].name, name) != 0 || attr->kind != ts_attr_array) continue;
        for (uint32_t j = 0; j < attr->count; j++)
            if (attr->array[j]->kind != ts_attr_string) return NULL;
        return attr;
    }
    return NULL;
}

/* Adds shardings in XLA's form: one string for all results, and one for each argument. An empty tuple of
   results has the sharding of a single one. */
static void add_shardings(const ts_module *module, ts_text *out) {
    const ts_attr *results = find_strings(module, "trainstone.output_shardings");
    const ts_attr *arguments = find_strings(module, "trainstone.parameter_shardings");
    if (results) {
        ts_text list = {0};
        for (uint32_t i = 0; i < results->count; i++)
            ts_text_format(&list, "%s%s", i ? ", " : "", results->array[i]->string);
        if (results->count == 0) ts_text_add(&list, "{replicated}");
        ts_text_add(out, ", mhlo.spmd_output_sharding = ");
        ts_text whole = {0};
        ts_text_format(&whole, results->count == 1 ? "%s" : "{%s}", list.data ? list.data : "");
        ts_text_quote(out, whole.data);
        ts_text_free(&whole);
        ts_text_free(&list);
    }
    if (arguments) ts_text_add(out, ", mhlo.spmd_parameters_shardings = [");
    for (uint32_t i = 0; arguments && i < arguments->count; i++) {
        ts_text_add(out, i ? ", " : "");
        ts_text_quote(out, arguments->array[i]->string);
    }
    if (arguments) ts_text_add(out, "]");
}

void ts_loaded_describe(const ts_loaded *loaded, const ts_module *module, ts_text *out) {
    ts_text_add(out, "module @");
    ts_text_quote(out, ts_executable_program(loaded->executable)->name);
    ts_text_format(out, " attributes {mhlo.num_partitions = %d : i32, mhlo.num_replicas = %d : i32",
                   loaded->partitions, loaded->replicas);
    add_shardings(module, out);
    ts_text_add(out, "} {\n  func.func public @main(");
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
