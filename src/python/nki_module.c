/* The extension module _nki: opens the device and records instructions. emit() records any row of isa.def;
   its arguments are the row's fields in their order. */
#include "python/nki_module.h"

nki_state *nki_state_of(PyTypeObject *type) {
    PyObject *module = PyType_GetModuleByDef(type, &nki_module_def);
    return module ? PyModule_GetState(module) : NULL;
}

static void close_device(PyObject *capsule) {
    ts_nki_close(PyCapsule_GetPointer(capsule, "trainstone.nki.device"));
}

/* open(chip or None, cores) */
static PyObject *module_open(PyObject *module, PyObject *args) {
    ts_nki_error error = {0};
    const char *name;
    int cores;
    if (!PyArg_ParseTuple(args, "zi", &name, &cores)) return NULL;
    ts_nki_device *device = ts_nki_open(name, cores, &error);
    if (!device) return nki_raise(PyModule_GetState(module), &error);
    return PyCapsule_New(device, "trainstone.nki.device", close_device);
}

static PyObject *module_tables(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    size_t size = ts_nki_tables(NULL, 0);
    char *text = PyMem_Malloc(size + 1);
    if (!text) return PyErr_NoMemory();
    ts_nki_tables(text, size + 1);
    PyObject *string = PyUnicode_FromStringAndSize(text, (Py_ssize_t)size);
    PyMem_Free(text);
    return string;
}

static PyObject *module_chip_value(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    const char *name;
    if (!PyArg_ParseTuple(args, "Os", &capsule, &name)) return NULL;
    ts_nki_device *device = PyCapsule_GetPointer(capsule, "trainstone.nki.device");
    return device ? PyFloat_FromDouble(ts_nki_chip_value(device, name)) : NULL;
}

/* setup(view class, dtypes, bytes of each, codes by what may stand for a dtype, code of fp32, spaces sbuf and
   psum, error callable, the package's folder) */
static PyObject *module_setup(PyObject *module, PyObject *args) {
    nki_state *state = PyModule_GetState(module);
    PyObject *class, *dtypes, *bytes, *codes, *sbuf, *psum, *error, *internal;
    if (!PyArg_ParseTuple(args, "OO!O!O!iOOOU", &class, &PyList_Type, &dtypes, &PyList_Type, &bytes,
                          &PyDict_Type, &codes, &state->f32, &sbuf, &psum, &error, &internal))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(bytes);
    int *sizes = PyMem_Calloc((size_t)count + 1, sizeof *sizes);
    if (!sizes) return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++)
        sizes[i] = (int)PyLong_AsLong(PyList_GET_ITEM(bytes, i));
    PyMem_Free(state->dtype_bytes);
    state->dtype_bytes = sizes;
    state->dtype_count = count;
    Py_XSETREF(state->view_class, Py_NewRef(class));
    Py_XSETREF(state->dtypes, Py_NewRef(dtypes));
    Py_XSETREF(state->dtype_codes, Py_NewRef(codes));
    Py_XSETREF(state->sbuf, Py_NewRef(sbuf));
    Py_XSETREF(state->psum, Py_NewRef(psum));
    Py_XSETREF(state->error, Py_NewRef(error));
    Py_XSETREF(state->internal, Py_NewRef(internal));
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
}

/* enter(recording): makes a recording the current one and returns the previous one. */
static PyObject *module_enter(PyObject *module, PyObject *recording) {
    nki_state *state = PyModule_GetState(module);
    PyObject *before = state->recording ? state->recording : Py_NewRef(Py_None);
    state->recording = recording == Py_None ? NULL : Py_NewRef(recording);
    return before;
}

/* ---- emit ---- */

static bool fill_steps(PyObject *steps, ts_nki_value *value) {
    Py_ssize_t count = PyTuple_GET_SIZE(steps);
    value->kind = ts_nki_steps;
    memset(value->step, 0, sizeof value->step);
    for (Py_ssize_t i = 0; i < count && i < 32; i++)
        value->step[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(steps, i));
    return !PyErr_Occurred();
}

static bool fill_value(nki_state *state, PyObject *item, nki_emission *e, Py_ssize_t i) {
    ts_nki_value *value = &e->value[i];
    value->kind = ts_nki_none;
    if (item == Py_None) return true;
    if (PyObject_TypeCheck(item, state->view_type)) {
        const nki_view *view = (const nki_view *)item;
        if (view->recording != state->recording) {
            PyErr_SetString(PyExc_RuntimeError, "this tile belongs to a kernel's run that has ended");
            return false;
        }
        value->kind = ts_nki_tensor;
        value->view = &e->view[i];
        return nki_view_fill(view, &e->view[i], &e->index[i]);
    }
    if (PyTuple_Check(item)) return fill_steps(item, value);
    value->kind = ts_nki_number;
    value->number = PyFloat_AsDouble(item);
    return !(value->number == -1 && PyErr_Occurred());
}

PyObject *nki_emit(nki_state *state, int op, int engine, const nki_emission *e, int fields) {
    nki_recording *recording = (nki_recording *)state->recording;
    ts_nki_error error;
    error.message[0] = 0;
    if (ts_nki_emit(recording->nki, op, engine, e->value, fields, nki_current_line(state, recording), &error))
        return nki_raise(state, &error);
    Py_RETURN_NONE;
}

/* emit(op, engine, field, ...) */
static PyObject *module_emit(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    nki_state *state = PyModule_GetState(module);
    nki_emission e;
    if (!state->recording) {
        PyErr_SetString(PyExc_RuntimeError, "Calling NKI API outside of NKI kernels is not supported "
                                            "(err_nki_api_outside_of_nki_kernel): decorate the function with "
                                            "@nki.jit and call that");
        return NULL;
    }
    if (count < 2 || count > NKI_FIELDS + 2)
        return PyErr_Format(PyExc_TypeError, "emit(op, engine, field...)");
    for (Py_ssize_t i = 2; i < count; i++)
        if (!fill_value(state, args[i], &e, i - 2)) return NULL;
    long op = PyLong_AsLong(args[0]), engine = PyLong_AsLong(args[1]);
    if (PyErr_Occurred()) return NULL;
    return nki_emit(state, (int)op, (int)engine, &e, (int)count - 2);
}

/* tile(shape, dtype, space, name, is_value): a tile, or None when Python must handle the call. */
static PyObject *module_tile(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    if (count != 5) return PyErr_Format(PyExc_TypeError, "tile(shape, dtype, space, name, is_value)");
    PyObject *tile =
        nki_plain_tile(PyModule_GetState(module), args[0], args[1], args[2], args[3], args[4] == Py_True);
    return tile || PyErr_Occurred() ? tile : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"open", module_open, METH_VARARGS, NULL},
    {"tables", module_tables, METH_NOARGS, NULL},
    {"chip_value", module_chip_value, METH_VARARGS, NULL},
    {"setup", module_setup, METH_VARARGS, NULL},
    {"enter", module_enter, METH_O, NULL},
    {"emit", (PyCFunction)(void (*)(void))module_emit, METH_FASTCALL, NULL},
    {"tile", (PyCFunction)(void (*)(void))module_tile, METH_FASTCALL, NULL},
    {"call", nki_module_call, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module) {
    nki_state *state = PyModule_GetState(module);
    state->view_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &nki_view_spec, NULL);
    state->recording_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &nki_recording_spec, NULL);
    state->storage_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &nki_storage_spec, NULL);
    state->call_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &nki_call_spec, NULL);
    state->tile_word = PyUnicode_InternFromString("tile");
    state->no_name = PyUnicode_InternFromString("");
    if (!state->view_type || !state->recording_type || !state->storage_type || !state->call_type) return -1;
    if (!state->tile_word || !state->no_name) return -1;
    state->view_class = Py_NewRef(state->view_type);
    return PyModule_AddType(module, state->view_type) < 0 ||
                   PyModule_AddType(module, state->recording_type) < 0 ||
                   PyModule_AddType(module, state->storage_type) < 0
               ? -1
               : 0;
}

static void module_free(void *module) {
    nki_state *state = PyModule_GetState((PyObject *)module);
    if (!state) return;
    Py_CLEAR(state->view_class);
    Py_CLEAR(state->dtypes);
    Py_CLEAR(state->dtype_codes);
    Py_CLEAR(state->sbuf);
    Py_CLEAR(state->psum);
    Py_CLEAR(state->tile_word);
    Py_CLEAR(state->no_name);
    Py_CLEAR(state->error);
    Py_CLEAR(state->internal);
    Py_CLEAR(state->recording);
    for (int i = 0; i < NKI_CODES; i++) {
        Py_CLEAR(state->internal_codes[i]);
        Py_CLEAR(state->kernel_codes[i]);
        Py_CLEAR(state->numbers[i].code);
    }
    Py_CLEAR(state->view_type);
    Py_CLEAR(state->recording_type);
    Py_CLEAR(state->storage_type);
    Py_CLEAR(state->call_type);
    PyMem_Free(state->dtype_bytes);
    state->dtype_bytes = NULL;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
struct PyModuleDef nki_module_def = {.m_base = PyModuleDef_HEAD_INIT,
                                     .m_name = "_nki",
                                     .m_doc = "What trainstone.nki records kernels with.",
                                     .m_size = sizeof(nki_state),
                                     .m_methods = methods,
                                     .m_slots = slots,
                                     .m_free = module_free};

PyMODINIT_FUNC PyInit__nki(void);
PyMODINIT_FUNC PyInit__nki(void) {
    return PyModuleDef_Init(&nki_module_def);
}
