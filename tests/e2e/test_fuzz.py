"""The fuzzers of what reads hostile bytes, for a short while each; `make fuzz` runs them longer."""

import subprocess
import unittest

from tests.e2e.fixture import ROOT, SOAK

SECONDS = 300 if SOAK else 10


class Fuzz(unittest.TestCase):
    def test_nothing_is_found_in_a_short_while(self):
        result = subprocess.run([ROOT / "tests/fuzz/run", str(SECONDS)], stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(result.returncode, 0, result.stdout[-3000:])
        for name in ("elf", "pclntab", "text", "pprof"):
            self.assertIn(f"fuzz: {name}", result.stdout)
