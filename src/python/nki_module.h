/* The CPython extension behind trainstone.nki: its state and types. */
#ifndef TS_PYTHON_NKI_MODULE_H
#define TS_PYTHON_NKI_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#include "trainstone/nki.h"

/* What a view's dimension walks. */
typedef enum nki_walk { nki_free, nki_part, nki_block } nki_walk;

typedef struct nki_dim {
    int64_t step, count; /* elements; partitions; blocks */
    uint8_t walk;        /* nki_walk */
} nki_dim;

/* Elements of a tensor: trainstone.nki's tiles and HBM tensors are all views, also of themselves. */
typedef struct nki_view {
    PyObject_HEAD PyObject *tensor; /* what it is a view of (Python's record of name, shape and kernel) */
    PyObject *recording;            /* the kernel's run it belongs to */
    uint32_t handle;
    uint8_t space, dtype; /* ts_nki_space; code in the tables */
    uint8_t dims;
    int32_t part;   /* first partition */
    int64_t block;  /* first block */
    int64_t offset; /* bytes */
    nki_dim dim[TS_NKI_DIMS];
    PyObject *index;    /* view of i32 that dim[0] is looked up in, or NULL */
    int64_t index_step; /* elements */
} nki_view;

/* What a view is a view of. */
typedef struct nki_storage {
    PyObject_HEAD PyObject *name, *space, *shape, *dialect; /* space: Python's */
    PyObject *dtype, *handle, *role, *number, *source, *box, *again;
    char is_written, is_void;
} nki_storage;

/* A dozen locations of the kernel's source are asked for again and again. */
typedef struct nki_line {
    void *code;
    int place;    /* in the code */
    uint32_t loc; /* 0 = empty */
} nki_line;
enum { NKI_CODES = 512 };

typedef struct nki_recording {
    PyObject_HEAD ts_nki *nki;
    PyObject *device; /* capsule */
    PyObject *codes;  /* list: keeps the code objects in `lines` alive */
    PyObject *names;  /* dict: how often each was given out */
    PyObject *dialect;
    nki_line *lines; /* by hash; the room is a power of two */
    size_t line_room, line_count;
} nki_recording;

/* A line of a kernel's source. */
typedef struct nki_number {
    PyObject *code; /* owned */
    int place, number;
} nki_number;

typedef struct nki_state {
    PyTypeObject *view_type, *recording_type, *storage_type, *call_type;
    PyObject *view_class;          /* Python's subclass of view_type: what new views are */
    PyObject *dtypes;              /* list: Python's dtype by code */
    PyObject *dtype_codes;         /* dict: the codes of what kernels have asked for */
    PyObject *sbuf, *psum;         /* Python's spaces */
    PyObject *tile_word, *no_name; /* "tile": what those without a name are called */
    int f32;                       /* code */
    PyObject *error;               /* callable: (kind, message, op, where, remedy) -> exception */
    PyObject *internal;            /* str: source files under it are not the kernel's */
    PyObject *recording;           /* the one being made, or NULL */
    int *dtype_bytes;              /* by code */
    Py_ssize_t dtype_count;
    /* Code objects known to be internal, and to be the kernel's, by hash; owned, so that no other code can
       come to lie at a known address. */
    PyObject *internal_codes[NKI_CODES], *kernel_codes[NKI_CODES];
    nki_number numbers[NKI_CODES]; /* known ones, by hash of code and place */
} nki_state;

/* The fields of an instruction on their way to the library. */
enum { NKI_FIELDS = 16 };
typedef struct nki_emission {
    ts_nki_value value[NKI_FIELDS];
    ts_nki_view view[NKI_FIELDS], index[NKI_FIELDS];
} nki_emission;

extern struct PyModuleDef nki_module_def;
nki_state *nki_state_of(PyTypeObject *type);

extern PyType_Spec nki_view_spec, nki_recording_spec, nki_storage_spec, nki_call_spec;

/* A copy of the view without its own dimensions; new reference. */
nki_view *nki_view_like(nki_state *state, const nki_view *from);
nki_view *nki_view_new(nki_state *state, nki_recording *recording, PyObject *tensor, uint32_t handle,
                       int space, int dtype);
/* False, with an exception, when the view is none of this recording. `index` is storage for its index. */
bool nki_view_fill(const nki_view *view, ts_nki_view *out, ts_nki_view *index);
/* recording.unique(name): the name, with a number behind it from the second time on */
PyObject *nki_recording_unique(nki_recording *recording, PyObject *name);
/* recording.tile(space, its code, dtype, shape, at, is_value, addresses, part, name) -> view; dimension `at`
   of the shape walks partitions */
PyObject *nki_recording_tile(nki_recording *recording, PyObject *args);
/* A tile as most are asked for. NULL without an exception: Python has to sort out what is meant. */
PyObject *nki_plain_tile(nki_state *state, PyObject *lengths, PyObject *dtype, PyObject *space,
                         PyObject *name, bool is_value);
/* Records an instruction; None, or NULL with an exception. */
PyObject *nki_emit(nki_state *state, int op, int engine, const nki_emission *e, int fields);
PyObject *nki_module_call(PyObject *module, PyObject *args);
PyObject *nki_raise(nki_state *state, const ts_nki_error *error);
/* Number of the kernel's line that is being executed. */
uint32_t nki_current_line(nki_state *state, nki_recording *recording);

#endif
