"""Binaries that are not where their paths say: the maps of the right one, or none."""

import os
import pathlib
import shutil
import tempfile
import threading
import time

from tests.e2e.fixture import SLOW, DaemonCase, Target, build_go, eventually
from tests.e2e.program_text import MAP_FUNCTION, ProgramText
from tests.e2e.test_maps import FUNCTIONS

OLD, NEW = "go1.19.13", "go1.26.4"  # other functions at other places, and maps of another kind
ANY_FUNCTION = r"(main|runtime)\..*"


class Binaries(DaemonCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "mapload"

    def start(self, command):
        program = self.use(Target([*command, "--pause", "1000"]))
        program.event("ready")
        return program

    def place(self, toolchain):
        """Another file of that path."""
        new = self.path.with_suffix(".new")
        shutil.copy(build_go("mapload", toolchain), new)
        os.replace(new, self.path)

    def check(self, program):
        """Its maps are told as they are, by those functions alone, and it counts on."""
        def told():
            sites = {site["caller"]: site for site in self.daemon.json("maps", "--pid", program.pid)["sites"]}
            known = "main.(*world).readText" in sites and all(site["map_type"] for site in sites.values())
            return sites if known else None
        sites = eventually(told, 30)
        self.assertTrue(sites, self.daemon.json("maps", "--pid", program.pid))
        for caller, site in sites.items():
            self.assertIn(caller, FUNCTIONS)
            _, operation, map_type, _ = FUNCTIONS[caller]
            self.assertEqual(site["operation"], operation)
            if map_type != "sync.Map":  # of old versions there is the map in it
                self.assertEqual(site["map_type"], map_type)
        while not program.lines.empty():
            program.lines.get()
        before = program.event("progress")["counts"]["main.readText"]
        self.assertGreater(program.event("progress")["counts"]["main.readText"], before)

    def test_a_binary_that_was_replaced_or_deleted(self):
        self.place(OLD)
        old = self.start([self.path])
        self.place(NEW)
        self.check(old)
        new = self.start([self.path])
        self.check(new)
        self.check(old)
        self.path.unlink()
        self.check(new)
        self.place(OLD)
        self.check(new)

    def test_the_map_of_a_runaway_whose_binary_was_replaced(self):
        shutil.copy(build_go("runaway", NEW), self.path)
        program = self.use(Target([self.path, "map", "--after", "2", "--throttle", "1000"]))
        self.place(OLD)
        program.event("onset", seconds=30)

        def told():
            return [event["map"] for event in self.daemon.json("recursion", "list")["events"]
                    if event["pid"] == program.pid and event["map"] and event["map"]["type"]]
        self.assertTrue(eventually(told, 20), self.daemon.json("recursion", "list"))
        self.assertEqual(told()[0]["type"], "map[string]interface {}")

    def test_a_binary_of_another_mount_namespace(self):
        """At its path here is another one."""
        self.place(NEW)
        elsewhere = build_go("mapload", OLD)
        program = self.start(["unshare", "-m", "sh", "-c", f'mount --bind {elsewhere} {self.path} && exec "$@"', "sh",
                              self.path])
        here = self.start([self.path])
        self.check(program)
        self.check(here)

    def test_breakpoints_are_in_no_other_function(self):
        self.place(OLD)
        program = self.start([self.path])
        others = ProgramText(program.pid, self.path, rf"(?!{MAP_FUNCTION}){ANY_FUNCTION}")
        maps = ProgramText(program.pid, self.path, MAP_FUNCTION)
        self.place(NEW)
        self.check(program)
        stop = threading.Event()

        def ask():
            while not stop.is_set():
                self.daemon.profctl("maps", "--pid", program.pid, check=False)
        asking = threading.Thread(target=ask)
        asking.start()
        self.addCleanup(asking.join)
        self.addCleanup(stop.set)
        windows = 0
        deadline = time.monotonic() + 40 * SLOW
        while time.monotonic() < deadline and windows < 5:
            if not maps.traps():
                continue
            # Recursion is watched for at two places, all the time.
            self.assertLessEqual(others.traps(), 2)
            windows += 1
        self.assertEqual(windows, 5, "so often it was looked while a window was open")
