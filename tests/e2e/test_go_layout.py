"""The offsets in Go's runtime structures that profd uses, against the debugging information of each version."""

import json
import os
import re
import subprocess
import tempfile
import unittest

from tests.e2e.fixture import BUILD, ROOT, SOAK
from tests.e2e.go_truth import TOOLCHAINS

FIELDS = {"runtime.g": ("stack", "m", "goid", "labels", "sched"), "runtime.m": ("g0", "gsignal", "curg", "vdsoSP"),
          "runtime.gobuf": ("sp", "pc", "bp")}


def members(binary, structure):
    """Offsets of a structure's members by name, as the debugging information has them."""
    text = subprocess.run(["llvm-dwarfdump", f"--name={structure}", "--show-children", binary], check=True,
                          capture_output=True, text=True).stdout
    offsets, tag, name, inside = {}, None, None, False
    for line in text.splitlines():
        if found := re.search(r"DW_TAG_(\w+)", line):
            tag = found.group(1)
        elif found := re.search(r'DW_AT_name\s+\("([^"]+)"\)', line):
            name = found.group(1)
            inside = name == structure if tag == "structure_type" else inside
        elif found := re.search(r"DW_AT_data_member_location\s+\((\d+)", line):
            if inside:
                offsets.setdefault(name, int(found.group(1)))
    return offsets


# The other machine is only compiled for.
MACHINES = ("amd64", "arm64") if SOAK else ("amd64",)


class Layout(unittest.TestCase):
    def truth(self, binary):
        g, m, gobuf = (members(binary, structure) for structure in FIELDS)
        truth = {f"g.{name}": g[name] for name in ("stack", "m", "goid", "labels")}
        truth.update({f"sched.{name}": g["sched"] + gobuf[name] for name in ("sp", "pc", "bp")})
        truth.update({f"m.{name}": m[name] for name in ("g0", "gsignal", "curg", "vdsoSP")})
        return truth

    def test_offsets_are_those_of_the_debugging_information(self):
        with tempfile.TemporaryDirectory() as folder:
            for toolchain in ("go1.18.10", "go1.20.14", *TOOLCHAINS):
                for machine in MACHINES:
                    with self.subTest(toolchain=toolchain, machine=machine):
                        binary = f"{folder}/goroutines-{toolchain}-{machine}"
                        environment = {**os.environ, "GOTOOLCHAIN": toolchain, "GOARCH": machine,
                                       "GODEBUG": "goindex=0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off",
                                       "CGO_ENABLED": "0"}
                        # Go 1.18 compresses it in a way that newer LLVM does not read.
                        subprocess.run(["go", "build", "-ldflags=-compressdwarf=false", "-o", binary, "."],
                                       check=True, env=environment, cwd=ROOT / "tests/targets/go/goroutines",
                                       capture_output=True)
                        ours = json.loads(subprocess.run([BUILD / "tests/oracle/go_layout", binary], check=True,
                                                         capture_output=True, text=True).stdout)
                        truth = self.truth(binary)
                        if machine == "arm64":  # decoded from the code, which is read for x86-64 only
                            self.assertEqual(ours.pop("m.vdsoSP"), 0)
                            truth.pop("m.vdsoSP")
                        self.assertEqual(ours, truth)
