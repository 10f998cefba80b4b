"""neuron-profile, nki.profile and the files of nki.benchmark."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import trainstone.nki.activate  # noqa: F401
import neuronxcc.nki as nki
import neuronxcc.nki.language as nl

from trainstone import library

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "python/trainstone/bin"
TILE = np.ones((128, 256), np.float32)


def double(a):
    out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
    tile = nl.load(a)
    nl.store(out, tile + tile)
    return out


def tool(*words, name="neuron-profile"):
    environment = os.environ | {"PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run([TOOLS / name, *map(str, words)], capture_output=True, text=True, env=environment,
                          check=False)


def summary(text):
    return dict(line.split() for line in text.splitlines())


@pytest.fixture
def neff(tmp_path):
    path = tmp_path / "double.neff"
    measured = nki.benchmark(double, save_neff_name=str(path), save_trace_name=str(tmp_path / "run.ntff"))
    np.testing.assert_array_equal(measured(TILE), TILE * 2)
    assert json.loads((tmp_path / "run.ntff").read_text()) == measured.benchmark_result.record
    measured.benchmark_result.micros = measured.benchmark_result.nc_latency.get_latency_percentile(99)
    return path, measured.benchmark_result


def test_capture_and_view(neff):
    path, result = neff
    trace = path.with_name("profile.ntff")
    assert tool("capture", "-n", path, "-s", trace).returncode == 0
    assert json.loads(trace.read_text())["predicted_seconds"] == pytest.approx(result.micros / 1e6)
    shown = summary(tool("view", "--output-format", "summary-text", "-n", path, "-s", trace).stdout)
    assert float(shown["total_time"]) == pytest.approx(result.micros / 1e6, abs=1e-12)
    assert shown["dma_transfer_count"] == "2" and shown["vector_engine_instruction_count"] == "1"
    as_json = json.loads(tool("view", "--output-format", "summary-json", "-n", path, "-s", trace).stdout)
    assert {key: float(value) for key, value in shown.items()} == as_json


def test_a_kernel_has_no_source_program_but_its_matmuls_have_a_rate(tmp_path):
    @nki.benchmark(save_neff_name=str(tmp_path / "product.neff"))
    def product(a):
        out = nl.ndarray((128, 128), dtype=a.dtype, buffer=nl.shared_hbm)
        tile = nl.load(a)
        nl.store(out, nl.matmul(tile, tile, transpose_x=True))
        return out

    product(np.ones((128, 128), np.float32))
    rate = 2 * 128**3 / product.benchmark_result.record["predicted_seconds"] / 1e12
    text = subprocess.run([library.path().with_name("trainstone"), "report", tmp_path / "product.neff", "--html",
                           tmp_path / "product.html"], capture_output=True, text=True).stdout
    page = (tmp_path / "product.html").read_text()
    assert f"matmuls at {rate:.3g} of 91.75 TFLOP/s bf16" in text and "MFU" not in text
    assert f"{rate:.3g}" in page and "no matmul" not in page


def test_capture_on_the_chip_of_the_kernel(tmp_path):
    path, trace = tmp_path / "double.neff", tmp_path / "run.ntff"
    measured = nki.benchmark(double, save_neff_name=str(path), platform_target="trn2")
    measured(np.ones((128, 25 * 1024), np.float32))  # 200 KiB of a partition, which only Trainium2 has
    assert tool("capture", "-n", path, "-s", trace).returncode == 0
    assert json.loads(trace.read_text())["predicted_seconds"] == measured.benchmark_result.record["predicted_seconds"]
    assert tool("view", "--output-format", "summary-text", "-n", path, "-s", trace).returncode == 0


def test_view_writes_a_timeline_and_a_page(neff):
    path, _ = neff
    assert "ui.perfetto.dev" in tool("view", "--output-format", "perfetto", "-n", path, name="neuron-explorer").stdout
    assert path.with_suffix(".pftrace").stat().st_size > 100
    assert tool("view", "-n", path).returncode == 0
    assert path.with_suffix(".html").read_text().startswith("<!")


def test_capture_of_several_executions_names_each(neff):
    path, _ = neff
    tool("capture", "-n", path, "-s", path.with_name("p.ntff"), "--num-exec", 4, "--profile-nth-exec", 2)
    assert {trace.name for trace in path.parent.glob("p*.ntff")} == {"p_exec_2.ntff", "p_exec_4.ntff"}


def test_files_that_are_not_ours_are_refused(tmp_path, neff):
    other = tmp_path / "aws.neff"
    other.write_bytes(b"\x01\x02\x03\x04")
    assert "was not made by Trainstone" in tool("view", "-n", other).stderr
    assert "no such file" in tool("capture", "-n", tmp_path / "none.neff").stderr
    missing = tool("view", "-n", neff[0], "-s", tmp_path / "none.ntff")
    assert missing.returncode == 1 and "neuron-profile capture" in missing.stderr


def test_profile_leaves_traces_and_reports(tmp_path):
    profiled = nki.profile(double, working_directory=str(tmp_path), num_execs=5, profile_nth=2)
    profiled(TILE)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"file.neff", "profile_exec_2.ntff", "profile_exec_4.ntff", "json_reports/profile_exec_2.json",
                     "json_reports/profile_exec_4.json"}
    with pytest.raises(FileExistsError, match="overwrite=True"):
        profiled(TILE)
    nki.profile(double, working_directory=str(tmp_path), num_execs=5, profile_nth=2, overwrite=True)(TILE)


def test_baremetal_saves_what_it_is_asked_to(tmp_path):
    path, trace = tmp_path / "double.neff", tmp_path / "double.ntff"
    kernel = nki.baremetal(save_neff_name=str(path), save_trace_name=str(trace))(double)
    assert np.array_equal(kernel(TILE), 2 * TILE)
    assert path.read_text().startswith("trn ") and json.loads(trace.read_text())["program"] == "double"
