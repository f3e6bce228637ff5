"""Deep recursion that comes back: never above growing below a quarter of its limit, never proven."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from tests.e2e.fixture import SOAK, DaemonCase, Target, build_go, go_version, target

GO_SHAPES = ["treewalk", "quicksort", "json", "grammar", "nestedmaps", "rlocks", "poll"]
SHALLOW = {"fib", "memo", "regex", "template", "quicksort", "json", "goparser", "poll"}
ALL_GO_SHAPES = GO_SHAPES + ["floodfill", "regex", "template", "fib", "memo", "goparser"]


class Honest(DaemonCase):
    def stories(self, pids=None):
        return [event for event in self.daemon.json("recursion", "list", "-n", 0)["events"]
                if pids is None or event["pid"] in pids]

    def assert_honest(self, events, what):
        for event in events:
            share = event["stack_bytes"] / event["stack_limit_bytes"] if event["stack_limit_bytes"] else 0
            self.assertNotEqual(event["grade"], "proven", what)
            if event["grade"] == "projected":
                self.assertGreaterEqual(share, 0.25, (what, event["reason"]))
            self.assertEqual(event["state"] in ("active", "ended"), True, (what, event["reason"]))

    def run_honest(self, command, seconds=60):
        program = self.use(Target(command))
        pid = program.event("ready")["pid"]
        program.event("done", seconds=seconds)
        program.process.wait(30)
        return self.stories({pid})

    def test_go_programs(self):
        binary = build_go("honest")
        for shape in ALL_GO_SHAPES if SOAK else GO_SHAPES:
            with self.subTest(shape=shape):
                events = self.run_honest([binary, shape, "--seconds", 20 if SOAK else 3])
                self.assert_honest(events, shape)
                if shape not in SHALLOW:
                    self.assertTrue(events, f"{shape} was not even observed")
                self.assertNotIn("projected", [event["grade"] for event in events])

    def test_c_programs(self):
        for shape in ("quicksort", "list", "parser"):
            with self.subTest(shape=shape):
                program = target("honest_c", shape, "--seconds", 3)
                command = program.command
                program.stop()
                self.assertNotIn("projected", [event["grade"] for event in self.run_honest(command)])

    def test_programs_whose_frame_pointers_lie(self):
        for mode in ("loop", "unmapped", "device", "deep", "changing"):
            with self.subTest(mode=mode):
                program = self.use(target("liar", mode))
                pid = program.event("ready")["pid"]
                profile = self.daemon.record(pid, 3)
                self.assertGreater(profile.total(), 5, "it was hardly sampled")
                self.assertFalse([event for event in self.stories({pid}) if event["grade"] != "observed"], mode)
                program.stop()

    def test_compilers(self):
        """gcc on deeply nested code, its linker, and Go's compiler and linker on a large module."""
        with tempfile.TemporaryDirectory() as folder:
            nested = pathlib.Path(folder) / "nested.c"
            depth = 3000
            nested.write_text("int f(int x) { return " + "(" * depth + "x" + ")" * depth + "; }\n"
                              "int main(void) { return f(0); }\n")
            subprocess.run(["gcc", "-O1", "-o", f"{folder}/nested", nested], check=True, stdin=subprocess.DEVNULL)
            if go_version() is not None:
                cache = pathlib.Path(folder) / "cache"
                subprocess.run(["go", "build", "-o", f"{folder}/go", "net/http"], check=True, cwd="/",
                               stdin=subprocess.DEVNULL, env={**os.environ, "GOCACHE": str(cache)})
                shutil.rmtree(cache, ignore_errors=True)
        commands = {"gcc", "cc1", "as", "collect2", "ld", "go", "compile", "asm", "link", "vet"}
        self.assert_honest([event for event in self.stories() if event["command"] in commands], "compilers")
