/* Calls of nki.isa and nki.language handled without Python. Arguments of the usual kinds are processed here;
   any other call goes to the Python function, which handles it or raises the error. */
#include "python/nki_module.h"

#include <structmember.h>

enum { MOST_PARAMETERS = 16 };

/* The kinds of arguments that a parameter takes here. */
typedef enum taken {
    take_tile,      /* a view of an on-chip tile */
    take_optional,  /* such a view, or None */
    take_reduced,   /* such a view, or None; the next field says which, as ts_cmd (arch/isa.h) */
    take_transfer,  /* a view that a DMA can reach: not in PSUM */
    take_written,   /* such a view, which is written */
    take_number,    /* int or float */
    take_column,    /* int or float, or a view of fp32 on chip */
    take_code,      /* a key of `codes` */
    take_flag,      /* bool */
    take_last_axis, /* the last axis of two-dimensional tiles, reduced to one element per partition */
    take_anything,
    take_nothing, /* must be omitted or None */
    TAKE_COUNT
} taken;

static const char *const taken_names[TAKE_COUNT] = {"tile",    "optional",  "reduced",  "transfer",
                                                    "written", "number",    "column",   "code",
                                                    "flag",    "last axis", "anything", "nothing"};

typedef struct parameter {
    PyObject *name; /* interned */
    taken taken;
    int field;       /* of the instruction's row */
    bool is_needed;  /* if not, an omitted parameter leaves the field at the call's own value */
    PyObject *codes; /* dict, or NULL */
} parameter;

typedef struct nki_call {
    PyObject_HEAD vectorcallfunc vectorcall;
    PyObject *function, *state; /* state: the module, which lives as long */
    int op, engine;             /* op -1: the call allocates a tile */
    int fields, count;
    double number[NKI_FIELDS]; /* values of fields whose parameter does not exist or is omitted */
    bool is_number[NKI_FIELDS];
    parameter parameter[MOST_PARAMETERS];
} nki_call;

/* ---- arguments ---- */

static int place_of(const nki_call *call, PyObject *name) {
    for (int i = 0; i < call->count; i++)
        if (call->parameter[i].name == name) return i;
    return -1;
}

/* Sorts the arguments by parameter. False: Python must handle the call. */
static bool sort_arguments(const nki_call *call, PyObject *const *args, Py_ssize_t count, PyObject *names,
                           PyObject **given) {
    if (count > call->count) return false;
    memset(given, 0, (size_t)call->count * sizeof *given);
    memcpy(given, args, (size_t)count * sizeof *given);
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); i++) {
        const int place = place_of(call, PyTuple_GET_ITEM(names, i));
        if (place < 0 || given[place]) return false;
        given[place] = args[count + i];
    }
    return true;
}

static const nki_view *tile_of(const nki_state *state, PyObject *item) {
    const nki_view *view = (const nki_view *)item;
    bool is_view = (PyObject *)Py_TYPE(item) == state->view_class && view->recording == state->recording;
    return is_view ? view : NULL;
}

static bool is_one_a_partition(const nki_view *view) {
    return view->dims == 2 && view->dim[1].count == 1;
}

/* Whether `data` is reduced along its last dimension into `dst`, both of two dimensions. */
static bool is_last_axis(const nki_call *call, PyObject *const *given, PyObject *axis) {
    for (int i = 0; i < call->count; i++) {
        if (call->parameter[i].taken != take_tile) continue;
        const nki_view *view = (const nki_view *)given[i];
        if (call->parameter[i].field == 0 ? !is_one_a_partition(view) : view->dims != 2) return false;
    }
    return PyLong_CheckExact(axis) && PyLong_AsLong(axis) == 1;
}

/* 1: taken; 0: Python must handle the call; -1: an exception. */
static int take_view(const nki_state *state, PyObject *item, nki_emission *e, int field, bool is_transfer) {
    enum { MOST_DIMS = 5 }; /* of an instruction's operand */
    const nki_view *view = tile_of(state, item);
    if (!view || view->dims > MOST_DIMS || view->space == (is_transfer ? ts_nki_psum : ts_nki_hbm)) return 0;
    e->value[field].kind = ts_nki_tensor;
    e->value[field].view = &e->view[field];
    return nki_view_fill(view, &e->view[field], &e->index[field]) ? 1 : -1;
}

static int take_real(PyObject *item, nki_emission *e, int field) {
    if (!PyFloat_CheckExact(item) && !PyLong_CheckExact(item)) return 0;
    e->value[field].kind = ts_nki_number;
    e->value[field].number = PyFloat_AsDouble(item);
    return e->value[field].number == -1 && PyErr_Occurred() ? -1 : 1;
}

static int take_argument(const nki_call *call, const nki_state *state, PyObject *const *given, int i,
                         nki_emission *e) {
    enum { RESET_REDUCE = 2 };
    const parameter *p = &call->parameter[i];
    PyObject *item = given[i], *code;
    switch (p->taken) {
    case take_reduced:
        if (item != Py_None) e->value[p->field + 1].number = RESET_REDUCE; /* its kind is set already */
        /* fall through */
    case take_optional: return item == Py_None ? 1 : take_view(state, item, e, p->field, false);
    case take_tile: return take_view(state, item, e, p->field, false);
    case take_written:
    case take_transfer: return take_view(state, item, e, p->field, true);
    case take_column:
        if ((PyObject *)Py_TYPE(item) != state->view_class) return take_real(item, e, p->field);
        return ((const nki_view *)item)->dtype == state->f32 ? take_view(state, item, e, p->field, false) : 0;
    case take_number: return take_real(item, e, p->field);
    case take_code:
        if (item == Py_None && !p->is_needed) return 1;
        code = PyDict_GetItemWithError(p->codes, item);
        PyErr_Clear(); /* raised by values without a hash */
        return code ? take_real(code, e, p->field) : 0;
    case take_flag:
        if (!PyBool_Check(item)) return 0;
        e->value[p->field].kind = ts_nki_number;
        e->value[p->field].number = item == Py_True;
        return 1;
    case take_last_axis: return is_last_axis(call, given, item);
    case take_nothing: return item == Py_None;
    default: return 1;
    }
}

/* ---- the two kinds of calls ---- */

static int take_all(const nki_call *call, const nki_state *state, PyObject *const *given, nki_emission *e) {
    for (int i = 0; i < call->fields; i++) {
        e->value[i].kind = call->is_number[i] ? ts_nki_number : ts_nki_none;
        e->value[i].number = call->number[i];
    }
    for (int i = 0; i < call->count; i++) {
        if (!given[i] && call->parameter[i].is_needed) return 0;
        const int status = given[i] ? take_argument(call, state, given, i, e) : 1;
        if (status <= 0) return status;
    }
    return 1;
}

static void note_written(const nki_call *call, PyObject *const *given) {
    for (int i = 0; i < call->count; i++)
        if (call->parameter[i].taken == take_written)
            ((nki_storage *)((const nki_view *)given[i])->tensor)->is_written = true;
}

/* NULL without an exception: Python must handle the call. */
static PyObject *emit(const nki_call *call, nki_state *state, PyObject *const *given) {
    nki_emission e;
    if (!state->recording || take_all(call, state, given, &e) <= 0) return NULL;
    note_written(call, given);
    return nki_emit(state, call->op, call->engine, &e, call->fields);
}

static PyObject *allocate(nki_state *state, PyObject *const *given) {
    enum { SHAPE, DTYPE, SPACE, NAME, ADDRESS };
    if (!given[SHAPE] || !given[DTYPE] || (given[ADDRESS] && given[ADDRESS] != Py_None)) return NULL;
    return nki_plain_tile(state, given[SHAPE], given[DTYPE], given[SPACE] ? given[SPACE] : Py_None,
                          given[NAME] ? given[NAME] : state->no_name, false);
}

static PyObject *call_vectorcall(PyObject *callable, PyObject *const *args, size_t flags, PyObject *names) {
    const nki_call *call = (const nki_call *)callable;
    nki_state *state = PyModule_GetState(call->state);
    PyObject *given[MOST_PARAMETERS], *done = NULL;
    if (sort_arguments(call, args, PyVectorcall_NARGS(flags), names, given))
        done = call->op < 0 ? allocate(state, given) : emit(call, state, given);
    if (done || PyErr_Occurred()) return done;
    return PyObject_Vectorcall(call->function, args, flags, names);
}

/* ---- the object ---- */

static bool set_parameter(nki_call *call, PyObject *row) {
    parameter *p = &call->parameter[call->count];
    const char *word;
    PyObject *codes;
    int is_needed;
    if (!PyArg_ParseTuple(row, "UsipO", &p->name, &word, &p->field, &is_needed, &codes)) return false;
    for (p->taken = 0; p->taken < TAKE_COUNT && strcmp(taken_names[p->taken], word) != 0;)
        p->taken++;
    if (p->taken == TAKE_COUNT || p->field >= call->fields + (call->op < 0)) {
        PyErr_Format(PyExc_ValueError, "a parameter takes no %s, or has no field %d", word, p->field);
        return false;
    }
    p->is_needed = is_needed;
    p->codes = codes == Py_None ? NULL : Py_NewRef(codes);
    Py_INCREF(p->name);
    PyUnicode_InternInPlace(&p->name);
    call->count++;
    return true;
}

static bool set_fields(nki_call *call, PyObject *values) {
    call->fields = (int)PyTuple_GET_SIZE(values);
    for (int i = 0; i < call->fields && i < NKI_FIELDS; i++) {
        PyObject *value = PyTuple_GET_ITEM(values, i);
        call->is_number[i] = value != Py_None;
        if (call->is_number[i]) call->number[i] = PyFloat_AsDouble(value);
    }
    return !PyErr_Occurred();
}

/* call(function, op, engine, field values, ((name, what it takes, field, is needed, codes), ...)) */
PyObject *nki_module_call(PyObject *module, PyObject *args) {
    nki_state *state = PyModule_GetState(module);
    PyObject *function, *values, *parameters;
    int op, engine;
    if (!PyArg_ParseTuple(args, "OiiO!O!", &function, &op, &engine, &PyTuple_Type, &values, &PyTuple_Type,
                          &parameters))
        return NULL;
    if (PyTuple_GET_SIZE(values) > NKI_FIELDS || PyTuple_GET_SIZE(parameters) > MOST_PARAMETERS)
        return PyErr_Format(PyExc_ValueError, "too many fields or parameters");
    nki_call *call = (nki_call *)state->call_type->tp_alloc(state->call_type, 0);
    if (!call) return NULL;
    call->vectorcall = call_vectorcall;
    call->function = Py_NewRef(function);
    call->state = Py_NewRef(module);
    call->op = op;
    call->engine = engine;
    bool is_set = set_fields(call, values);
    for (Py_ssize_t i = 0; is_set && i < PyTuple_GET_SIZE(parameters); i++)
        is_set = set_parameter(call, PyTuple_GET_ITEM(parameters, i));
    if (is_set) return (PyObject *)call;
    Py_DECREF(call);
    return NULL;
}

static void call_dealloc(nki_call *call) {
    PyTypeObject *type = Py_TYPE(call);
    for (int i = 0; i < call->count; i++) {
        Py_XDECREF(call->parameter[i].name);
        Py_XDECREF(call->parameter[i].codes);
    }
    Py_XDECREF(call->function);
    Py_XDECREF(call->state);
    type->tp_free((PyObject *)call);
    Py_DECREF(type);
}

/* All attributes, such as name, signature and documentation, are those of the Python function. */
static PyObject *call_getattro(nki_call *call, PyObject *name) {
    return PyObject_GetAttr(call->function, name);
}

static PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(nki_call, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, call_dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_getattro, call_getattro},
    {Py_tp_members, members},
    {Py_tp_doc, "A function of nki.isa or nki.language with a short way to the library."},
    {0, NULL},
};
PyType_Spec nki_call_spec = {.name = "trainstone.nki.Call",
                             .basicsize = sizeof(nki_call),
                             .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL |
                                      Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             .slots = slots};
