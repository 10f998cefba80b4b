"""Signals and terminals: an interruption leaves nothing, colour and progress are for people only."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest
from programs import ADD, COMMAND, LONG, trainstone

TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def long_run(tmp_path):
    """Starts a run of minutes and waits until it computes; give(...) are Popen's arguments."""
    (tmp_path / "long.trn").write_text(LONG)
    started = []

    def start(*flags, **options):
        process = subprocess.Popen([COMMAND, "run", "long.trn", "--out", "a/out", *flags], cwd=tmp_path,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   **options)
        started.append(process)
        deadline = time.monotonic() + 60
        while cpu_seconds(process.pid) < 0.3:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
    assert os.listdir(tmp_path) == ["long.trn"], "something was left behind"


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_nothing(long_run, number):
    process = long_run()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert out == "" and err.startswith("trainstone: cancelled: ")


def test_interruption_as_json(long_run):
    process = long_run("--json")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and '"kind": "cancelled"' in out


def test_ignored_interruptions_stay_ignored(long_run):
    process = long_run(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=30) == 143


def on_terminal(*arguments, until=None, cwd=None, **environment):
    """What the command shows on a terminal, output and errors together; interrupted once it shows `until`."""
    env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    env.update(TERM="xterm", **environment)
    host, guest = pty.openpty()
    process = subprocess.Popen([COMMAND, *arguments], stdin=guest, stdout=guest, stderr=guest, env=env, cwd=cwd)
    os.close(guest)
    shown = b""
    while True:
        if until and until.encode() in shown:
            process.send_signal(signal.SIGINT)
            until = None
        if until and not select.select([host], [], [], 60)[0]:
            process.kill()
            pytest.fail(f"{until!r} is not shown: {shown!r}")
        try:
            chunk = os.read(host, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(host)
    process.wait()
    return shown.decode()


def test_colour_is_for_terminals():
    colored, plain = on_terminal("run", "--help"), trainstone("run", "--help").stdout
    assert "\x1b[1mOptions\x1b[0m" in colored and "\x1b" not in plain
    assert re.sub(r"\x1b\[\d*m", "", colored).replace("\r\n", "\n") == plain
    assert "\x1b[31m" in on_terminal("rnu")
    assert "\x1b" not in trainstone("rnu").stderr


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_can_be_refused(environment):
    env = {"TERM": "xterm", **environment}
    host, guest = pty.openpty()
    subprocess.run([COMMAND, "rnu"], stdin=guest, stdout=guest, stderr=guest, env={**os.environ, **env})
    os.close(guest)
    assert b"\x1b" not in os.read(host, 65536)
    os.close(host)


def test_long_runs_show_progress_on_a_terminal_only(tmp_path, long_run):
    (tmp_path / "long.trn").write_text(LONG)
    shown = on_terminal("run", "long.trn", until="running ... 2 s", cwd=tmp_path)
    assert "running ... 1 s" not in shown
    assert "cancelled" in shown.rsplit("\x1b[K", 1)[1], "the progress line is erased before the message"
    process = long_run()
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    assert "running" not in process.communicate(timeout=30)[1]


def test_bars_are_as_the_terminal_shows_them(tmp_path):
    """Blocks where the locale is UTF-8, colour unless NO_COLOR, and columns in their places whichever it is."""

    def shown(**environment):
        locale = dict.fromkeys(("LC_ALL", "LC_CTYPE", "LANG"), "")
        text = on_terminal("time", path, **{**locale, **environment}).replace("\r\n", "\n")
        return text.replace("\r\033[K", "")  # where progress would have been

    path = tmp_path / "add.trn"
    path.write_text(ADD)
    plain = trainstone("time", path).stdout
    assert plain.isascii() and "#" in plain
    bare = shown(NO_COLOR="1", LANG="C")
    assert bare == plain
    colored = shown(LC_ALL="C", LANG="en_US.UTF-8")
    assert "\033[32m#" in colored and re.sub(r"\033\[\d+m", "", colored) == plain
    blocks = shown(NO_COLOR="1", LANG="C.UTF-8")
    assert "\u2588" in blocks and "#" not in blocks and "\033" not in blocks
    for drawn, line in zip(blocks.splitlines(), plain.splitlines(), strict=True):
        assert re.sub("[\u2588-\u258f#]", " ", drawn) == line.replace("#", " ")
    both = shown(LC_CTYPE="en_US.utf8")
    assert re.sub(r"\033\[\d+m", "", both) == blocks
