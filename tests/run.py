#!/usr/bin/env python3
"""Runs every test that can run here and ends with one line that counts them.

    tests/run.py [--build DIR] [PATTERN...]

Unit tests run under ctest, those that watch a real profd under unittest (tests/e2e). A test that cannot run here is
skipped, by name and with its reason. With PATTERNs, only tests whose names contain one of them. PROFD_SOAK=1 runs full
counts and all versions of Go.

Tests under unittest share the machine's CPUs with what they measure, and compare samples of it. A few that fail are run
once more, at the end; those that pass then are named.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
MOST_AGAIN = 4  # more failures are no accident


class Tally:
    """What happened, test by test."""

    def __init__(self):
        self.passed = 0
        self.failed = []   # names
        self.again = []    # names of those that passed when they were run once more
        self.skipped = []  # (name, why)

    def line(self):
        text = f"{self.passed} passed, {len(self.failed)} failed"
        text += f", {len(self.again)} of the passed when run once more" if self.again else ""
        return text + (f", {len(self.skipped)} skipped" if self.skipped else "")


def run_unit_tests(build, patterns, tally):
    report = build / "ctest.xml"
    report.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", str(build), "--output-on-failure", "--output-junit", str(report), "--progress",
               "--timeout", "300", "-j", str(os.cpu_count() or 2)]
    for pattern in patterns:
        command += ["-R", pattern]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    if not report.exists():
        tally.failed.append("ctest (it wrote no report)")
        return
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        skipped = case.find("skipped")
        if status == "run" and case.find("failure") is None:
            tally.passed += 1
        elif status in ("notrun", "disabled") or skipped is not None:
            why = (skipped.get("message") if skipped is not None else None) or status
            # What was not built was meant to run.
            if "not found" in why.lower() or name.endswith("_NOT_BUILT"):
                tally.failed.append(name)
            else:
                tally.skipped.append((name, why))
        else:
            tally.failed.append(name)


class Result(unittest.TextTestResult):
    """Counts tests, and each with the time it took."""

    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln(f"    {time.monotonic() - self.started:.1f} s")


def matching(suite, patterns):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from matching(test, patterns)
        elif not patterns or any(pattern in test.id() for pattern in patterns):
            yield test


def run_cases(cases):
    """How many ran; the names of those that failed; (name, why) of those that were skipped."""
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(unittest.TestSuite(cases))
    # A class whose fixture failed counts once: what it would have run is unknown. Parts of a test go by its name.
    failed = {str(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors}
    failed.update(str(test) for test in result.unexpectedSuccesses)
    return result.testsRun, failed, [(str(test), why) for test, why in result.skipped]


def run_e2e_tests(build, patterns, tally):
    os.environ["PROFD_BUILD"] = str(build)
    sys.path.insert(0, str(ROOT))
    found = unittest.defaultTestLoader.discover(str(ROOT / "tests/e2e"), top_level_dir=str(ROOT))
    chosen = list(matching(found, patterns))
    if not chosen:
        return
    ran, failed, skipped = run_cases(chosen)
    cases = {str(test): test for test in chosen}
    again = [cases[name] for name in sorted(failed) if name in cases]
    if 0 < len(again) <= MOST_AGAIN:
        print("\nonce more:", *again, sep="\n    ")
        _, failed_again, skipped_now = run_cases(again)
        tally.again = sorted({str(test) for test in again} - failed_again - {name for name, _ in skipped_now})
        failed -= set(tally.again)
    ran_badly = len(failed.intersection(cases)) + len(set(cases).intersection(name for name, _ in skipped))
    tally.passed += max(0, ran - ran_badly)
    tally.failed += sorted(failed)
    tally.skipped += skipped


def main():
    parser = argparse.ArgumentParser(description="Runs every test that can run here.")
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--only", choices=["unit", "e2e"])
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    sys.stdout.reconfigure(line_buffering=True)

    tally = Tally()
    if arguments.only != "e2e":
        run_unit_tests(build, arguments.patterns, tally)
    if arguments.only != "unit":
        run_e2e_tests(build, arguments.patterns, tally)

    print()
    for name, why in tally.skipped:
        print(f"skipped: {name}: {why}")
    for name in tally.again:
        print(f"passed when it was run once more: {name}")
    for name in tally.failed:
        print(f"failed: {name}")
    if tally.passed + len(tally.failed) == 0:
        tally.failed.append("no test ran")
        print("failed: no test ran")
    print(tally.line())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
