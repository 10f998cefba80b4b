/* The CPython extension behind trainstone.nki: its state and types. */
#ifndef TS_PYTHON_NKI_MODULE_H
#define TS_PYTHON_NKI_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#include "trainstone/nki.h"

/* What a dimension of a view counts. */
typedef enum nki_walk { nki_free, nki_part, nki_block } nki_walk;

typedef struct nki_dim {
    int64_t step, count; /* in elements, partitions or blocks, according to `walk` */
    uint8_t walk;        /* nki_walk */
} nki_dim;

/* A set of elements of a tensor. Tiles and HBM tensors of trainstone.nki are views as well, of themselves. */
typedef struct nki_view {
    PyObject_HEAD PyObject *tensor; /* the storage it is a view of */
    PyObject *recording;            /* the recording it belongs to */
    uint32_t handle;
    uint8_t space, dtype; /* ts_nki_space; dtype code of ts_nki_tables */
    uint8_t dims;
    int32_t part;   /* first partition */
    int64_t block;  /* first block */
    int64_t offset; /* in bytes */
    nki_dim dim[TS_NKI_DIMS];
    PyObject *index;    /* view of the i32 index of dim[0], or NULL */
    int64_t index_step; /* in elements */
} nki_view;

/* The tensor or tile behind views: its name, shape and kernel, for Python. */
typedef struct nki_storage {
    PyObject_HEAD PyObject *name, *space, *shape, *dialect; /* space: Python's object */
    PyObject *dtype, *handle, *role, *number, *source, *where, *box, *again;
    char is_written, is_void;
} nki_storage;

/* A location in the kernel's source with its number; a kernel uses the same few over and over. */
typedef struct nki_line {
    void *code;
    int place;    /* byte offset of the instruction in the code */
    uint32_t loc; /* 0: empty */
} nki_line;
enum { NKI_CODES = 512 };

typedef struct nki_recording {
    PyObject_HEAD ts_nki *nki;
    PyObject *device; /* capsule of the ts_nki_device */
    PyObject *codes;  /* list of the code objects in `lines`, to keep them alive */
    PyObject *names;  /* dict: how often each name was given out */
    PyObject *dialect;
    nki_line *lines; /* hash table; its size is a power of two */
    size_t line_room, line_count;
} nki_recording;

/* The line number of a place in a code object. */
typedef struct nki_number {
    PyObject *code; /* owned */
    int place, number;
} nki_number;

typedef struct nki_state {
    PyTypeObject *view_type, *recording_type, *storage_type, *call_type;
    PyObject *view_class;          /* Python's subclass of view_type, of which new views are */
    PyObject *dtypes;              /* list: Python's dtype for each code */
    PyObject *dtype_codes;         /* dict: the codes of what kernels passed as a dtype */
    PyObject *sbuf, *psum;         /* Python's space objects */
    PyObject *tile_word, *no_name; /* "tile", the name of tiles without one */
    int f32;                       /* dtype code */
    PyObject *error;               /* callable (kind, message, op, where, remedy, rule) -> exception */
    PyObject *internal;            /* str: folder of source files that are not a kernel's */
    PyObject *recording;           /* the current one, or NULL */
    int *dtype_bytes;              /* for each code */
    Py_ssize_t dtype_count;
    /* Hash tables of code objects known to belong to this package, and to kernels. They are owned, so that no
       other code object can get a known address. */
    PyObject *internal_codes[NKI_CODES], *kernel_codes[NKI_CODES];
    nki_number numbers[NKI_CODES]; /* known line numbers, by hash of code and place */
} nki_state;

/* The fields of an instruction, on their way to the library. */
enum { NKI_FIELDS = 16 };
typedef struct nki_emission {
    ts_nki_value value[NKI_FIELDS];
    ts_nki_view view[NKI_FIELDS], index[NKI_FIELDS];
} nki_emission;

extern struct PyModuleDef nki_module_def;
nki_state *nki_state_of(PyTypeObject *type);

extern PyType_Spec nki_view_spec, nki_recording_spec, nki_storage_spec, nki_call_spec;

/* A copy of the view without its dimensions; a new reference. */
nki_view *nki_view_like(nki_state *state, const nki_view *from);
nki_view *nki_view_new(nki_state *state, nki_recording *recording, PyObject *tensor, uint32_t handle,
                       int space, int dtype);
/* Fills the library's form of a view. False, with an exception, when the view does not belong to this
   recording. `index` is storage for the view's index. */
bool nki_view_fill(const nki_view *view, ts_nki_view *out, ts_nki_view *index);
/* recording.unique(name): the name, with a number appended from the second time on. */
PyObject *nki_recording_unique(nki_recording *recording, PyObject *name);
/* recording.tile(space, its code, dtype, shape, at, is_value, addresses, part, name) -> view. Dimension `at`
   of the shape counts partitions. */
PyObject *nki_recording_tile(nki_recording *recording, PyObject *args);
/* Makes a tile from the usual kinds of arguments. NULL without an exception: Python must handle the call. */
PyObject *nki_plain_tile(nki_state *state, PyObject *lengths, PyObject *dtype, PyObject *space,
                         PyObject *name, bool is_value);
/* Records an instruction. Returns None, or NULL with an exception. */
PyObject *nki_emit(nki_state *state, int op, int engine, const nki_emission *e, int fields);
PyObject *nki_module_call(PyObject *module, PyObject *args);
PyObject *nki_raise(nki_state *state, const ts_nki_error *error);
/* Number of the kernel's line that is being executed. */
uint32_t nki_current_line(nki_state *state, nki_recording *recording);

#endif
