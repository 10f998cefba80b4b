"""Runs commands on an emulated CPU, which may have what the host's lacks: AVX-512 and AVX512_BF16 above all.

Bochs boots a Linux whose root is made here: busybox, the command-line program and the machine's unit tests with the
shared libraries that they need, and tests/isa. The commands run one after the other where BUILD would be.

    tools/emulate.py --bochs FOLDER --kernel VMLINUZ [--build build] [--cpu sapphire_rapids]
        [--add PATH...] [-- COMMAND...]

Exits with 1 unless every command exits with 0. docs/testing.md says where Bochs and a kernel come from, and what each
command costs. Also takes Debian's busybox-static, isolinux, syslinux-common and xorriso.
"""

import argparse
import gzip
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUSYBOX = "/bin/busybox"
LOADER = ("/usr/lib/ISOLINUX/isolinux.bin", "/usr/lib/syslinux/modules/bios/ldlinux.c32")
# machine_segment and machine_act are left out because they take longest.
TESTS = ("turn", "turned", "matmul", "alu", "deferred", "run", "stochastic", "transfer", "homes", "meeting",
         "collective")
COMMANDS = [f"tests/machine_{name}" for name in TESTS] + [
    "bad=0; for file in isa/*.trn; do tests/isa_runner $file || bad=1; done; exit $bad"
]

# Lines of this script begin with "== ". The sleep at the end lets the console flush its last lines.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
echo 1 > /proc/sys/vm/overcommit_memory
cd /build
echo "== CPU:" $(grep -m 1 '^flags' /proc/cpuinfo | grep -o 'avx[0-9a-z_]*')
while read -r line; do
    echo "== $line"
    sh -c "$line" < /dev/null 2>&1
    echo "== status $?"
done < /commands
echo "== done"
sleep 2
poweroff -f
"""

MACHINE = """megs: 2048
cpu: model={cpu}, count=1, ips=100000000
romimage: file={bochs}/bios/BIOS-bochs-latest
vgaromimage: file={bochs}/bios/VGABIOS-lgpl/VGABIOS-lgpl-latest.bin
ata0-master: type=cdrom, path={work}/disc.iso, status=inserted
boot: cdrom
display_library: nogui
com1: enabled=1, mode=file, dev=/dev/stdout
log: {work}/log
panic: action=fatal
"""


def copy(source, root, target):
    """Copies a folder, or a file with the shared libraries that it needs."""
    to = root / target
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, to, dirs_exist_ok=True)
        return
    shutil.copy(source, to)
    needed = subprocess.run(["ldd", source], capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", needed):
        if not (root / library[1:]).exists():
            copy(pathlib.Path(library), root, library[1:])


def make_root(root, build, added, commands):
    for folder in ("bin", "proc", "dev", "tmp"):
        (root / folder).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    (root / "commands").write_text("".join(f"{command}\n" for command in commands))
    for path in (build / "trainstone", build / "tests/isa_runner", *(build / "tests").glob("machine_*")):
        copy(path, root, f"build/{path.relative_to(build)}")
    copy(ROOT / "tests/isa", root, "build/isa")
    for path in added:
        copy(path, root, f"build/{path.name}")


def make_disc(work, kernel):
    names = "".join(f"{path.relative_to(work / 'root')}\n" for path in sorted((work / "root").rglob("*")))
    pack = [BUSYBOX, "cpio", "-o", "-H", "newc"]
    packed = subprocess.run(pack, cwd=work / "root", input=names.encode(), capture_output=True, check=True).stdout
    disc = work / "disc"
    disc.mkdir()
    (disc / "root").write_bytes(gzip.compress(packed))
    shutil.copy(kernel, disc / "kernel")
    for path in LOADER:
        shutil.copy(path, disc)
    line = "initrd=root console=ttyS0 nokaslr mitigations=off panic=-1 quiet"
    (disc / "isolinux.cfg").write_text(f"default only\nlabel only\nkernel kernel\nappend {line}\n")
    boot = "-b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table".split()
    write = ["xorriso", "-as", "mkisofs", "-quiet", *boot, "-o", work / "disc.iso", disc]
    subprocess.run(write, check=True, capture_output=True)


def follow(bochs, work):
    """Boots, and prints what the commands print. Returns whether all of them ran and none failed."""
    failed, before, command = [], [], ""
    boot = [bochs / "bochs", "-q", "-f", work / "machine"]
    with subprocess.Popen(boot, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as emulator:
        for raw in emulator.stdout:
            line = raw.decode("ascii", "replace").rstrip()
            if not command and not line.startswith("== "):
                before.append(line)
                continue
            if command != "done":
                print(line, flush=True)
            if line.startswith("== status "):
                failed += [] if line == "== status 0" else [command]
            elif line.startswith("== "):
                command = line[3:]
    for name in failed:
        print(f"failed: {name}")
    if command == "done":
        return not failed
    log = work / "log"
    print("the emulated machine stopped early; what its console and Bochs said last:", *before[-20:], sep="\n")
    print(*(log.read_text().splitlines()[-20:] if log.exists() else []), sep="\n")
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bochs", type=pathlib.Path, required=True)
    parser.add_argument("--kernel", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--cpu", default="sapphire_rapids", help="`bochs -help cpu` lists them")
    parser.add_argument("--add", type=pathlib.Path, nargs="+", default=[], help="more files and folders")
    parser.add_argument("commands", nargs="*")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work, bochs = pathlib.Path(folder), given.bochs.resolve()
        make_root(work / "root", given.build, given.add, given.commands or COMMANDS)
        make_disc(work, given.kernel)
        (work / "machine").write_text(MACHINE.format(cpu=given.cpu, bochs=bochs, work=work))
        sys.exit(0 if follow(bochs, work) else 1)


if __name__ == "__main__":
    main()
