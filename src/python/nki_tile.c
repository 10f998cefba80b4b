/* Tiles, and the storages that views refer to, as Python objects. */
#include "python/nki_module.h"

#include <structmember.h>

/* ---- storages ---- */

static int storage_init(nki_storage *storage, PyObject *args, PyObject *kwargs) {
    if (kwargs && PyDict_Size(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "no keywords");
        return -1;
    }
    PyObject *name, *space, *shape, *dialect;
    if (!PyArg_ParseTuple(args, "OOOO", &name, &space, &shape, &dialect)) return -1;
    storage->name = Py_NewRef(name);
    storage->space = Py_NewRef(space);
    storage->shape = PySequence_Tuple(shape);
    storage->dialect = Py_NewRef(dialect);
    return storage->shape ? 0 : -1;
}

static void storage_dealloc(nki_storage *storage) {
    PyTypeObject *type = Py_TYPE(storage);
    PyObject *owned[] = {storage->name,   storage->space,  storage->shape, storage->dialect,
                         storage->dtype,  storage->handle, storage->role,  storage->number,
                         storage->source, storage->where,  storage->box,   storage->again};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        Py_XDECREF(owned[i]);
    type->tp_free((PyObject *)storage);
    Py_DECREF(type);
}

#define OBJECT(name, what)                                                                                   \
    { #name, T_OBJECT, offsetof(nki_storage, name), 0, what }
static PyMemberDef storage_members[] = {
    OBJECT(name, NULL),
    OBJECT(space, NULL),
    OBJECT(shape, NULL),
    OBJECT(dialect, NULL),
    OBJECT(dtype, NULL),
    OBJECT(handle, NULL),
    OBJECT(role, NULL),
    OBJECT(number, NULL),
    OBJECT(source, "what the caller gave for an argument"),
    OBJECT(where, "the kernel's line that made a tensor in HBM"),
    OBJECT(box, "slices of the part that a mask left of a value"),
    OBJECT(again, "of a load that skips what is out of bounds: the same load into what it is assigned to"),
    {"is_written", T_BOOL, offsetof(nki_storage, is_written), 0, NULL},
    {"is_void", T_BOOL, offsetof(nki_storage, is_void), 0,
     "a value whose call a mask left out whole: what would use it is left out too"},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot storage_slots[] = {
    {Py_tp_new, PyType_GenericNew},           {Py_tp_init, storage_init},
    {Py_tp_dealloc, storage_dealloc},         {Py_tp_members, storage_members},
    {Py_tp_doc, "What a view is a view of."}, {0, NULL},
};
PyType_Spec nki_storage_spec = {.name = "trainstone.nki.Storage",
                                .basicsize = sizeof(nki_storage),
                                .flags = Py_TPFLAGS_DEFAULT,
                                .slots = storage_slots};

/* Makes "name_number", the name of most tiles, since few have a name of their own. */
static PyObject *numbered(PyObject *name, long number) {
    enum { ROOM = 128, DIGITS = 20 };
    char text[ROOM];
    const Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    if (!PyUnicode_IS_COMPACT_ASCII(name) || length + 1 + DIGITS > ROOM)
        return PyUnicode_FromFormat("%U_%ld", name, number);
    char *at = text + ROOM;
    for (; number > 0; number /= 10)
        *--at = (char)('0' + number % 10);
    *--at = '_';
    at -= length;
    memcpy(at, PyUnicode_DATA(name), (size_t)length);
    return PyUnicode_FromStringAndSize(at, text + ROOM - at);
}

PyObject *nki_recording_unique(nki_recording *recording, PyObject *name) {
    PyObject *count = PyDict_GetItemWithError(recording->names, name);
    const long before = count ? PyLong_AsLong(count) : 0;
    if (PyErr_Occurred()) return NULL;
    PyObject *next = PyLong_FromLong(before + 1);
    const int status = next ? PyDict_SetItem(recording->names, name, next) : -1;
    Py_XDECREF(next);
    if (status < 0) return NULL;
    return before ? numbered(name, before) : Py_NewRef(name);
}

/* ---- shapes ---- */

/* A tile's shape: the dimensions before dimension `at` count tiles, `at` counts partitions, the others
   elements. */
typedef struct tile_shape {
    long long length[TS_NKI_DIMS];
    Py_ssize_t rank, at;
} tile_shape;

static bool fill_shape(PyObject *lengths, tile_shape *shape) {
    shape->rank = PyTuple_GET_SIZE(lengths);
    if (shape->rank + (shape->rank <= shape->at + 1) > TS_NKI_DIMS) {
        PyErr_SetString(PyExc_ValueError, "more than 8 dimensions");
        return false;
    }
    for (Py_ssize_t i = 0; i < shape->rank; i++)
        shape->length[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(lengths, i));
    return !PyErr_Occurred();
}

static long long elements(const tile_shape *shape, Py_ssize_t from, Py_ssize_t to) {
    long long count = 1;
    for (Py_ssize_t i = from; i < to; i++)
        count *= shape->length[i];
    return count;
}

static void fill_dims(const tile_shape *shape, nki_view *view) {
    for (Py_ssize_t i = 0; i < shape->rank; i++) {
        nki_walk walk = i < shape->at ? nki_block : i == shape->at ? nki_part : nki_free;
        long long step =
            walk == nki_part ? 1 : elements(shape, i + 1, walk == nki_block ? shape->at : shape->rank);
        view->dim[view->dims++] = (nki_dim){step, shape->length[i], (uint8_t)walk};
    }
    if (shape->rank <= shape->at) view->dim[view->dims++] = (nki_dim){1, 1, nki_part};
    if (shape->rank <= shape->at + 1) view->dim[view->dims++] = (nki_dim){1, 1, nki_free};
}

/* Reads a sequence of addresses; NULL for None. False with an exception. */
static bool fill_addresses(PyObject *given, long long count, int64_t **addresses) {
    *addresses = NULL;
    if (given == Py_None) return true;
    *addresses = PyMem_Calloc((size_t)count + 1, sizeof **addresses);
    if (!*addresses) PyErr_NoMemory();
    for (long long i = 0; *addresses && i < count; i++) {
        PyObject *item = PySequence_GetItem(given, (Py_ssize_t)i);
        (*addresses)[i] = item ? PyLong_AsLongLong(item) : -1;
        Py_XDECREF(item);
    }
    if (!PyErr_Occurred()) return true;
    PyMem_Free(*addresses);
    return false;
}

/* ---- tiles ---- */

/* The tile that Python asks for. Its space occurs as Python's object and as the library's code. */
typedef struct request {
    PyObject *space, *lengths, *name;
    int code, dtype, is_value, part;
    int64_t *address; /* for each block, or NULL */
} request;

static nki_storage *new_storage(nki_state *state, nki_recording *recording, const request *r) {
    PyTypeObject *type = state->storage_type;
    nki_storage *storage = (nki_storage *)type->tp_alloc(type, 0);
    if (!storage) return NULL;
    PyObject *name = PyUnicode_GET_LENGTH(r->name) ? r->name : state->tile_word;
    storage->name = r->is_value ? Py_NewRef(r->name) : nki_recording_unique(recording, name);
    storage->space = Py_NewRef(r->space);
    storage->shape = Py_NewRef(r->lengths);
    storage->dialect = Py_NewRef(recording->dialect);
    storage->dtype = Py_NewRef(PyList_GET_ITEM(state->dtypes, r->dtype));
    if (storage->name) return storage;
    Py_DECREF(storage);
    return NULL;
}

static PyObject *new_tile(nki_state *state, nki_recording *recording, const request *r,
                          const tile_shape *shape) {
    nki_storage *storage = new_storage(state, recording, r);
    const char *name = storage ? PyUnicode_AsUTF8(storage->name) : NULL;
    ts_nki_error error;
    nki_view *view = NULL;
    if (name) {
        const ts_nki_tile tile = {.space = (ts_nki_space)r->code,
                                  .dtype = (uint8_t)r->dtype,
                                  .parts = shape->rank > shape->at ? shape->length[shape->at] : 1,
                                  .bytes = elements(shape, shape->at + 1, shape->rank) *
                                           state->dtype_bytes[r->dtype],
                                  .blocks = (uint32_t)elements(shape, 0, shape->at),
                                  .is_value = r->is_value,
                                  .address = r->address,
                                  .part = r->part,
                                  .name = name};
        error.message[0] = 0;
        uint32_t handle = ts_nki_add_tile(recording->nki, &tile, nki_current_line(state, recording), &error);
        if (handle)
            view = nki_view_new(state, recording, (PyObject *)storage, handle, r->code, r->dtype);
        else
            nki_raise(state, &error);
    }
    if (view) fill_dims(shape, view);
    Py_XDECREF(storage);
    return (PyObject *)view;
}

PyObject *nki_recording_tile(nki_recording *recording, PyObject *args) {
    nki_state *state = nki_state_of(Py_TYPE(recording));
    PyObject *addresses;
    request r = {0};
    tile_shape shape;
    if (!state || !PyArg_ParseTuple(args, "OiiO!npOiU", &r.space, &r.code, &r.dtype, &PyTuple_Type,
                                    &r.lengths, &shape.at, &r.is_value, &addresses, &r.part, &r.name))
        return NULL;
    if (!fill_shape(r.lengths, &shape) ||
        !fill_addresses(addresses, elements(&shape, 0, shape.at), &r.address))
        return NULL;
    PyObject *tile = new_tile(state, recording, &r, &shape);
    PyMem_Free(r.address);
    return tile;
}

/* Whether the shape consists of plain integers: a subclass may mark the dimension that counts partitions. */
static bool is_of_numbers(PyObject *shape) {
    if (!PyTuple_CheckExact(shape) || PyTuple_GET_SIZE(shape) == 0) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shape); i++)
        if (!PyLong_CheckExact(PyTuple_GET_ITEM(shape, i))) return false;
    return true;
}

PyObject *nki_plain_tile(nki_state *state, PyObject *lengths, PyObject *dtype, PyObject *space,
                         PyObject *name, bool is_value) {
    if (!state->recording || !is_of_numbers(lengths) || !PyUnicode_CheckExact(name)) return NULL;
    request r = {.space = space == Py_None ? state->sbuf : space,
                 .lengths = lengths,
                 .name = name,
                 .is_value = is_value};
    if (r.space != state->sbuf && r.space != state->psum) return NULL;
    r.code = r.space == state->sbuf ? ts_nki_sbuf : ts_nki_psum;
    PyObject *code = PyDict_GetItemWithError(state->dtype_codes, dtype);
    if (!code) {
        PyErr_Clear(); /* raised by values without a hash */
        return NULL;
    }
    r.dtype = (int)PyLong_AsLong(code);
    tile_shape shape = {.at = 0};
    if (!fill_shape(lengths, &shape)) return NULL;
    return new_tile(state, (nki_recording *)state->recording, &r, &shape);
}
