#!/usr/bin/env python3
"""clang-tidy over our own C++ sources, several at once.

    tidy.py BUILD [FILE...]   checks what BUILD/compile_commands.json compiles from daemon/ (or the FILEs named)
    tidy.py --self-test       checks that the linter fires: in sources and in our headers (tests/lint/selftest)
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPECT = re.compile(r"//.*EXPECT ([\w.-]+)")
WARNING = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+):\d+: (?:warning|error): .* \[(?P<checks>[\w.,*-]+)\]$", re.M)


def run_tidy(tidy, arguments):
    result = subprocess.run([tidy, "--quiet", *arguments], cwd=ROOT, capture_output=True, text=True)
    return result.returncode, result.stdout, result.stderr


def self_test(tidy):
    folder = ROOT / "tests/lint/selftest"
    _, output, _ = run_tidy(tidy, [str(folder / "wrong.cpp"), "--", "-std=c++20", "-xc++", f"-I{folder}"])
    seen = set()
    for match in WARNING.finditer(output):
        for check in match["checks"].split(","):
            seen.add((pathlib.Path(match["file"]).name, int(match["line"]), check))
    missing = []
    for source in ("wrong.h", "wrong.cpp"):
        for number, text in enumerate((folder / source).read_text().splitlines(), 1):
            expected = EXPECT.search(text)
            if expected and (source, number, expected[1]) not in seen:
                missing.append(f"{source}:{number}: {expected[1]} did not fire")
    for line in missing:
        print(line)
    if missing:
        print(output)
    return not missing


def sources(build, only):
    commands = json.loads((build / "compile_commands.json").read_text())
    files = sorted({command["file"] for command in commands})
    if only:
        wanted = {str(pathlib.Path(name).resolve()) for name in only}
        return [file for file in files if file in wanted]
    return [file for file in files if file.startswith(f"{ROOT}/daemon/") and file.endswith(".cpp")]


class Cache:
    """Files that were found clean, as they were then: their text, all our headers, the configuration and the linter."""

    def __init__(self, build, tidy):
        self.path = build / "tidy.cache.json"
        self.clean = json.loads(self.path.read_text()) if self.path.exists() else {}
        common = hashlib.sha256(subprocess.run([tidy, "--version"], capture_output=True, check=False).stdout)
        for path in [ROOT / ".clang-tidy", *sorted(ROOT.glob("daemon/**/*.h")), *sorted(ROOT.glob("proto/**/*.proto")),
                     *sorted(ROOT.glob("bpf/shared/*"))]:
            common.update(path.read_bytes())
        self.common = common.digest()

    def key(self, file):
        return hashlib.sha256(self.common + pathlib.Path(file).read_bytes()).hexdigest()

    def knows(self, file):
        return self.clean.get(file) == self.key(file)

    def add(self, file):
        self.clean[file] = self.key(file)
        self.path.write_text(json.dumps(self.clean))


def check(tidy, build, files):
    failed = 0
    cache = Cache(build, tidy)
    files = [file for file in files if not cache.knows(file)]
    # The slowest files come first, so that no CPU idles at the end: those that include the generated gRPC code.
    files = sorted(files, key=lambda file: ("/api/" not in file and "/profctl/" not in file, file))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        runs = {pool.submit(run_tidy, tidy, ["-p", str(build), "--extra-arg=-Wno-unknown-warning-option",
                                             "--extra-arg=-Wno-ignored-optimization-argument", file]): file
                for file in files}
        for run in concurrent.futures.as_completed(runs):
            code, output, errors = run.result()
            if code != 0 or WARNING.search(output):
                failed += 1
                print(output.strip() or errors.strip() or f"{runs[run]}: clang-tidy failed with {code}", flush=True)
            else:
                cache.add(runs[run])
    print(f"tidy: {len(files)} files new or changed, {failed} with findings")
    return failed == 0


def main():
    tidy = shutil.which("clang-tidy")
    if not tidy:
        print("tidy: clang-tidy is missing: run deploy/packages test")
        return 1
    if sys.argv[1:] == ["--self-test"]:
        return 0 if self_test(tidy) else 1
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    files = sources(build, sys.argv[2:])
    if not files:
        print(f"tidy: {build} compiles none of the files asked for")
        return 1
    return 0 if check(tidy, build, files) else 1


if __name__ == "__main__":
    sys.exit(main())
