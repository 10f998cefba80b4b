"""Source locations of operations: the user's line under the name that JAX gave the operation."""

from jaxlib.mlir import ir

_INSTALLED = ("/site-packages/", "/dist-packages/")


def place_of(own, caller):
    """The location of an operation of a function that is inlined at a call, named as the compiler's own inlining does:
    its own line under its caller's name, or the caller's line when it has none."""
    name, frames = split(own)
    if isinstance(frames, ir.UnknownLoc):
        return caller
    above, callers = split(caller)
    root, slash, _ = above.partition("/")
    if name and slash and not name.startswith(root + slash):
        name = f"{above}/{name}"
    if not isinstance(frames, ir.CallSiteLoc) and not isinstance(callers, ir.UnknownLoc):
        frames = ir.Location.callsite(frames, [callers])
    return ir.Location.name(name, childLoc=frames) if name else frames


def split(location):
    """The outermost name of a location, and what is inside all of its names."""
    name = None
    while isinstance(location, ir.NameLoc):
        name = location.name_str if name is None else name
        location = location.child_loc
    return name or "", location


def words(location):
    """The place in the user's own files for messages, like " at train.py:12"; "" when there is none."""
    frames = []
    with location.context:
        _collect(ir.Location.from_attr(location.attr), frames)  # of the class that says what it is
    own = [frame for frame in frames if not any(mark in frame for mark in _INSTALLED)]
    return f" at {(own or frames)[0]}" if frames else ""


def _collect(location, frames):
    """Collects the lines of a location, callees before callers."""
    _, inner = split(location)
    if isinstance(inner, ir.CallSiteLoc):
        _collect(inner.callee, frames)
        _collect(inner.caller, frames)
    elif isinstance(inner, ir.FileLineColLoc):
        frames.append(f"{inner.filename}:{inner.start_line}")
    elif isinstance(inner, ir.FusedLoc):
        for one in inner.locations:
            _collect(one, frames)
