"""Runs AWS's unit tests of the NKI API, unmodified, on Trainstone and prints what passes.

usage: nki_suite.py FOLDER [--only NAME] [--json FILE]
FOLDER holds the test files (nki/test of an aws-neuron-sdk checkout). Each file runs in a process of its own.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

RUNNER = """
import io, json, sys, unittest
import trainstone.nki.activate
from trainstone.nki.kernel import Kernel
out = sys.stdout
sys.stdout = io.StringIO()
sys.path.insert(0, sys.argv[1])
results, ran, running = {}, {}, [None]
called = Kernel.__call__
def call(self, *args, **kwargs):
    ran.setdefault(running[0], set()).add(self.function.__name__)
    return called(self, *args, **kwargs)
Kernel.__call__ = call
class Result(unittest.TestResult):
    def startTest(self, test):
        running[0] = test.id()
        super().startTest(test)
    def addSuccess(self, test):
        results[test.id()] = ""
    def addFailure(self, test, error):
        results[test.id()] = self._exc_info_to_string(error, test)
    addError = addFailure
    def addSubTest(self, test, subtest, error):
        if error:
            results[test.id()] = self._exc_info_to_string(error, test)
try:
    suite = unittest.defaultTestLoader.loadTestsFromName(sys.argv[2])
    suite.run(Result())
except BaseException as error:
    results[sys.argv[2]] = f"{type(error).__name__}: {error}"
print(json.dumps({test: [why, sorted(ran.get(test, ()))] for test, why in results.items()}), file=out)
"""


def run_file(path):
    """{test: ("" or why it failed, the kernels that it ran)}"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", RUNNER, str(path.parent), path.stem],
                          capture_output=True, text=True, timeout=900, check=False)
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {path.stem: ((done.stderr or "no result").strip()[-400:], [])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", str(pathlib.Path(__file__).resolve().parents[1] / "python"))
    results = {}
    for path in sorted(arguments.folder.glob("test_*.py")):
        if arguments.only in path.stem:
            results.update({test: why for test, (why, _) in run_file(path).items()})
    for name, why in results.items():
        last = why.strip().splitlines()[-1] if why else ""
        print(f"{'pass' if not why else 'FAIL'} {name}{': ' + last[:200] if why else ''}")
    passed = sum(not why for why in results.values())
    print(f"{passed} of {len(results)} pass")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if passed == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
