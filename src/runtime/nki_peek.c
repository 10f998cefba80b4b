/* Values that a kernel asks for while it is being recorded: a copy of the recording so far is extended by
   stores of those values, finished as a program of its own, and run. */
#include "arch/dtype.h"
#include "plan/liveness.h"
#include "runtime/nki_door.h"

/* Records dst = src, on VectorE or by DMA. */
static ts_status emit_copy(ts_recorder *r, bool is_dma, const ts_nki_view *dst, const ts_nki_view *src,
                           ts_diag *diag) {
    ts_nki_value to = {.kind = ts_nki_tensor, .view = dst}, from = {.kind = ts_nki_tensor, .view = src},
                 none = {0};
    ts_nki_value dma[] = {none, to, from, none, none, none, none}, copy[] = {to, from};
    if (is_dma)
        return ts_record_inst(r, ts_op_dma_copy, ts_engine_sync, dma, (int)(sizeof dma / sizeof *dma), 0,
                              diag);
    return ts_record_inst(r, ts_op_tensor_copy, ts_engine_vector, copy, 2, 0, diag);
}

static int64_t free_elems(const ts_nki_view *view) {
    int64_t elems = 1;
    for (int i = 0; i < view->dims; i++)
        elems *= view->dim[i].count;
    return elems;
}

/* A DMA cannot read PSUM, so its values go through SBUF. */
static ts_status through_sbuf(ts_recorder *r, const ts_nki_view *view, ts_nki_view *copy, ts_diag *diag) {
    int64_t elems = free_elems(view);
    ts_nki_tile tile = {.space = ts_nki_sbuf,
                        .dtype = view->dtype,
                        .parts = view->parts,
                        .bytes = elems * ts_dtype_get(view->dtype)->bytes,
                        .blocks = 1,
                        .name = "printed"};
    *copy = (ts_nki_view){.dtype = view->dtype, .dims = 1, .parts = view->parts, .dim = {{1, elems}}};
    copy->buffer = ts_record_buffer(r, &tile, 0, diag);
    if (!copy->buffer) return diag->status;
    return emit_copy(r, false, copy, view, diag);
}

/* Inputs that the kernel has written so far become outputs, which start with the inputs' values. */
static void number_tensors(ts_recorder *r) {
    ts_program *program = r->program;
    uint32_t inputs = 0, outputs = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_operand_use uses[TS_MOST_USES];
        int count = ts_live_uses(program->code.data[at], uses);
        for (int i = 0; i < count; i++) {
            if (!uses[i].is_write || uses[i].ap->space != ts_space_hbm) continue;
            ts_tensor *tensor = &program->tensors.data[uses[i].ap->tensor];
            if (tensor->kind == ts_tensor_input) tensor->kind = ts_tensor_output;
        }
    }
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        ts_tensor *tensor = &program->tensors.data[i];
        if (tensor->kind == ts_tensor_input) tensor->number = inputs++;
        if (tensor->kind == ts_tensor_output) tensor->number = outputs++;
    }
}

static ts_status add_peek(ts_recorder *r, const ts_nki_view *view, ts_diag *diag) {
    bool is_hbm = r->buffers.data[view->buffer - 1].space == ts_space_hbm;
    ts_nki_view copy = *view;
    if (r->buffers.data[view->buffer - 1].space == ts_space_psum) TS_TRY(through_sbuf(r, view, &copy, diag));
    int64_t elems = free_elems(view) * (is_hbm ? 1 : view->parts);
    ts_buffer out = ts_record_tensor(r, ts_tensor_output, view->dtype, 1, &elems, NULL, "printed", 0, diag);
    if (!out) return diag->status;
    number_tensors(r);
    ts_nki_view to = {.buffer = out, .dtype = view->dtype, .dims = 1, .dim = {{1, elems}}};
    return emit_copy(r, true, &to, &copy, diag);
}

int ts_nki_peek_ranks(ts_nki *nki, const ts_nki_view *view, void *const *const *data, void *const *value,
                      ts_nki_error *error) {
    ts_diag diag = {0};
    if (!ts_nki_recorder(nki, error)) return 1;
    ts_recorder *copy = ts_recorder_copy(nki->recorder);
    ts_status status = copy ? add_peek(copy, view, &diag) : ts_fail(&diag, ts_system, "no host memory");
    ts_executable *executable = NULL;
    if (status == ts_ok) status = ts_nki_make(nki->device, copy, &executable, &diag);
    ts_recorder_free(copy);
    if (status == ts_ok) status = ts_nki_execute(executable, data, value, &diag);
    if (executable) {
        ts_executable_unload(executable);
        ts_executable_release(executable);
    }
    return status == ts_ok ? 0 : ts_nki_tell(error, &diag);
}

int ts_nki_peek(ts_nki *nki, const ts_nki_view *view, void *const *data, void *value, ts_nki_error *error) {
    return ts_nki_peek_ranks(nki, view, &data, &value, error);
}
