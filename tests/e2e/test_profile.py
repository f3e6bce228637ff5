"""Profiles: valid, equal to what `top` says, readable by Go's own pprof and by the other formats' readers."""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest
import urllib.request
import xml.etree.ElementTree

from tests.e2e import pprof_reader
from tests.e2e.fixture import BUILD, DaemonCase, cpu_seconds, eventually, free_port, go_target, go_version, target

ROW = re.compile(r"^\s*(\d+)\s+[\d.]+%\s+[\d.]+%\s+(\d+)\s+[\d.]+%\s+(.*)$")
HEADER = re.compile(r"^\s+flat\s+flat%")


def pprof_top(source):
    """{function: (flat, cum)} as `go tool pprof -top` counts samples."""
    command = ["go", "tool", "pprof", "-top", "-sample_index=samples", "-nodefraction=0", "-nodecount=100000",
               "-symbolize=none", str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/", stdin=subprocess.DEVNULL,
                            timeout=180)
    rows = [ROW.match(line) for line in result.stdout.splitlines()]
    return {row[3].removesuffix(" (inline)").removesuffix(" (partial-inline)"): (int(row[1]), int(row[2]))
            for row in rows if row}


@unittest.skipIf(go_version() is None, "no Go toolchain is installed, and go tool pprof is the judge here")
class PprofAgrees(DaemonCase):
    def assert_same_as_top(self, pid):
        top = self.daemon.top_functions(pid)
        path = self.daemon.home / "window.pb.gz"
        window = ("--since", top["window_start"], "--until", top["window_end"])
        self.daemon.profctl("record", "--pid", pid, *window, "-f", path)
        theirs = pprof_top(path)
        theirs.pop("[recursion]", None)
        ours = {row["name"]: (row["flat"], row["cum"]) for row in top["functions"] if row["name"] != "[recursion]"}
        self.assertEqual(ours, theirs)
        self.assertGreater(top["samples"], 20)
        self.assertEqual(sum(flat for flat, _ in ours.values()), top["samples"])

    def test_on_a_go_server(self):
        program = self.use(go_target("server"))
        pid = program.event("ready")["pid"]
        time.sleep(5)
        self.assert_same_as_top(pid)

    def test_on_a_recursion(self):
        program = self.use(target("recurse_c", "--mode", "cycle3", "--depth", 100_000))
        pid = program.event("ready")["pid"]
        time.sleep(3)
        self.assert_same_as_top(pid)

    def test_on_cpp_names(self):
        program = self.use(target("symbols_cpp"))
        pid = program.event("ready")["pid"]
        time.sleep(3)
        self.assert_same_as_top(pid)

    def test_the_http_endpoint_is_what_go_tool_pprof_expects(self):
        program = self.use(target("spin"))
        pid = program.event("ready")["pid"]
        url = (f"http://127.0.0.1:{self.daemon.port}/debug/pprof/profile?seconds=2&pid={pid}"
               f"&token={self.daemon.token()}")
        self.assertIn("burn", pprof_top(url))

    def test_pprof_serves_a_recorded_profile_in_a_browser(self):
        program = self.use(target("spin"))
        pid = program.event("ready")["pid"]
        path = self.daemon.home / "browser.pb.gz"
        self.daemon.profctl("record", "--pid", pid, "-d", "2s", "-f", path)
        port = free_port()
        viewer = subprocess.Popen(["go", "tool", "pprof", "-symbolize=none", "-no_browser", f"-http=127.0.0.1:{port}",
                                   str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, start_new_session=True, cwd="/")

        def stop():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(viewer.pid, signal.SIGKILL)
            viewer.wait()

        self.addCleanup(stop)

        def page():
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/ui/top", timeout=10).read().decode()
            return ""

        self.assertIn("burn", eventually(page, 60))


class Profiles(DaemonCase):
    def test_a_profile_is_complete(self):
        program = self.use(target("spin", "--threads", 1, "--name", "my-spin"))
        truth = program.event("ready")
        before, cpu_before = time.time_ns(), cpu_seconds(truth["pid"])
        profile = self.daemon.record(truth["pid"], 3)
        cpu = cpu_seconds(truth["pid"]) - cpu_before
        self.assertEqual(profile.sample_types, [("samples", "count"), ("cpu", "nanoseconds")])
        self.assertEqual(profile.period_type, ("cpu", "nanoseconds"))
        self.assertAlmostEqual(profile.period, 1e9 / 19, delta=1e3)
        self.assertAlmostEqual(profile.duration_nanos, 3e9, delta=1e9)
        self.assertAlmostEqual(profile.time_nanos, before, delta=5e9)
        self.assertAlmostEqual(profile.total("cpu"), cpu * 1e9, delta=0.2 * cpu * 1e9)
        self.assertEqual(profile.total("cpu"), profile.total("samples") * profile.period)
        for sample in profile.samples:
            self.assertEqual(sample.labels["pid"], truth["pid"])
            self.assertEqual(sample.labels["tid"], truth["pid"])
            self.assertIn("my-spin", sample.labels.values())
        spin = [mapping for mapping in profile.mappings if mapping.file.endswith("/spin")]
        self.assertEqual(len(spin), 1)
        notes = subprocess.run(["readelf", "-n", program.command[0]], capture_output=True, text=True, check=True).stdout
        self.assertEqual(spin[0].build_id, re.search(r"Build ID: ([0-9a-f]+)", notes)[1])

    def test_a_profile_of_all_has_every_busy_process(self):
        one, two = self.use(target("spin")), self.use(target("symbols_cpp"))
        pids = {one.event("ready")["pid"], two.event("ready")["pid"]}
        profile = self.daemon.record(None, 3)
        self.assertLessEqual(pids, {sample.labels["pid"] for sample in profile.samples})

    def test_the_same_window_twice_gives_the_same_bytes(self):
        program = self.use(target("symbols_cpp"))
        pid = program.event("ready")["pid"]
        time.sleep(3)
        top = self.daemon.top_functions(pid)
        contents = []
        for attempt in range(2):
            path = self.daemon.home / f"same-{attempt}.pb.gz"
            window = ("--since", top["window_start"], "--until", top["window_end"])
            self.daemon.profctl("record", "--pid", pid, *window, "-f", path)
            contents.append(path.read_bytes())
        self.assertEqual(contents[0], contents[1])

    def test_the_four_formats_are_what_they_claim(self):
        program = self.use(target("recurse_c", "--mode", "cycle3", "--depth", 1000))
        pid = program.event("ready")["pid"]
        for kind in ("pprof", "folded", "svg", "speedscope"):
            with self.subTest(kind=kind):
                path = self.daemon.home / f"profile.{kind}"
                self.daemon.profctl("record", "--pid", pid, "-d", "1s", "--format", kind, "-f", path)
                if kind == "pprof":
                    self.assertGreater(pprof_reader.read(path).total(), 0)
                elif kind == "folded":
                    for line in path.read_text().splitlines():
                        self.assertRegex(line, r"^.+ \d+$")
                elif kind == "svg":
                    root = xml.etree.ElementTree.parse(path).getroot()
                    self.assertTrue(root.tag.endswith("svg"))
                    self.assertIn("spin_leaf", path.read_text())
                else:
                    scope = json.loads(path.read_text())
                    self.assertIn("speedscope", scope["$schema"])
                    frames = scope["shared"]["frames"]
                    for profile in scope["profiles"]:
                        self.assertEqual(profile["type"], "sampled")
                        self.assertEqual(len(profile["samples"]), len(profile["weights"]))
                        indices = {index for stack in profile["samples"] for index in stack}
                        self.assertLessEqual(indices, set(range(len(frames))))
                    self.assertIn("spin_leaf", [frame["name"] for frame in frames])

    def test_an_interrupted_recording_keeps_what_it_has(self):
        program = self.use(target("spin"))
        pid = program.event("ready")["pid"]
        path = self.daemon.home / "interrupted.pb.gz"
        recording = subprocess.Popen([str(BUILD / "profctl"), "--address", f"unix://{self.daemon.socket}", "record",
                                      "--pid", str(pid), "-d", "60s", "-f", str(path)], stdin=subprocess.DEVNULL)
        time.sleep(3)
        recording.send_signal(signal.SIGINT)
        recording.wait(20)
        self.assertIn(recording.returncode, (0, 130))
        self.assertGreater(pprof_reader.read(path).total(), 20)

    def test_a_recording_does_not_disturb_another(self):
        program = self.use(target("spin"))
        pid = program.event("ready")["pid"]
        lengths = (2, 3, 4, 3)
        before, started = cpu_seconds(pid), time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            profiles = list(pool.map(lambda seconds: self.daemon.record(pid, seconds), lengths))
        share = (cpu_seconds(pid) - before) / (time.monotonic() - started)
        for profile, seconds in zip(profiles, lengths):
            self.assertAlmostEqual(profile.total(), 19 * seconds * share, delta=0.4 * 19 * seconds * share)
            self.assertAlmostEqual(profile.duration_nanos, seconds * 1e9, delta=1e9)


if not shutil.which("readelf"):
    raise RuntimeError("readelf (binutils) is missing: run deploy/packages test")
