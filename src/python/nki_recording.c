/* The recording of a kernel's run as a Python object: tiles, tensors, instructions, and its end. */
#include "python/nki_module.h"

PyObject *nki_raise(nki_state *state, const ts_nki_error *error) {
    PyObject *exception = PyObject_CallFunction(state->error, "ssssss", error->kind, error->message,
                                                error->op, error->where, error->remedy, error->rule);
    if (exception) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
    return NULL;
}

/* ---- source lines ---- */

static size_t hash_of(const void *pointer) {
    return ((size_t)pointer >> 4) * 0x9e3779b97f4a7c15u;
}

/* Whether the code belongs to this package rather than to a kernel. Two small caches answer almost always. */
static bool is_internal(nki_state *state, PyCodeObject *code) {
    size_t slot = hash_of(code) >> 55;
    PyObject *key = (PyObject *)code;
    if (state->internal_codes[slot] == key) return true;
    if (state->kernel_codes[slot] == key) return false;
    int tail = PyUnicode_Tailmatch(code->co_filename, state->internal, 0, PY_SSIZE_T_MAX, -1);
    PyObject **known = tail > 0 ? state->internal_codes : state->kernel_codes;
    Py_XSETREF(known[slot], Py_NewRef(key));
    return tail > 0;
}

static size_t hash_of_place(const void *code, int place) {
    return hash_of(code) + (size_t)place * 0x9e3779b97f4a7c15u;
}

/* The entry of a place in the hash table, or the empty entry where it belongs. */
static nki_line *find_line(nki_line *lines, size_t room, const void *code, int place) {
    size_t slot = hash_of_place(code, place);
    for (slot ^= slot >> 32;; slot++) {
        nki_line *known = &lines[slot & (room - 1)];
        if (!known->loc || (known->code == code && known->place == place)) return known;
    }
}

/* Makes room for another line; half of the table stays empty. */
static bool grow_lines(nki_recording *recording) {
    size_t room = recording->line_room ? 2 * recording->line_room : 32;
    if (2 * recording->line_count < recording->line_room) return true;
    nki_line *lines = PyMem_Calloc(room, sizeof *lines);
    if (!lines) return false;
    for (size_t i = 0; i < recording->line_room; i++) {
        const nki_line *known = &recording->lines[i];
        if (known->loc) *find_line(lines, room, known->code, known->place) = *known;
    }
    PyMem_Free(recording->lines);
    recording->lines = lines;
    recording->line_room = room;
    return true;
}

/* The line number, cached because Python would walk over the code object's table each time. */
static int number_of(nki_state *state, PyCodeObject *code, int place, PyFrameObject *frame) {
    const size_t slot = hash_of_place(code, place) >> 55;
    nki_number *known = &state->numbers[slot];
    if (known->code != (PyObject *)code || known->place != place) {
        Py_XSETREF(known->code, Py_NewRef((PyObject *)code));
        known->place = place;
        known->number = PyFrame_GetLineNumber(frame);
    }
    return known->number;
}

static uint32_t line_of(nki_state *state, nki_recording *recording, PyCodeObject *code,
                        PyFrameObject *frame) {
    const int place = PyFrame_GetLasti(frame);
    nki_line *known =
        recording->line_room ? find_line(recording->lines, recording->line_room, code, place) : NULL;
    if (known && known->loc) return known->loc;
    const char *file = PyUnicode_AsUTF8(code->co_filename);
    uint32_t loc = file ? ts_nki_line(recording->nki, file, number_of(state, code, place, frame)) : 0;
    if (loc && grow_lines(recording) && PyList_Append(recording->codes, (PyObject *)code) == 0) {
        *find_line(recording->lines, recording->line_room, code, place) = (nki_line){code, place, loc};
        recording->line_count++;
    }
    PyErr_Clear();
    return loc;
}

uint32_t nki_current_line(nki_state *state, nki_recording *recording) {
    PyFrameObject *frame = PyEval_GetFrame();
    if (!frame) return 0;
    Py_INCREF(frame);
    while (frame) {
        PyCodeObject *code = PyFrame_GetCode(frame);
        if (!is_internal(state, code)) {
            uint32_t loc = line_of(state, recording, code, frame);
            Py_DECREF(code);
            Py_DECREF(frame);
            return loc;
        }
        Py_DECREF(code);
        PyFrameObject *back = PyFrame_GetBack(frame);
        Py_DECREF(frame);
        frame = back;
    }
    return 0;
}

/* ---- the object ---- */

static int recording_init(nki_recording *recording, PyObject *args, PyObject *kwargs) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    PyObject *device, *dialect;
    const char *name;
    ts_nki_error error = {0};
    if (kwargs && PyDict_Size(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "no keywords");
        return -1;
    }
    if (!state || !PyArg_ParseTuple(args, "OsU", &device, &name, &dialect)) return -1;
    ts_nki_device *opened = PyCapsule_GetPointer(device, "trainstone.nki.device");
    if (!opened) return -1;
    recording->nki = ts_nki_new(opened, name, &error);
    recording->device = Py_NewRef(device);
    recording->dialect = Py_NewRef(dialect);
    recording->codes = PyList_New(0);
    recording->names = PyDict_New();
    if (!recording->nki) nki_raise(state, &error);
    return recording->nki && recording->codes && recording->names ? 0 : -1;
}

static void recording_dealloc(nki_recording *recording) {
    PyTypeObject *type = Py_TYPE(recording);
    ts_nki_free(recording->nki);
    Py_XDECREF(recording->device);
    Py_XDECREF(recording->codes);
    Py_XDECREF(recording->names);
    Py_XDECREF(recording->dialect);
    PyMem_Free(recording->lines);
    type->tp_free((PyObject *)recording);
    Py_DECREF(type);
}

/* Sets the dimensions of a contiguous tensor. */
static void fill_contiguous(nki_view *view, const int64_t *sizes, int rank) {
    int64_t step = 1;
    view->dims = (uint8_t)rank;
    for (int i = rank; i-- > 0; step *= sizes[i])
        view->dim[i] = (nki_dim){step, sizes[i], nki_free};
}

/* tensor(tensor, role, dtype, shape, data, name) -> view */
static PyObject *recording_tensor(nki_recording *recording, PyObject *args) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    PyObject *tensor, *shape, *data;
    int role, dtype;
    const char *name;
    ts_nki_error error;
    int64_t sizes[TS_NKI_DIMS] = {0};
    if (!state ||
        !PyArg_ParseTuple(args, "OiiO!Os", &tensor, &role, &dtype, &PyTuple_Type, &shape, &data, &name))
        return NULL;
    Py_ssize_t rank = PyTuple_GET_SIZE(shape);
    if (rank > TS_NKI_DIMS) return PyErr_Format(PyExc_ValueError, "more than %d dimensions", TS_NKI_DIMS);
    for (Py_ssize_t i = 0; i < rank; i++)
        sizes[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(shape, i));
    if (PyErr_Occurred()) return NULL;
    Py_buffer bytes = {0};
    if (data != Py_None && PyObject_GetBuffer(data, &bytes, PyBUF_C_CONTIGUOUS) < 0) return NULL;
    error.message[0] = 0;
    uint32_t handle = ts_nki_add_tensor(recording->nki, (ts_nki_role)role, dtype, (int)rank, sizes, bytes.buf,
                                        name, nki_current_line(state, recording), &error);
    if (bytes.obj) PyBuffer_Release(&bytes);
    if (!handle) return nki_raise(state, &error);
    nki_view *view = nki_view_new(state, recording, tensor, handle, ts_nki_hbm, dtype);
    if (view) fill_contiguous(view, sizes, (int)rank);
    return (PyObject *)view;
}

static PyObject *recording_set_role(nki_recording *recording, PyObject *args) {
    unsigned handle, number;
    int role;
    if (!PyArg_ParseTuple(args, "IiI", &handle, &role, &number)) return NULL;
    ts_nki_set_role(recording->nki, handle, (ts_nki_role)role, number);
    Py_RETURN_NONE;
}

static PyObject *recording_share(nki_recording *recording, PyObject *cores) {
    long count = PyLong_AsLong(cores);
    if (count == -1 && PyErr_Occurred()) return NULL;
    ts_nki_share(recording->nki, (int)count);
    Py_RETURN_NONE;
}

/* ranks(count): see ts_nki_ranks. */
static PyObject *recording_ranks(nki_recording *recording, PyObject *ranks) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    ts_nki_error error = {0};
    long count = PyLong_AsLong(ranks);
    if (count == -1 && PyErr_Occurred()) return NULL;
    if (ts_nki_ranks(recording->nki, (int)count, &error)) return nki_raise(state, &error);
    Py_RETURN_NONE;
}

static PyObject *recording_finish(nki_recording *recording, PyObject *unused) {
    (void)unused;
    nki_state *state = nki_state_of(Py_TYPE(recording));
    ts_nki_error error = {0};
    int status;
    Py_BEGIN_ALLOW_THREADS status = ts_nki_finish(recording->nki, &error);
    Py_END_ALLOW_THREADS if (status) return nki_raise(state, &error);
    Py_RETURN_NONE;
}

/* warnings(): the warnings of a recording that has ended, as exceptions that were not raised. */
static PyObject *recording_warnings(nki_recording *recording, PyObject *unused) {
    (void)unused;
    nki_state *state = nki_state_of(Py_TYPE(recording));
    ts_nki_error told = {0};
    PyObject *list = state ? PyList_New(0) : NULL;
    for (uint32_t i = 0; list && ts_nki_warning(recording->nki, i, &told); i++) {
        PyObject *made = PyObject_CallFunction(state->error, "ssssss", told.kind, told.message, told.op,
                                               told.where, told.remedy, told.rule);
        if (!made || PyList_Append(list, made) < 0) Py_CLEAR(list);
        Py_XDECREF(made);
    }
    return list;
}

static PyObject *recording_seal(nki_recording *recording, PyObject *unused) {
    (void)unused;
    nki_state *state = nki_state_of(Py_TYPE(recording));
    ts_nki_error error = {0};
    size_t size;
    Py_BEGIN_ALLOW_THREADS size = ts_nki_seal(recording->nki, NULL, 0, &error);
    Py_END_ALLOW_THREADS if (!size) return nki_raise(state, &error);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (bytes) ts_nki_seal(recording->nki, PyBytes_AS_STRING(bytes), size, &error);
    return bytes;
}

/* Host memory of the arrays in a list; NULL for None. */
static void **memory_of(PyObject *arrays, Py_buffer **held, Py_ssize_t *count) {
    *count = PyList_GET_SIZE(arrays);
    void **data = PyMem_Calloc((size_t)*count + 1, sizeof *data);
    *held = PyMem_Calloc((size_t)*count + 1, sizeof **held);
    if (!data || !*held) PyErr_NoMemory();
    for (Py_ssize_t i = 0; data && *held && i < *count; i++) {
        PyObject *array = PyList_GET_ITEM(arrays, i);
        if (array == Py_None) continue;
        if (PyObject_GetBuffer(array, &(*held)[i], PyBUF_C_CONTIGUOUS) < 0) break;
        data[i] = (*held)[i].buf;
    }
    return data;
}

static void release(void **data, Py_buffer *held, Py_ssize_t count) {
    for (Py_ssize_t i = 0; held && i < count; i++)
        if (held[i].obj) PyBuffer_Release(&held[i]);
    PyMem_Free(held);
    PyMem_Free(data);
}

/* fills(number): see ts_nki_fills. */
static PyObject *recording_fills(nki_recording *recording, PyObject *number) {
    unsigned long tensor = PyLong_AsUnsignedLong(number);
    if (PyErr_Occurred()) return NULL;
    return PyBool_FromLong(ts_nki_fills(recording->nki, (uint32_t)tensor));
}

/* unwritten(number): (bytes, first) of ts_nki_unwritten. */
static PyObject *recording_unwritten(nki_recording *recording, PyObject *number) {
    unsigned long tensor = PyLong_AsUnsignedLong(number);
    uint64_t first = 0;
    if (PyErr_Occurred()) return NULL;
    uint64_t left = ts_nki_unwritten(recording->nki, (uint32_t)tensor, &first);
    return Py_BuildValue("KK", (unsigned long long)left, (unsigned long long)first);
}

/* run(arrays): one byte array or None for each tensor, in the order in which they were made. */
static PyObject *recording_run(nki_recording *recording, PyObject *arrays) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    Py_buffer *held;
    Py_ssize_t count;
    ts_nki_error error = {0};
    if (!PyList_Check(arrays)) return PyErr_Format(PyExc_TypeError, "arrays must be a list");
    void **data = memory_of(arrays, &held, &count);
    int status = 0;
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS status = ts_nki_run(recording->nki, data, &error);
        Py_END_ALLOW_THREADS
    }
    release(data, held, count);
    if (PyErr_Occurred()) return NULL;
    if (status) return nki_raise(state, &error);
    Py_RETURN_NONE;
}

static nki_recording *other_of(nki_recording *recording, PyObject *object) {
    if (Py_TYPE(object) == Py_TYPE(recording)) return (nki_recording *)object;
    PyErr_SetString(PyExc_TypeError, "a pair is made of two recordings");
    return NULL;
}

/* pair(other): makes the two the programs of a chip's two cores. */
static PyObject *recording_pair(nki_recording *recording, PyObject *object) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    nki_recording *other = other_of(recording, object);
    ts_nki_error error = {0};
    if (!other) return NULL;
    if (ts_nki_pair(recording->nki, other->nki, &error)) return nki_raise(state, &error);
    Py_RETURN_NONE;
}

/* run_pair(arrays, other, arrays): runs both at the same time. */
static PyObject *recording_run_pair(nki_recording *recording, PyObject *args) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    PyObject *first, *second, *object;
    Py_buffer *held[2] = {NULL, NULL};
    Py_ssize_t count[2] = {0, 0};
    ts_nki_error error = {0};
    if (!PyArg_ParseTuple(args, "O!OO!", &PyList_Type, &first, &object, &PyList_Type, &second)) return NULL;
    nki_recording *other = other_of(recording, object);
    if (!other) return NULL;
    void **data = memory_of(first, &held[0], &count[0]), **more = NULL;
    if (!PyErr_Occurred()) more = memory_of(second, &held[1], &count[1]);
    int status = 0;
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS status = ts_nki_run_pair(recording->nki, other->nki, data, more, &error);
        Py_END_ALLOW_THREADS
    }
    release(data, held[0], count[0]);
    release(more, held[1], count[1]);
    if (PyErr_Occurred()) return NULL;
    if (status) return nki_raise(state, &error);
    Py_RETURN_NONE;
}

/* Host memory of each rank's list of arrays. */
typedef struct ranks_memory {
    Py_ssize_t ranks, *count;
    Py_buffer **held;
    void ***data;
} ranks_memory;

static void release_ranks(ranks_memory *m) {
    for (Py_ssize_t i = 0; m->data && m->held && m->count && i < m->ranks; i++)
        release(m->data[i], m->held[i], m->count[i]);
    PyMem_Free(m->count);
    PyMem_Free(m->held);
    PyMem_Free(m->data);
}

/* Sets an exception on failure. Call release_ranks in any case. */
static ranks_memory memory_of_ranks(PyObject *lists) {
    ranks_memory m = {.ranks = PyList_GET_SIZE(lists)};
    m.count = PyMem_Calloc((size_t)m.ranks + 1, sizeof *m.count);
    m.held = PyMem_Calloc((size_t)m.ranks + 1, sizeof *m.held);
    m.data = PyMem_Calloc((size_t)m.ranks + 1, sizeof *m.data);
    if (!m.count || !m.held || !m.data) PyErr_NoMemory();
    for (Py_ssize_t i = 0; !PyErr_Occurred() && i < m.ranks; i++)
        m.data[i] = memory_of(PyList_GET_ITEM(lists, i), &m.held[i], &m.count[i]);
    return m;
}

/* run_ranks(lists of arrays): runs all ranks at the same time. */
static PyObject *recording_run_ranks(nki_recording *recording, PyObject *lists) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    ts_nki_error error = {0};
    int status = 0;
    if (!PyList_Check(lists)) return PyErr_Format(PyExc_TypeError, "a list for each rank");
    ranks_memory m = memory_of_ranks(lists);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS status =
            ts_nki_run_ranks(recording->nki, (void *const *const *)m.data, &error);
        Py_END_ALLOW_THREADS
    }
    release_ranks(&m);
    if (PyErr_Occurred()) return NULL;
    if (status) return nki_raise(state, &error);
    Py_RETURN_NONE;
}

/* peek_ranks(view, lists of arrays, outs): peek on all ranks. */
static PyObject *recording_peek_ranks(nki_recording *recording, PyObject *args) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    PyObject *lists, *outs;
    nki_view *view;
    Py_buffer *held;
    Py_ssize_t count;
    ts_nki_error error = {0};
    ts_nki_view filled, index;
    if (!state ||
        !PyArg_ParseTuple(args, "O!O!O!", state->view_type, &view, &PyList_Type, &lists, &PyList_Type, &outs))
        return NULL;
    ranks_memory m = memory_of_ranks(lists);
    void **values = PyErr_Occurred() ? NULL : memory_of(outs, &held, &count);
    int status = 0;
    if (!PyErr_Occurred() && nki_view_fill(view, &filled, &index)) {
        Py_BEGIN_ALLOW_THREADS status =
            ts_nki_peek_ranks(recording->nki, &filled, (void *const *const *)m.data, values, &error);
        Py_END_ALLOW_THREADS
    }
    if (values) release(values, held, count);
    release_ranks(&m);
    if (PyErr_Occurred()) return NULL;
    if (status) return nki_raise(state, &error);
    Py_RETURN_NONE;
}

/* peek(view, arrays, out): see ts_nki_peek. */
static PyObject *recording_peek(nki_recording *recording, PyObject *args) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    PyObject *arrays;
    nki_view *view;
    Py_buffer out, *held;
    Py_ssize_t count;
    ts_nki_error error = {0};
    ts_nki_view filled, index;
    if (!state || !PyArg_ParseTuple(args, "O!O!w*", state->view_type, &view, &PyList_Type, &arrays, &out))
        return NULL;
    void **data = memory_of(arrays, &held, &count);
    int status = 0;
    if (!PyErr_Occurred() && nki_view_fill(view, &filled, &index)) {
        Py_BEGIN_ALLOW_THREADS status = ts_nki_peek(recording->nki, &filled, data, out.buf, &error);
        Py_END_ALLOW_THREADS
    }
    release(data, held, count);
    PyBuffer_Release(&out);
    if (PyErr_Occurred()) return NULL;
    if (status) return nki_raise(state, &error);
    Py_RETURN_NONE;
}

/* The text that `give` copies, of any length. A first buffer is large enough for most. */
typedef size_t give_text(ts_nki *nki, char *buffer, size_t size, ts_nki_error *error);
static PyObject *text_of(nki_recording *recording, give_text *give) {
    enum { USUAL = 1 << 16 };
    nki_state *state = nki_state_of(Py_TYPE(recording));
    ts_nki_error error = {0};
    char *text = NULL;
    for (size_t room = 0, size = USUAL; size >= room;) {
        room = size + 1;
        char *larger = PyMem_Realloc(text, room);
        if (!larger) {
            PyMem_Free(text);
            return PyErr_NoMemory();
        }
        text = larger;
        text[0] = 0;
        Py_BEGIN_ALLOW_THREADS size = give(recording->nki, text, room, &error);
        Py_END_ALLOW_THREADS if (size || !error.kind[0]) continue;
        PyMem_Free(text);
        return nki_raise(state, &error);
    }
    PyObject *string = PyUnicode_FromString(text);
    PyMem_Free(text);
    return string;
}

static PyObject *recording_record(nki_recording *recording, PyObject *unused) {
    (void)unused;
    return text_of(recording, ts_nki_record);
}

/* mark(what): see ts_nki_add_mark. */
static PyObject *recording_mark(nki_recording *recording, PyObject *mark) {
    long what = PyLong_AsLong(mark);
    if (what == -1 && PyErr_Occurred()) return NULL;
    nki_state *state = nki_state_of(Py_TYPE(recording));
    bool begins = what == ts_nki_loop_begin || what == ts_nki_affine_begin;
    uint32_t line = state && begins ? nki_current_line(state, recording) : 0;
    ts_nki_add_mark(recording->nki, (ts_nki_mark)what, line);
    Py_RETURN_NONE;
}

static PyObject *recording_repeat(nki_recording *recording, PyObject *unused) {
    (void)unused;
    nki_state *state = nki_state_of(Py_TYPE(recording));
    ts_nki_error error = {0};
    if (ts_nki_repeat(recording->nki, &error)) return nki_raise(state, &error);
    Py_RETURN_NONE;
}

static size_t give_program(ts_nki *nki, char *buffer, size_t size, ts_nki_error *error) {
    (void)error;
    return ts_nki_text(nki, buffer, size);
}

static PyObject *recording_text(nki_recording *recording, PyObject *unused) {
    (void)unused;
    return text_of(recording, give_program);
}

static PyMethodDef methods[] = {
    {"tile", (PyCFunction)nki_recording_tile, METH_VARARGS, NULL},
    {"unique", (PyCFunction)nki_recording_unique, METH_O, NULL},
    {"tensor", (PyCFunction)recording_tensor, METH_VARARGS, NULL},
    {"set_role", (PyCFunction)recording_set_role, METH_VARARGS, NULL},
    {"share", (PyCFunction)recording_share, METH_O, NULL},
    {"ranks", (PyCFunction)recording_ranks, METH_O, NULL},
    {"finish", (PyCFunction)recording_finish, METH_NOARGS, NULL},
    {"seal", (PyCFunction)recording_seal, METH_NOARGS, NULL},
    {"warnings", (PyCFunction)recording_warnings, METH_NOARGS, NULL},
    {"fills", (PyCFunction)recording_fills, METH_O, NULL},
    {"unwritten", (PyCFunction)recording_unwritten, METH_O, NULL},
    {"run", (PyCFunction)recording_run, METH_O, NULL},
    {"pair", (PyCFunction)recording_pair, METH_O, NULL},
    {"run_pair", (PyCFunction)recording_run_pair, METH_VARARGS, NULL},
    {"run_ranks", (PyCFunction)recording_run_ranks, METH_O, NULL},
    {"peek", (PyCFunction)recording_peek, METH_VARARGS, NULL},
    {"peek_ranks", (PyCFunction)recording_peek_ranks, METH_VARARGS, NULL},
    {"record", (PyCFunction)recording_record, METH_NOARGS, NULL},
    {"mark", (PyCFunction)recording_mark, METH_O, NULL},
    {"repeat", (PyCFunction)recording_repeat, METH_NOARGS, NULL},
    {"text", (PyCFunction)recording_text, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, recording_init},
    {Py_tp_dealloc, recording_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "One run of a kernel, as instructions."},
    {0, NULL},
};
PyType_Spec nki_recording_spec = {.name = "trainstone.nki.Recording",
                                  .basicsize = sizeof(nki_recording),
                                  .flags = Py_TPFLAGS_DEFAULT,
                                  .slots = slots};
