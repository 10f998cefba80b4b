"""The tree checks find what they are for: each is run on a small tree with one fault in it."""

import pathlib
import shutil
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
HEADER = "/* A header. */\n#ifndef TS_BASE_TEXT_H\n#define TS_BASE_TEXT_H\n#endif\n"


@pytest.fixture
def project(tmp_path):
    """A tree that passes: two folders, one header, one source."""
    (tmp_path / "tools").mkdir()
    for script in TOOLS.glob("*.py"):
        shutil.copy(script, tmp_path / "tools")
    write(tmp_path / "src/layers.txt", "base:\narch: base\nreport: base\n")
    write(tmp_path / "src/base/text.h", HEADER)
    write(tmp_path / "src/arch/isa.c", '/* A source. */\n#include "base/text.h"\n')
    write(tmp_path / "include/trainstone/trainstone.h",
          "/* Public. */\n#ifndef TS_TRAINSTONE_TRAINSTONE_H\n#define TS_TRAINSTONE_TRAINSTONE_H\n"
          "#define TS_API __attribute__((visibility(\"default\")))\n/* TS_API in a comment. */\n"
          "TS_API const char *ts_version(void);\nTS_API int GetPjrtApi(void);\n#endif\n")
    write(tmp_path / "CMakeLists.txt", "project(x)\n")
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def check(project, script, *arguments):
    run = subprocess.run([sys.executable, project / "tools" / script, *arguments], capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def compile_to(project, *arguments):
    subprocess.run(["cc", "-I", project / "include", *arguments], check=True)


@pytest.mark.parametrize("script", ["check_layers.py", "check_tree.py"])
def test_clean_tree_passes(project, script):
    code, text = check(project, script)
    assert code == 0, text


@pytest.mark.parametrize("path, text, says", [
    ("src/base/a.c", '/* x */\n#include "arch/isa.h"\n', "src/base/a.c:2: base may not include arch"),
    ("src/arch/b.c", '/* x */\n#include "report/html.h"\n', "arch may not include report"),
    ("src/arch/c.c", '/* x */\n#include "isa.h"\n', "write the folder too"),
    ("src/fresh/a.c", "/* x */\n", "src/fresh: not listed"),
    ("src/base/CMakeLists.txt", "ts_folder(base\n  LAYERS arch\n  SOURCES a.c)\n", "base may not link arch"),
    ("include/trainstone/b.h", '#include "base/text.h"\n', "a public header includes base/text.h"),
    ("src/layers.txt", "base: arch\narch: base\n", "base names arch, which is not above it"),
])
def test_layers(project, path, text, says):
    write(project / path, text)
    code, output = check(project, "check_layers.py")
    assert code == 1 and says in output


@pytest.mark.parametrize("path, text, says", [
    ("src/arch/text.h", HEADER.replace("BASE", "ARCH"), "one file name, several places"),
    ("src/base/long.c", "/* x */\n" * 801, "801 lines"),
    ("src/base/a.c", "/* caf\u00e9 */\n", "src/base/a.c:1: not ASCII"),
    ("src/base/a.c", "/* x */\n/* TO" "DO: later */\n", "src/base/a.c:2: an open end"),
    ("src/base/a.h", HEADER, "must be TS_BASE_A_H"),
    ("src/base/a.c", "int x;\n", "one sentence on what the file is"),
    ("src/base/a.c", "/* x */\n\tint x;\n", "tab"),
    ("docs/a.md", "no end", "no newline"),
    ("tests/nki/test_new.py", "", "tests/nki/test_new.py: no ts_pytest"),
    ("tools/a.py", "x = 1\n" + "y" * 121 + "\n", "tools/a.py:2: 121 columns, at most 120"),
])
def test_tree(project, path, text, says):
    write(project / path, text)
    code, output = check(project, "check_tree.py")
    assert code == 1 and says in output


@pytest.mark.parametrize("source, says", [
    ("int ts_count;", "writable file-scope data: ts_count"),
    ("static int seen; int ts_f(void) { return ++seen; }", "writable file-scope data: seen"),
    ("int ts_f(void) { static int calls = 3; return ++calls; }", "writable file-scope data: calls"),
    ("_Thread_local int ts_error;", "writable file-scope data: ts_error"),
    ("void exit(int); void ts_f(void) { exit(1); }", "may not call exit"),
    ("char *getenv(const char *); char *ts_f(void) { return getenv(\"A\"); }", "may not call getenv"),
    ("static const char *const names[] = {\"a\"}; const char *const *ts_f(int i) { return names + i; }", None),
])
def test_objects(project, source, says):
    write(project / "a.c", source)
    folder = project / "build/src/base"
    folder.mkdir(parents=True)
    compile_to(project, "-O1", "-fPIC", "-c", project / "a.c", "-o", folder / "a.c.o")
    subprocess.run(["ar", "rc", folder / "libts_base.a", folder / "a.c.o"], check=True)
    code, output = check(project, "check_objects.py", str(project / "build"))
    assert (code == 0) if says is None else (code == 1 and says in output), output


@pytest.mark.parametrize("extra, says", [
    ("", None),
    ("int ts_leak(void) { return 1; }", "exported but not declared TS_API: ts_leak"),
])
def test_exports(project, extra, says):
    source = '#include "trainstone/trainstone.h"\nconst char *ts_version(void) { return "1"; }\n' \
             "int GetPjrtApi(void) { return 0; }\n" + extra
    write(project / "a.c", source)
    (project / "build").mkdir()
    compile_to(project, "-shared", "-fPIC", project / "a.c", "-o", project / "build/libtrainstone.so")
    code, output = check(project, "check_exports.py", str(project / "build"))
    assert (code == 0) if says is None else (code == 1 and says in output), output


def test_exports_missing(project):
    write(project / "a.c", "int GetPjrtApi(void) { return 0; }\n")
    (project / "build").mkdir()
    compile_to(project, "-shared", "-fPIC", project / "a.c", "-o", project / "build/libtrainstone.so")
    code, output = check(project, "check_exports.py", str(project / "build"))
    assert code == 1 and "declared TS_API but not exported: ts_version" in output
