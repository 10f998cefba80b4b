"""The messages between a process and its worker: a status, a length, and that many bytes."""

import struct

HEADER = struct.Struct("<BQ")
OK, FAILED = 0, 1


class Refused(Exception):
    """Says what cannot be partitioned, and where."""


def write(sink, status, data):
    sink.write(HEADER.pack(status, len(data)))
    sink.write(data)
    sink.flush()


def read(source):
    """(status, bytes); EOFError at the end."""
    status, size = HEADER.unpack(_exactly(source, HEADER.size))
    return status, _exactly(source, size)


def _exactly(source, size):
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data
