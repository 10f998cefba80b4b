"""The command as a user types it: what it prints, what it writes, and what it says when something is wrong."""

import json
import os
import re
import subprocess

import numpy as np
import pytest
from programs import ADD, COMMAND, copy, trainstone


@pytest.fixture
def folder(tmp_path):
    """A folder with add.trn, x.npy and y.npy."""
    (tmp_path / "add.trn").write_text(ADD)
    np.save(tmp_path / "x.npy", np.arange(32, dtype=np.float32).reshape(4, 8))
    np.save(tmp_path / "y.npy", np.full((4, 8), 0.5, np.float32))
    return tmp_path


def succeed(*arguments, **options):
    done = trainstone(*arguments, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refuse(*arguments, code=1, **options):
    """What the command says on standard error, after "trainstone: "; it says nothing else."""
    done = trainstone(*arguments, **options)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("trainstone: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr[len("trainstone: "):-1]


def run_add(folder, *arguments, **options):
    return succeed("run", "add.trn", "--input", "x.npy", "y.npy", "--out", "out", *arguments, cwd=folder, **options)


# What works


def test_run_writes_values_and_says_what_and_how_long(folder):
    text = run_add(folder)
    assert text.startswith("out/output_0.npy  f32 4x8\n")
    assert re.search(r"\d+(\.\d+)? us", text)
    np.testing.assert_array_equal(np.load(folder / "out/output_0.npy"), np.arange(32).reshape(4, 8) + np.float32(0.5))
    assert os.listdir(folder / "out") == ["output_0.npy"]


def test_run_json_is_the_record(folder):
    record = json.loads(run_add(folder, "--json"))
    assert record["predicted_seconds"] > 0 and record["pe_flops"] == 0
    timed = json.loads(succeed("time", "add.trn", "--json", cwd=folder))
    assert timed["predicted_seconds"] == record["predicted_seconds"]


def test_run_says_which_kernels_computed(folder):
    generic = {"TRAINSTONE_HOST_ISA": "generic"}
    assert "\nhost kernels generic\n" in run_add(folder, **generic)
    assert "\nhost kernels generic, the bits of any CPU (--repro)\n" in run_add(folder, "--repro", **generic)
    record = json.loads(run_add(folder, "--json", **generic, TRAINSTONE_REPRO="1"))
    assert record["host"] == {"isa": "generic", "repro": True}
    assert json.loads(succeed("time", "add.trn", "--json", cwd=folder, **generic))["host"] is None
    told = refuse("run", "add.trn", "--input", "x.npy", "y.npy", cwd=folder, TRAINSTONE_HOST_ISA="sse")
    assert "TRAINSTONE_HOST_ISA is \"sse\"" in told


def test_quiet_prints_nothing(folder):
    assert run_add(folder, "--quiet") == ""
    assert (folder / "out/output_0.npy").exists()


def test_run_without_out_keeps_nothing(folder):
    before = sorted(os.listdir(folder))
    text = succeed("run", "add.trn", "--input", "x.npy", "y.npy", cwd=folder)
    assert text.startswith("output 0, not kept (no --out)  f32 4x8\n")
    assert sorted(os.listdir(folder)) == before


def test_out_is_made_with_the_folders_above_it(folder):
    succeed("run", "add.trn", "--input", "x.npy", "y.npy", "--out", "a/b/c", cwd=folder)
    assert os.listdir(folder / "a/b/c") == ["output_0.npy"]


def test_results_of_an_earlier_run_are_replaced_and_others_are_named(folder):
    (folder / "copy.trn").write_text(copy("f32", (4, 8), outputs=2))
    succeed("run", "copy.trn", "--input", "x.npy", "--out", "out", cwd=folder)
    done = trainstone("run", "add.trn", "--input", "x.npy", "y.npy", "--out", "out", cwd=folder)
    assert done.returncode == 0
    assert done.stderr == "trainstone: note: out/output_1.npy is from an earlier run: this program has 1 output\n"
    assert np.load(folder / "out/output_0.npy")[0, 0] == 0.5


def test_threads_and_poison_change_nothing(folder):
    for flags in (("--threads", "1"), ("--threads", "3"), ("--poison",)):
        run_add(folder, *flags)
        assert np.load(folder / "out/output_0.npy")[3, 7] == 31.5


def test_values_from_the_environment(folder):
    assert "trn1.32xlarge" in succeed("ls", TRAINSTONE_INSTANCE="trn1.32xlarge")
    assert "inf2.xlarge" in succeed("ls", "--instance", "inf2.xlarge", TRAINSTONE_INSTANCE="trn1.32xlarge")
    assert "TRAINSTONE_THREADS" in refuse("run", "add.trn", cwd=folder, TRAINSTONE_THREADS="many")


@pytest.mark.parametrize("fortran", [False, True])
def test_order_of_the_file_does_not_matter(folder, fortran):
    x = np.arange(32, dtype=np.float32).reshape(4, 8)
    np.save(folder / "x.npy", np.asfortranarray(x) if fortran else x)
    run_add(folder)
    np.testing.assert_array_equal(np.load(folder / "out/output_0.npy"), x + np.float32(0.5))


BITS = [("bf16", np.uint16), ("f8e4m3", np.uint8), ("f8e5m2", np.uint8)]
PLAIN = [("f32", np.float32), ("f16", np.float16), ("i8", np.int8), ("u8", np.uint8), ("i16", np.int16),
         ("u16", np.uint16), ("i32", np.int32), ("u32", np.uint32), ("i1", np.bool_)]


@pytest.mark.parametrize("dtype, numpy", BITS + PLAIN)
def test_every_dtype_goes_in_and_comes_out(tmp_path, dtype, numpy):
    (tmp_path / "copy.trn").write_text(copy(dtype, (2, 3)))
    value = np.array([[1, 0, 1], [0, 1, 1]]).astype(numpy)
    np.save(tmp_path / "v.npy", value)
    succeed("run", "copy.trn", "--input", "v.npy", "--out", "out", cwd=tmp_path)
    got = np.load(tmp_path / "out/output_0.npy")
    assert got.dtype == value.dtype and got.tobytes() == value.tobytes()


@pytest.mark.parametrize("dtype, descr, bits", [("bf16", "<V2", np.uint16), ("bf16", "|V2", np.uint16),
                                                ("f8e4m3", "|V1", np.uint8), ("f8e5m2", "<f1", np.uint8),
                                                ("f8e5m2", "<V1", np.uint8)])
def test_what_ml_dtypes_saves_is_taken(tmp_path, dtype, descr, bits):
    value = np.array([0x3c, 0x40, 0x44], bits)
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (3,), }}".ljust(117) + "\n"
    (tmp_path / "v.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
                                     + value.tobytes())
    (tmp_path / "copy.trn").write_text(copy(dtype, (3,)))
    succeed("run", "copy.trn", "--input", "v.npy", "--out", "out", cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "out/output_0.npy"), value)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 2, 1, 1, 3, 1, 1)])
def test_any_rank(tmp_path, shape):
    (tmp_path / "copy.trn").write_text(copy("f32", shape))
    np.save(tmp_path / "v.npy", np.full(shape, 7, np.float32))
    text = succeed("run", "copy.trn", "--input", "v.npy", "--out", "out", cwd=tmp_path)
    assert text.startswith(f"out/output_0.npy  f32 {'x'.join(map(str, shape)) or 'scalar'}\n")
    assert np.load(tmp_path / "out/output_0.npy").shape == shape


def test_compile_turns_one_form_into_the_other(folder):
    text = succeed("compile", "add.trn", "-o", "binary.trn", cwd=folder)
    assert re.fullmatch(r"binary\.trn: add for trn1, 4 instructions in 0 loops, 2 inputs, 1 output, scratch 0 B, "
                        r"file \d+ B\n", text)
    assert (folder / "binary.trn").read_bytes() != (folder / "add.trn").read_bytes()
    succeed("compile", "binary.trn", "--text", "-o", "text.trn", cwd=folder)
    listing = succeed("print", "binary.trn", cwd=folder)
    assert listing == (folder / "text.trn").read_text() == succeed("print", "text.trn", cwd=folder) == ADD
    answer = json.loads(succeed("compile", "add.trn", "-O2", "--output=b.trn", "--json", cwd=folder))
    assert answer["instructions"] == 4 and answer["bytes"] == (folder / "b.trn").stat().st_size


def test_compile_to_standard_output(folder):
    """The program alone, of either form; what else would go there is refused."""
    before = sorted(folder.rglob("*"))
    assert succeed("compile", "add.trn", "--text", "-o", "-", cwd=folder) == ADD
    assert "-o - and --dump both write to standard output" in refuse("compile", "add.trn", "-o-", "--dump=fold",
                                                                     cwd=folder)
    assert json.loads(trainstone("compile", "add.trn", "-o", "-", "--json", cwd=folder).stdout)["error"]["remedy"]
    binary = subprocess.run([COMMAND, "compile", "add.trn", "-o", "-"], capture_output=True, check=True, cwd=folder)
    assert sorted(folder.rglob("*")) == before
    (folder / "binary.trn").write_bytes(binary.stdout)
    assert succeed("print", "binary.trn", cwd=folder) == ADD


def test_time_needs_no_data_and_lists_slices(folder):
    text = succeed("time", "add.trn", "--slices", "100", cwd=folder)
    table = text[text.index("first "):]
    assert table.startswith("first 4 slices\n") or table.startswith("first ")
    assert "vector.tensor_tensor" in table and "sync.dma_copy" in table
    record = json.loads(succeed("time", "add.trn", "--slices", "2", "--json", cwd=folder))
    assert len(record["slices"]) == 2 and record["slices_truncated"]
    assert all(s["end_ps"] >= s["start_ps"] for s in record["slices"])


# copies inside HBM: one core asks for two thirds of its rate
COPIES = """trn 1
program copies chip=trn1
tensor x: input 0 u8[8,1048576]
tensor y: output 0 u8[8,1048576]
loop %i = 8
  sync.dma_copy queue=0 dst=hbm.u8[y +1048576*%i 1048576] src=hbm.u8[x +1048576*%i 1048576]
end
"""


def test_two_programs_share_the_chip(folder):
    (folder / "copies.trn").write_text(COPIES)
    alone = {name: json.loads(succeed("time", name, "--json", cwd=folder)) for name in ("add.trn", "copies.trn")}
    assert all(record["other_core_seconds"] == 0 for record in alone.values())
    for names in (("add.trn", "copies.trn"), ("copies.trn", "copies.trn")):
        cores = json.loads(succeed("time", *names, "--json", cwd=folder))["cores"]
        assert [c["program"] for c in cores] == [alone[name]["program"] for name in names]
        for name, core in zip(names, cores):
            both_copy = names[0] == "copies.trn"
            assert (core["predicted_seconds"] > alone[name]["predicted_seconds"]) == both_copy
            assert (core["other_core_seconds"] > 0) == both_copy
            assert abs(sum(core["bounds"].values()) - core["predicted_seconds"]) < 1e-9
    text = succeed("time", "copies.trn", "copies.trn", cwd=folder)
    lines = [line for line in text.splitlines() if line.startswith("core ")]
    assert [line.split(", ")[0] for line in lines] == ["core 0   alone 45.5 us", "core 1   alone 45.5 us"]
    assert text.count("\none step ") == 2
    with_three = trainstone("time", "add.trn", "add.trn", "add.trn", cwd=folder)
    assert with_three.returncode == 2


def test_slower_memory_is_not_faster(folder):
    (folder / "half.chip").write_text("chip trn1\nhbm_bytes_per_ns = 410\ndma_queue_floor_ns = 2400\n")
    seconds = [json.loads(succeed("time", "add.trn", "--json", *flags, cwd=folder))["predicted_seconds"]
               for flags in ((), ("--chip", "./half.chip"), ("--chip", "half.chip"))]
    assert seconds[0] <= seconds[1] == seconds[2]


def test_strict_refuses_what_no_document_says(folder):
    message = refuse("time", "add.trn", "--strict", cwd=folder)
    assert "unspecified" in message and "sibling_core_idle" in message and "--chip" in message
    (folder / "known.chip").write_text("chip trn1\nsibling_core_idle = 0\n")
    strict = succeed("time", "add.trn", "--strict", "--chip", "known.chip", "--json", cwd=folder)
    assert json.loads(strict)["assumptions"] == []
    assert "unspecified" in refuse("run", "add.trn", "--input", "x.npy", "y.npy", "--strict", cwd=folder)
    assert "unspecified" in refuse("report", "add.trn", "--strict", "--quiet", cwd=folder)


def test_chip_file_is_what_chip_prints(folder):
    text = succeed("chip")
    assert text.startswith("chip trn1\n") and "documented" in text
    (folder / "same.chip").write_text(text)
    assert succeed("chip", "--chip", "same.chip", cwd=folder) == text
    (folder / "changed.chip").write_text("chip trn1\ntensor_ghz = 1.4\n")
    changed = json.loads(succeed("chip", "--chip", "changed.chip", "--json", cwd=folder))
    rows = {row["name"]: row for row in changed["parameters"]}
    assert rows["tensor_ghz"]["value"] == 1.4 and rows["vector_ghz"]["value"] == 1.12
    assert set(rows["tensor_ghz"]) == {"edited", "name", "unit", "value", "low", "high", "basis", "source"}
    assert all(row["basis"] in ("documented", "derived", "assumed") and row["source"] for row in rows.values())


@pytest.mark.parametrize("row, words", [
    ("hbm_bytes_per_n = 3", '2: no parameter is called "hbm_bytes_per_n" (did you mean hbm_bytes_per_ns? '),
    ("cores = -1", "2: cores is -1 (count) and must be a finite number from 0 to 1e15 (the chip's own number is 2)"),
    ("cores = 1.5", "2: cores is 1.5 (count) and must be a whole number (the chip's own number is 2)"),
    ("partitions = abc", '2: partitions: "abc" is not a number (write it as partitions = 128)'),
    ("cores = 2\ncores = 2", "3: cores is given twice (keep one of the two rows)"),
    ("partitions = 100000", " chip trn1: partitions = 100000, must be 1 to 4096 (change that row of the chip file)"),
    ("sbuf_partition_bytes = 1024", " chip trn1: psum_partition_bytes = 16384, must be 1 to 1024 (change that row of "
                                    "the chip file, or sbuf_partition_bytes)"),
])
def test_bad_chip_files(folder, row, words):
    (folder / "bad.chip").write_text(f"chip trn1\n{row}\n")
    told = refuse("time", "add.trn", "--chip", "bad.chip", cwd=folder)
    assert told.startswith(f"input: bad.chip:{words}"), told


def test_instances(folder):
    lines = succeed("chip", "--instances").splitlines()
    assert lines[0].split()[:4] == ["instance", "chip", "chips", "cores"]
    assert any(line.startswith("trn1.2xlarge ") and " 1.34 " in line for line in lines)
    rows = json.loads(succeed("chip", "--instances", "--json"))["instances"]
    assert len(rows) == len(lines) - 1
    assert {row["name"]: row["cores"] for row in rows}["trn1.32xlarge"] == 32


def test_isa():
    rows = json.loads(succeed("isa", "--json"))["instructions"]
    assert {"name", "engines", "since", "fields", "cost", "semantics", "source"} == set(rows[0])
    only = json.loads(succeed("isa", "nc_matmul", "--json"))["instructions"]
    assert [row["name"] for row in only] == ["nc_matmul"]
    assert [field["name"] for field in only[0]["fields"]][:3] == ["dst", "stationary", "moving"]
    [shuffle] = json.loads(succeed("isa", "nc_stream_shuffle", "--json"))["instructions"]
    assert [field["kind"] for field in shuffle["fields"]] == ["dst", "src", "lanes"]
    assert "reduce:optdst reduce_cmd:cmd\n" in succeed("isa", "range_select")
    text = succeed("isa", "nc_matmul")
    assert text.startswith("nc_matmul (engines T)\n") and "source" in text
    assert "did you mean nc_matmul?" in refuse("isa", "nc_matmull")


def test_ls_is_neuron_ls(tmp_path):
    alone = {"TRAINSTONE_RUNTIME_DIR": str(tmp_path)}  # what else runs on this machine does not show
    assert succeed("ls", **alone) == """instance-type: trn1.2xlarge (modelled)
+--------+--------+----------+--------+---------------+
| NEURON | NEURON |  NEURON  | NEURON |   CONNECTED   |
| DEVICE | CORES  | CORE IDS | MEMORY |    DEVICES    |
+--------+--------+----------+--------+---------------+
| 0      | 2      | 0, 1     | 32 GB  |               |
+--------+--------+----------+--------+---------------+
"""
    devices = json.loads(succeed("ls", "--instance", "trn1.32xlarge", "--json", **alone))
    assert len(devices) == 16 and devices[0] == {
        "neuron_device": 0, "bdf": None, "connected_to": [12, 3, 4, 1], "nc_count": 2, "memory_size": 32 << 30,
        "neuroncore_ids": [0, 1], "neuron_processes": []}
    for device in devices:  # links go both ways
        for other in device["connected_to"]:
            assert device["neuron_device"] in devices[other]["connected_to"]
    assert [d["connected_to"] for d in json.loads(succeed("ls", "--instance", "inf2.24xlarge", "-j"))][0] == [5, 1]
    assert succeed("ls", "--topology", "--instance", "trn1.32xlarge").count("[") == 16


def test_version():
    assert re.fullmatch(r"trainstone \d+\.\d+\.\d+\n", succeed("version"))
    assert succeed("--version") == succeed("version")
    assert json.loads(succeed("version", "--json")).keys() == {"version"}


# What is refused


@pytest.mark.parametrize("array, message", [
    (np.zeros((8, 4), np.float32), "input 0 (x) is f32 4x8, but x.npy holds f32 8x4 (inputs are given in the order of "
                                   "the program's arguments, each of its exact shape)"),
    (np.zeros((4, 8), np.float64), "input 0 (x) is f32 4x8, but x.npy holds f64 4x8 (convert it before np.save)"),
    (np.zeros((4, 8), np.int32), "input 0 (x) is f32 4x8, but x.npy holds i32 4x8 (convert it before np.save)"),
    (np.zeros((4, 8), np.bool_), "input 0 (x) is f32 4x8, but x.npy holds i1 4x8 (convert it before np.save)"),
    (np.float32(1), "input 0 (x) is f32 4x8, but x.npy holds f32 scalar (inputs are given in the order of the "
                    "program's arguments, each of its exact shape)"),
    (np.zeros((4, 8), ">f4"), "x.npy: the array is big-endian (save array.astype(array.dtype.newbyteorder('<')))"),
    (np.zeros((1,) * 32, np.float32), "input 0 (x) is f32 4x8, but x.npy holds f32 " + "x".join("1" * 32) + " (inputs "
     "are given in the order of the program's arguments, each of its exact shape)"),
    (np.array(["text"]), "x.npy: arrays of dtype 'U4' are not numbers"),
])
def test_wrong_array(folder, array, message):
    np.save(folder / "x.npy", array)
    assert refuse("run", "add.trn", "--input", "x.npy", "y.npy", "--out", "out", cwd=folder) == "input: " + message
    assert not (folder / "out").exists()


def test_wrong_array_for_a_type_that_travels_as_bits(tmp_path):
    (tmp_path / "copy.trn").write_text(copy("bf16", (3,)))
    np.save(tmp_path / "v.npy", np.ones(3, np.float32))
    assert refuse("run", "copy.trn", "--input", "v.npy", cwd=tmp_path) == (
        "input: input 0 (value) is bf16 3 (as uint16 bits), but v.npy holds f32 3 "
        "(save the array's bits: np.save(path, x.view(np.uint16)))")


def test_a_bool_is_0_or_1(tmp_path):
    (tmp_path / "copy.trn").write_text(copy("i1", (3,)))
    np.save(tmp_path / "v.npy", np.array([0, 1, 2], np.uint8).view(np.bool_))
    assert "byte 2 at element 2" in refuse("run", "copy.trn", "--input", "v.npy", cwd=tmp_path)


def npy(header, data=b"", version=1, length=None):
    length = len(header) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + length.to_bytes(2 if version == 1 else 4, "little") + header + data


def shape_header(shape):
    return f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()


@pytest.mark.parametrize("content, word", [
    (b"", "not a .npy"),
    (b"\x93NUMPY", "not a .npy"),
    (b"PK\x03\x04 an archive", "not a .npy"),
    (npy(b"", version=9), "version"),
    (npy(b"{", length=60000), "cut off"),
    (npy(b"{'descr': '<f4'", version=2, length=0xffffffff), "header"),
    (npy(shape_header("(4, 8)"), b"1234"), "promises 128 bytes"),
    (npy(shape_header("(4, 8)"), bytes(132)), "promises 128 bytes"),
    (npy(shape_header("(4, -8)"), bytes(128)), "shape"),
    (npy(shape_header("(99999999999, 99999999999)"), bytes(128)), "shape beyond memory"),
    (npy(shape_header("(" + "1, " * 33 + ")"), bytes(4)), "32 axes"),
    (npy(b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (32,), }\n", bytes(128)), "dtype"),
    (npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (32,), }\n", bytes(128)), "dtype"),
])
def test_broken_npy(folder, content, word):
    (folder / "x.npy").write_bytes(content)
    text = refuse("run", "add.trn", "--input", "x.npy", "y.npy", "--out", "out", cwd=folder)
    assert text.startswith("input: x.npy: ") and word in text
    assert not (folder / "out").exists()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_wrong_count(folder, count):
    inputs = ["--input", *["x.npy"] * count] if count else []
    assert refuse("run", "add.trn", *inputs, "--out", "out", cwd=folder) == (
        f"input: add.trn takes 2 inputs, {count} given: x f32 4x8, y f32 4x8 "
        "(give one .npy file for each input: --input FILE...)")


def test_missing_files(folder):
    assert refuse("run", "nowhere.trn", cwd=folder) == "system: cannot read nowhere.trn: No such file or directory"
    assert "nowhere.npy" in refuse("run", "add.trn", "--input", "x.npy", "nowhere.npy", cwd=folder)
    for verb in ("time", "print"):
        assert "nowhere.trn" in refuse(verb, "nowhere.trn", cwd=folder)
    assert "it is a folder" in refuse("run", ".", cwd=folder)
    assert "nowhere.chip" in refuse("time", "add.trn", "--chip", "nowhere.chip", cwd=folder)


@pytest.mark.parametrize("out, word", [("add.trn", "add.trn is a file"), ("add.trn/deep", "Not a directory"),
                                       ("sealed", "Permission denied"), ("sealed/new/folder", "Permission denied"),
                                       ("full", "output_0.npy: it is a folder"), ("x" * 5000, "path longer"),
                                       ("x" * 300, "File name too long"), ("/proc/nowhere", "/proc")])
def test_unwritable_out(folder, out, word):
    if out.startswith("sealed"):
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere")
        (folder / "sealed").mkdir(mode=0o500)
    (folder / "full/output_0.npy").mkdir(parents=True)
    before = sorted(folder.rglob("*"))
    assert word in refuse("run", "add.trn", "--input", "x.npy", "y.npy", "--out", out, cwd=folder)
    assert sorted(folder.rglob("*")) == before


def test_compile_that_cannot_write_leaves_nothing(folder):
    (folder / "taken").mkdir()
    before = sorted(folder.rglob("*"))
    for target in ("nowhere/p.trn", "taken"):
        assert "cannot write" in refuse("compile", "add.trn", "-o", target, cwd=folder)
    assert "nowhere to put the program" in refuse("compile", "add.trn", cwd=folder)
    assert "--out does not take" in refuse("run", "add.trn", "--input", "x.npy", "y.npy", "--out", "-", code=2,
                                           cwd=folder)
    assert "compiled already" in refuse("compile", "add.trn", "--dump=fold", cwd=folder)
    (folder / "taken/empty.trn").write_bytes(b"")
    assert "write it again" in refuse("print", "taken/empty.trn", cwd=folder)
    (folder / "taken/empty.trn").unlink()
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("content", [b"", b"hello\n", bytes(64), b"ML\xefR", b"trn 2\n", b"trn 1\nprogram x\n",
                                     ADD.encode()[:200], ADD.encode() + b"\0", ADD.replace("p0:4", "p0:400").encode()])
@pytest.mark.parametrize("verb", ["run", "time", "print", "compile"])
def test_what_is_no_program(tmp_path, verb, content):
    (tmp_path / "bad.trn").write_bytes(content)
    if verb == "print" and b"p0:400" in content:
        pytest.skip("a listing may be printed before it is verified")
    flags = ("-o", "out.trn") if verb == "compile" else ()
    told = refuse(verb, "bad.trn", *flags, cwd=tmp_path)
    assert "bad.trn" in told or "vector.tensor_tensor" in told or "dma_copy" in told, told
    assert ("portable artifact" in told) == content.startswith(b"hello"), told
    assert os.listdir(tmp_path) == ["bad.trn"]


@pytest.mark.parametrize("words, message", [
    (["rnu"], 'usage: there is no verb "rnu" (did you mean trainstone run? trainstone --help lists all verbs)'),
    (["help", "tiem"], 'usage: there is no verb "tiem" (did you mean trainstone time? trainstone --help '
                       'lists all verbs)'),
    (["--colour"], 'usage: there is no verb "--colour" (trainstone --help lists all verbs)'),
    (["run", "p", "--imput", "x"], "usage: trainstone run has no option --imput (did you mean --input? trainstone run "
                                   "--help lists all)"),
    (["run"], "usage: trainstone run needs a PROG: trainstone run PROG --input FILE... --out DIR [OPTION...] (see "
              "trainstone run --help)"),
])
def test_wrong_command_line(words, message):
    assert refuse(*words, code=2) == message


def test_unknown_instance_and_chip():
    assert "trn1.2xlarge" in refuse("ls", "--instance", "trn9")
    assert "trn1" in refuse("chip", "--chip", "trn9")
    assert refuse("chip", "--chip", "trn3").startswith("unsupported: ")


@pytest.mark.parametrize("words, code, kind", [
    (["run", "nowhere.trn", "--json"], 1, "system"),
    (["run", "--json"], 2, "usage"),
    (["rnu", "--json"], 2, "usage"),
    (["chip", "--chip=trn3", "--json"], 1, "unsupported"),
])
def test_errors_as_json(words, code, kind):
    done = trainstone(*words)
    assert done.returncode == code and done.stderr.startswith(f"trainstone: {kind}: ")
    error = json.loads(done.stdout)["error"]
    assert set(error) == {"kind", "op", "where", "message", "remedy"}
    assert error["kind"] == kind and error["message"]


def test_messages_stay_on_one_line_whatever_the_name(tmp_path):
    done = subprocess.run([COMMAND, "time", b"a\x1b[31m\nb\xff\xc3\xa9\x80.trn", "--json"], capture_output=True)
    assert done.stderr == "trainstone: system: cannot read a?[31m b?\u00e9?.trn: No such file or directory\n".encode()
    assert json.loads(done.stdout)["error"]["message"].startswith("cannot read a?[31m b?\u00e9?.trn: ")


def test_no_words_at_all_show_the_help_and_fail():
    done = trainstone()
    assert done.returncode == 2 and done.stdout == trainstone("--help").stdout == trainstone("help").stdout


def test_full_disk_is_noticed():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run([COMMAND, "chip"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "No space left" in done.stderr
