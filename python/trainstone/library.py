"""libtrainstone.so: finding and loading it, and calls of its C interface."""

import ctypes
import functools
import json
import os
import pathlib

NAME = "libtrainstone.so"


def path():
    """The library's path: $TRAINSTONE_LIBRARY, or beside this package, or in the build folder of the checkout.

    Raises FileNotFoundError, with a remedy, when there is none.
    """
    given = os.environ.get("TRAINSTONE_LIBRARY")
    if given:
        if not os.path.isfile(given):
            raise FileNotFoundError(f"TRAINSTONE_LIBRARY names {given}, which is no file; correct it or unset it")
        return pathlib.Path(given).resolve()
    here = pathlib.Path(__file__).resolve().parent
    places = (here / NAME, here.parents[1] / "build" / NAME)
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(f"{NAME} is not at {places[1]}: run `make` in {here.parents[1]}, "
                            "or set TRAINSTONE_LIBRARY to the library's path")


@functools.cache
def load():
    """The library, loaded once: loading it again gives the one that JAX uses."""
    library = ctypes.CDLL(str(path()))
    library.ts_version.restype = ctypes.c_char_p
    library.ts_last_run_json.restype = ctypes.c_size_t
    library.ts_last_run_json.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
    library.ts_count_runs.restype = None
    library.ts_runs_json.restype = ctypes.c_size_t
    library.ts_runs_json.argtypes = (ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    library.ts_status_json.restype = ctypes.c_size_t
    library.ts_status_json.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
    library.ts_cancel.restype = None
    library.ts_on_host_call.restype = None
    library.ts_host_runs.restype = ctypes.c_int
    return library


def version():
    """The library's version, such as "0.1.0"."""
    return load().ts_version().decode()


def _text(call, *arguments):
    """The text that a call writes into a buffer; the call returns the text's length. None when the length is 0."""
    size = call(*arguments, None, 0)
    while size:
        buffer = ctypes.create_string_buffer(size + 1)
        written = call(*arguments, buffer, size + 1)
        if written <= size:  # false if another thread made the text longer in between
            return buffer.value.decode() if written else None
        size = written
    return None


def last_run_json():
    """The record of the latest program that ran on Trainstone in this process, as JSON text; None before the first."""
    return _text(load().ts_last_run_json)


def count_runs():
    """From now on keeps every program that runs, for runs()."""
    load().ts_count_runs()


def runs():
    """A list, in the order of first runs, of (number of runs, record) for the programs that ran since count_runs(). A
    record is as in last_run, or {"error": reason} when the clock failed."""
    found = []
    while text := _text(load().ts_runs_json, len(found)):
        entry = json.loads(text)
        found.append((entry["runs"], entry["record"]))
    return found


def status():
    """What this process runs now, in the form of `trainstone top --json`; None before the first device is used."""
    text = _text(load().ts_status_json)
    return json.loads(text) if text else None


def cancel():
    """Stops what runs on the chip before its next instruction; for a process that is about to end."""
    load().ts_cancel()


def last_run():
    """The record of the latest program that ran on Trainstone in this process, as a dict.

    Times are seconds on the modelled chip: predicted_seconds, with the band from predicted_seconds_low to
    predicted_seconds_high. mfu is the model FLOPs utilisation, 0 to 1; busy is the busy share of each engine;
    bottleneck names what bounds the time; assumptions lists the parameters without a published source on which the time
    depends; host says which kernels of this CPU computed the values. None when nothing has run. Raises RuntimeError
    when the clock failed.
    """
    text = last_run_json()
    if text is None:
        return None
    record = json.loads(text)
    if "error" in record:
        raise RuntimeError(record["error"])
    return record
