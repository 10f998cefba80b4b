"""Checks the library's objects: no writable file-scope data, and no call that exits or prints on the host program's
behalf.

usage: check_objects.py BUILD_FOLDER
"""

import pathlib
import re
import sys

import tree

# object: why it may hold state
WRITABLE = {
    "client_registry.c.o": "the one list of live clients, so that a forked child can be refused",
    "unit.c.o": "a thread's open units of work, which an allocation without memory ends",
}
# call: {object: why}; an empty entry forbids the call everywhere
FORBIDDEN = {
    "abort": {"unit.c.o": "no memory, outside of any unit of work"},
    **{call: {"unit.c.o": "the door of a unit of work"} for call in ("setjmp", "_setjmp", "longjmp")},
    "getenv": {"env.c.o": "the one reader of the environment"},
    **{call: {} for call in (
        "exit", "_exit", "_Exit", "quick_exit", "secure_getenv", "setenv", "putenv", "printf", "vprintf",
        "fprintf", "vfprintf", "dprintf", "puts", "putchar", "fputs", "fputc", "perror", "__printf_chk",
        "__fprintf_chk",
        "__vfprintf_chk", "signal", "sigaction", "system", "popen", "rand",
        "srand", "strtok")},
}


def objects(archive):
    """(object, symbol lines of objdump -t) for every member of a static library."""
    member, lines = None, []
    for line in tree.output("objdump", "-t", str(archive)).splitlines():
        head = re.match(r"(\S+):\s+file format ", line)
        if head:
            if member:
                yield member, lines
            member, lines = head[1], []
        else:
            lines.append(line)
    if member:
        yield member, lines


def check_object(member, lines):
    problems = []
    for line in lines:
        # address, seven flag characters, section, size, name; relocated constants are in .data.rel.ro
        symbol = re.match(r"[0-9a-f]+ (.{7}) (\S+)\t[0-9a-f]+\s+(?:\.hidden )?(\S+)$", line)
        if not symbol:
            continue
        flags, section, name = symbol.groups()
        writable = re.match(r"\.(data|bss|tdata|tbss)(\.(?!rel\.ro)|$)|\*COM\*", section)
        if writable and name != section and "d" not in flags and member not in WRITABLE:
            problems.append(f"{member}: writable file-scope data: {name}")
        if section == "*UND*" and name in FORBIDDEN and member not in FORBIDDEN[name]:
            problems.append(f"{member}: the library may not call {name}")
    return problems


def main():
    build = pathlib.Path(sys.argv[1])
    archives = [a for a in sorted(build.glob("src/*/libts_*.a")) if a.name != "libts_cli.a"]
    if not archives:
        tree.finish([f"{build}: no libts_*.a there; build first"], "objects")
    problems = []
    for archive in archives:
        for member, lines in objects(archive):
            problems += [f"{archive.name}: {p}" for p in check_object(member, lines)]
    tree.finish(problems, f"objects of {len(archives)} libraries")


if __name__ == "__main__":
    main()
