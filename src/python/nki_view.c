/* Views of tensors in Python: shape, dtype and slicing, which kernels do several times per instruction. Index
   arrays, reshapes and the like are handled in Python, from the parts that a view exposes (`_parts`,
   `_with`). */
#include "python/nki_module.h"

#include <structmember.h>

static void view_dealloc(nki_view *view) {
    PyTypeObject *type = Py_TYPE(view);
    Py_XDECREF(view->tensor);
    Py_XDECREF(view->recording);
    Py_XDECREF(view->index);
    type->tp_free((PyObject *)view);
    Py_DECREF(type);
}

nki_view *nki_view_like(nki_state *state, const nki_view *from) {
    PyTypeObject *type = (PyTypeObject *)state->view_class;
    nki_view *view = (nki_view *)type->tp_alloc(type, 0);
    if (!view) return NULL;
    view->tensor = Py_NewRef(from->tensor);
    view->recording = Py_NewRef(from->recording);
    view->handle = from->handle;
    view->space = from->space;
    view->dtype = from->dtype;
    view->part = from->part;
    view->block = from->block;
    view->offset = from->offset;
    view->index = Py_XNewRef(from->index);
    view->index_step = from->index_step;
    return view;
}

nki_view *nki_view_new(nki_state *state, nki_recording *recording, PyObject *tensor, uint32_t handle,
                       int space, int dtype) {
    nki_view start = {.tensor = tensor,
                      .recording = (PyObject *)recording,
                      .handle = handle,
                      .space = (uint8_t)space,
                      .dtype = (uint8_t)dtype};
    return nki_view_like(state, &start);
}

static bool has_one_element(const ts_nki_view *view) {
    int64_t elems = view->parts;
    for (int i = 0; i < view->dims; i++)
        elems *= view->dim[i].count;
    return elems == 1;
}

/* Raises the error of an instruction that cannot take the view, and returns false. `message` has a %R for the
   view. */
static bool refuse(const nki_view *view, const char *message, const char *remedy, const char *rule) {
    PyObject *text = PyUnicode_FromFormat(message, view);
    PyObject *exception = text ? PyObject_CallFunction(nki_state_of(Py_TYPE(view))->error, "sOssss", "input",
                                                       text, "", "", remedy, rule)
                               : NULL;
    if (exception) PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    Py_XDECREF(text);
    return false;
}

bool nki_view_fill(const nki_view *view, ts_nki_view *out, ts_nki_view *index) {
    *out = (ts_nki_view){.buffer = view->handle,
                         .dtype = view->dtype,
                         .block = (uint32_t)view->block,
                         .part = view->part,
                         .parts = 1,
                         .offset = view->offset};
    for (int i = 0; i < view->dims; i++) {
        const nki_dim *dim = &view->dim[i];
        if (dim->walk == nki_free) {
            out->dim[out->dims++] = (ts_nki_dim){dim->step, dim->count};
        } else if (dim->walk == nki_part) {
            if (dim->step != 1 && dim->count != 1)
                return refuse(view, "%R takes partitions that are no neighbours, which no engine does",
                              "copy it with a DMA first", "");
            out->parts = (int32_t)dim->count;
            if (out->dims > 0)
                return refuse(view, "the partition dimension of %R does not come first",
                              "turn it with nisa.nc_transpose", "err_failed_to_infer_tile_from_local_tensor");
        } else if (dim->count != 1) {
            return refuse(view, "Failed to infer tile from tensor %R: it is an array of tiles",
                          "index the dimensions before the partition dimension",
                          "err_failed_to_infer_tile_from_local_tensor");
        }
    }
    if (!view->index || !index) return true;
    if (!nki_view_fill((const nki_view *)view->index, index, NULL)) return false;
    out->index = index;
    out->index_step = view->index_step;
    if (has_one_element(index)) { /* offset of all elements: adds a dimension that the view does not have */
        if (out->dims == TS_NKI_DIMS) {
            PyErr_SetString(PyExc_ValueError, "too many dimensions with an offset from a tile");
            return false;
        }
        memmove(out->dim + 1, out->dim, (size_t)out->dims++ * sizeof *out->dim);
        out->dim[0] = (ts_nki_dim){0, 1};
    }
    return true;
}

/* ---- slicing ---- */

static int fail_bounds(const nki_view *view, int dim, int64_t low, int64_t high) {
    PyObject *done =
        PyObject_CallMethod((PyObject *)view, "_out_of_bounds", "iLL", dim, (long long)low, (long long)high);
    Py_XDECREF(done);
    return -1;
}

static void move(nki_view *out, const nki_dim *dim, int64_t by, int bytes) {
    if (dim->walk == nki_part)
        out->part += (int32_t)(by * dim->step);
    else if (dim->walk == nki_block)
        out->block += by * dim->step;
    else
        out->offset += by * dim->step * bytes;
}

static int slice_dim(const nki_view *view, nki_view *out, int at, PyObject *key, int bytes) {
    const nki_dim *dim = &view->dim[at];
    Py_ssize_t start, stop, step, open_stop;
    if (PySlice_Unpack(key, &start, &stop, &step) < 0) return -1;
    open_stop = stop;
    if (step <= 0) {
        PyErr_SetString(PyExc_ValueError, "a slice's step must be positive");
        return -1;
    }
    bool is_open = ((PySliceObject *)key)->stop == Py_None;
    if (start < 0) start += dim->count;
    if (is_open)
        stop = dim->count;
    else if (stop < 0)
        stop = open_stop + dim->count;
    int64_t count = stop > start ? (stop - start + step - 1) / step : 0;
    if (count <= 0 || start < 0 || start + (count - 1) * step >= dim->count)
        return fail_bounds(view, at, start, stop - 1);
    move(out, dim, start, bytes);
    out->dim[out->dims++] = (nki_dim){dim->step * step, count, dim->walk};
    return 0;
}

static int pick_dim(const nki_view *view, nki_view *out, int at, PyObject *key, int bytes) {
    const nki_dim *dim = &view->dim[at];
    Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred()) return -1;
    int64_t index = i < 0 ? i + dim->count : i;
    if (index < 0 || index >= dim->count) return fail_bounds(view, at, i, i);
    move(out, dim, index, bytes);
    if (dim->walk == nki_part) out->dim[out->dims++] = (nki_dim){1, 1, nki_part};
    return 0;
}

/* Whether this file handles the key; Python handles all others. */
static bool is_plain(const nki_state *state, PyObject *key) {
    if (PyTuple_Check(key)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); i++) {
            PyObject *item = PyTuple_GET_ITEM(key, i);
            if (PyTuple_Check(item) || !is_plain(state, item)) return false;
        }
        return true;
    }
    if (PySlice_Check(key)) {
        PySliceObject *slice = (PySliceObject *)key;
        return (slice->start == Py_None || PyIndex_Check(slice->start)) &&
               (slice->stop == Py_None || PyIndex_Check(slice->stop)) &&
               (slice->step == Py_None || PyIndex_Check(slice->step));
    }
    if (key == Py_None || key == Py_Ellipsis) return true;
    if (PyBool_Check(key)) return false; /* a mask that was computed from Python numbers */
    return PyIndex_Check(key) && !PyObject_TypeCheck(key, state->view_type);
}

static int take(const nki_view *view, nki_view *out, PyObject **keys, Py_ssize_t count, int bytes) {
    Py_ssize_t used = 0, ellipses = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (keys[i] == Py_Ellipsis) ellipses++;
        if (keys[i] != Py_None && keys[i] != Py_Ellipsis) used++;
    }
    if (used > view->dims || ellipses > 1) {
        PyErr_Format(PyExc_IndexError, "%zd indices for a tensor of %d dimensions", used, (int)view->dims);
        return -1;
    }
    int at = 0;
    for (Py_ssize_t i = 0; i <= count; i++) {
        Py_ssize_t whole = 0;
        if (i == count)
            whole = view->dims - at;
        else if (keys[i] == Py_Ellipsis)
            whole = view->dims - used;
        if (out->dims + whole + 1 > TS_NKI_DIMS) {
            PyErr_SetString(PyExc_IndexError, "more than 8 dimensions");
            return -1;
        }
        for (; whole > 0; whole--)
            out->dim[out->dims++] = view->dim[at++];
        if (i == count || keys[i] == Py_Ellipsis) continue;
        if (keys[i] == Py_None)
            out->dim[out->dims++] = (nki_dim){1, 1, nki_free};
        else if ((PySlice_Check(keys[i]) ? slice_dim(view, out, at, keys[i], bytes)
                                         : pick_dim(view, out, at, keys[i], bytes)) < 0)
            return -1;
        else
            at++;
    }
    return 0;
}

/* Gives a tile a free dimension if it has none left: tiles keep a partition and a free dimension. */
static void keep_two(nki_view *out) {
    int first_free = 0;
    if (out->space == ts_nki_hbm) return;
    while (first_free < out->dims && out->dim[first_free].walk != nki_free)
        first_free++;
    if (first_free == out->dims && out->dims < TS_NKI_DIMS) out->dim[out->dims++] = (nki_dim){1, 1, nki_free};
}

/* For elements outside the tensor: the view that Python makes of them, or NULL with the error set before. */
static PyObject *beyond(nki_view *view, PyObject *key) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *made = PyObject_CallMethod((PyObject *)view, "_beyond", "(O)", key);
    if (made != Py_None) {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(trace);
        return made;
    }
    Py_DECREF(made);
    PyErr_Restore(type, value, trace);
    return NULL;
}

static PyObject *view_subscript(nki_view *view, PyObject *key) {
    nki_state *state = nki_state_of(Py_TYPE(view));
    if (!state) return NULL;
    if (!is_plain(state, key) || view->index)
        return PyObject_CallMethod((PyObject *)view, "_index", "(O)", key);
    nki_view *out = nki_view_like(state, view);
    if (!out) return NULL;
    int bytes = state->dtype_bytes[view->dtype];
    int status = PyTuple_Check(key) ? take(view, out, &PyTuple_GET_ITEM(key, 0), PyTuple_GET_SIZE(key), bytes)
                                    : take(view, out, &key, 1, bytes);
    if (status < 0) {
        Py_DECREF(out);
        return PyErr_ExceptionMatches(PyExc_IndexError) ? beyond(view, key) : NULL;
    }
    keep_two(out);
    return (PyObject *)out;
}

/* ---- parts ---- */

static PyObject *get_shape(nki_view *view, void *context) {
    (void)context;
    PyObject *shape = PyTuple_New(view->dims);
    for (int i = 0; shape && i < view->dims; i++)
        PyTuple_SET_ITEM(shape, i, PyLong_FromLongLong(view->dim[i].count));
    return shape;
}

static PyObject *get_dtype(nki_view *view, void *context) {
    (void)context;
    nki_state *state = nki_state_of(Py_TYPE(view));
    return state ? Py_NewRef(PyList_GET_ITEM(state->dtypes, view->dtype)) : NULL;
}

static PyObject *get_ndim(nki_view *view, void *context) {
    (void)context;
    return PyLong_FromLong(view->dims);
}

static PyObject *get_index(nki_view *view, void *context) {
    (void)context;
    return Py_NewRef(view->index ? view->index : Py_None);
}

/* ((step, count, walk), ...) */
static PyObject *get_dims(nki_view *view, void *context) {
    (void)context;
    PyObject *dims = PyTuple_New(view->dims);
    for (int i = 0; dims && i < view->dims; i++) {
        const nki_dim *dim = &view->dim[i];
        PyTuple_SET_ITEM(dims, i,
                         Py_BuildValue("(LLi)", (long long)dim->step, (long long)dim->count, dim->walk));
    }
    return dims;
}

static int set_dims(nki_view *view, PyObject *dims) {
    PyObject *fast = PySequence_Fast(dims, "dims must be a sequence");
    if (!fast) return -1;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(fast);
    if (count > TS_NKI_DIMS) {
        PyErr_SetString(PyExc_ValueError, "more than 8 dimensions");
        Py_DECREF(fast);
        return -1;
    }
    view->dims = (uint8_t)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        long long step, length;
        int walk;
        if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(fast, i), "LLi", &step, &length, &walk)) {
            Py_DECREF(fast);
            return -1;
        }
        view->dim[i] = (nki_dim){step, length, (uint8_t)walk};
    }
    Py_DECREF(fast);
    return 0;
}

/* _with(dims, offset=, part=, block=, dtype=, index=, index_step=): the view with other parts. */
static PyObject *view_with(nki_view *view, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"dims", "offset", "part", "block", "dtype", "index", "index_step", NULL};
    nki_state *state = nki_state_of(Py_TYPE(view));
    PyObject *dims, *index = NULL;
    long long offset = view->offset, block = view->block, index_step = view->index_step;
    int part = view->part, dtype = view->dtype;
    if (!state || !PyArg_ParseTupleAndKeywords(args, kwargs, "O|LiLiOL", names, &dims, &offset, &part, &block,
                                               &dtype, &index, &index_step))
        return NULL;
    if (index && index != Py_None && !PyObject_TypeCheck(index, state->view_type))
        return PyErr_Format(PyExc_TypeError, "index must be a tile");
    nki_view *out = nki_view_like(state, view);
    if (!out) return NULL;
    out->offset = offset;
    out->part = part;
    out->block = block;
    out->dtype = (uint8_t)dtype;
    out->index_step = index_step;
    if (index) Py_XSETREF(out->index, index == Py_None ? NULL : Py_NewRef(index));
    if (set_dims(out, dims) < 0) {
        Py_DECREF(out);
        return NULL;
    }
    return (PyObject *)out;
}

/* Whether two views are the same elements in the same order. */
static PyObject *view_is_same(nki_view *a, PyObject *other) {
    nki_state *state = nki_state_of(Py_TYPE(a));
    if (!state || !PyObject_TypeCheck(other, state->view_type)) Py_RETURN_FALSE;
    const nki_view *b = (const nki_view *)other;
    bool same = a->handle == b->handle && a->recording == b->recording && a->offset == b->offset &&
                a->part == b->part && a->block == b->block && a->dtype == b->dtype && a->dims == b->dims &&
                a->index == b->index;
    for (int i = 0; same && i < a->dims; i++)
        same = a->dim[i].step == b->dim[i].step && a->dim[i].count == b->dim[i].count &&
               a->dim[i].walk == b->dim[i].walk;
    return PyBool_FromLong(same);
}

static PyMemberDef members[] = {
    {"tensor", T_OBJECT_EX, offsetof(nki_view, tensor), READONLY, "what this is a view of"},
    {"_recording", T_OBJECT_EX, offsetof(nki_view, recording), READONLY, NULL},
    {"_handle", T_UINT, offsetof(nki_view, handle), READONLY, NULL},
    {"_space", T_UBYTE, offsetof(nki_view, space), READONLY, NULL},
    {"_dtype", T_UBYTE, offsetof(nki_view, dtype), READONLY, NULL},
    {"_part", T_INT, offsetof(nki_view, part), READONLY, NULL},
    {"_block", T_LONGLONG, offsetof(nki_view, block), READONLY, NULL},
    {"_offset", T_LONGLONG, offsetof(nki_view, offset), READONLY, NULL},
    {"_index_step", T_LONGLONG, offsetof(nki_view, index_step), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"shape", (getter)get_shape, NULL, NULL, NULL},       {"dtype", (getter)get_dtype, NULL, NULL, NULL},
    {"ndim", (getter)get_ndim, NULL, NULL, NULL},         {"_dims", (getter)get_dims, NULL, NULL, NULL},
    {"_index_view", (getter)get_index, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"_with", (PyCFunction)(void (*)(void))view_with, METH_VARARGS | METH_KEYWORDS, NULL},
    {"_is_same", (PyCFunction)view_is_same, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_members, members},
    {Py_tp_getset, getters},
    {Py_tp_methods, methods},
    {Py_mp_subscript, view_subscript},
    {Py_tp_doc, "Elements of a tile or of a tensor in HBM."},
    {0, NULL},
};
PyType_Spec nki_view_spec = {.name = "trainstone.nki.View",
                             .basicsize = sizeof(nki_view),
                             .flags =
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             .slots = slots};
