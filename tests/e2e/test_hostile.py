"""Binaries that lie and workers that die: profd goes on, shows what it does not know, and counts it."""

import os
import pathlib
import signal
import subprocess
import tempfile
import time

from tests.e2e.fixture import ROOT, TARGETS, DaemonCase, Target, eventually, target


def descendants(pid):
    """Pids of all children of a process, and theirs."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)] if pathlib.Path(f"/proc/{child}").exists() else []
    return found


class Hostile(DaemonCase):
    def analyses(self):
        """Object analyses so far, by result."""
        return {name: value for name, value in self.daemon.metrics().items()
                if name.startswith("profd_object_analyses_total")}

    def assert_serving(self):
        pid = self.use(target("spin")).event("ready")["pid"]
        profile = self.daemon.record(pid, 2)
        self.assertGreater(profile.flat().get("burn", 0), 0.8 * profile.total(), profile.flat())

    def test_crafted_binaries_harm_nobody_but_themselves(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        generator = ROOT / "tests/targets/scripts/hostile_elf.py"
        subprocess.run([str(generator), str(TARGETS / "spin"), folder.name], check=True, stdout=subprocess.DEVNULL)
        before, rss = self.analyses(), self.rss()
        binaries = sorted(pathlib.Path(folder.name).iterdir())
        # A few at a time, so that each gets ticks on a small machine.
        for start in range(0, len(binaries), 4):
            programs = [self.use(Target([binary, "--seconds", 8])) for binary in binaries[start:start + 4]]
            pids = {program.event("ready")["pid"]: binary.name for program, binary in zip(programs, binaries[start:])}
            profile = self.daemon.record(None, 6)
            for pid, kind in pids.items():
                with self.subTest(kind=kind):
                    samples = [sample for sample in profile.samples if sample.labels["pid"] == pid]
                    self.assertTrue(samples, "it spins and was not sampled")
                    for sample in samples:
                        for name in sample.frames():
                            self.assertLess(len(name), 5000)
            for program in programs:
                program.stop()
        self.assertLess(self.rss() - rss, 64 << 20)
        after = self.analyses()
        risen = {name for name, value in after.items() if value > before.get(name, 0)}
        self.assertTrue(any('result="ok"' not in name for name in risen), f"no failure was counted: {after}")
        self.assert_serving()

    def rss(self):
        return int(pathlib.Path(f"/proc/{self.daemon.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_killing_workers_leaves_it_serving(self):
        killed = 0
        deadline = time.monotonic() + 60
        while killed < 5 and time.monotonic() < deadline:
            # New binaries keep workers busy: each copy is another file.
            with tempfile.TemporaryDirectory() as folder:
                copy = pathlib.Path(folder) / "symbols"
                copy.write_bytes((TARGETS / "symbols_cpp").read_bytes() + os.urandom(16))
                copy.chmod(0o755)
                program = Target([copy, "--seconds", "3"])
                program.event("ready")
                end = time.monotonic() + 4
                while time.monotonic() < end:
                    for pid in descendants(self.daemon.pid):
                        try:
                            os.kill(pid, signal.SIGKILL)
                            killed += 1
                        except ProcessLookupError:
                            pass
                    time.sleep(0.005)
                program.stop()
        self.assertGreater(killed, 0, "no worker was ever seen")
        self.assertIsNone(self.daemon.process.poll())
        self.assertTrue(eventually(lambda: self.recovered(), 60, 1), "symbols never came back")

    def recovered(self):
        program = target("symbols_cpp", "--seconds", 5)
        try:
            pid = program.event("ready")["pid"]
            return "shop::detail::Basket::operator+=(int)" in self.daemon.record(pid, 2).flat()
        finally:
            program.stop()

    def test_a_perf_map_that_lies_is_only_its_own_problem(self):
        program = self.use(target("perf_map_jit"))
        truth = program.event("ready")
        attacks = [b"\xff" * 100000, b"0 ffffffffffffffff all\n" * 1000, b"zz yy xx\n",
                   b"1000 10 " + b"n" * (1 << 20) + b"\n"]
        for attack in attacks:
            pathlib.Path(truth["map"]).write_bytes(attack)
            profile = self.daemon.record(truth["pid"], 1)
            for name in profile.flat():
                self.assertLess(len(name), 5000)
        # A map that is a device or a pipe must block nobody.
        pathlib.Path(truth["map"]).unlink()
        os.mkfifo(truth["map"])
        self.daemon.record(truth["pid"], 1)
        pathlib.Path(truth["map"]).unlink()
        os.symlink("/dev/zero", truth["map"])
        self.daemon.record(truth["pid"], 1)
        self.assert_serving()

    def test_a_worker_has_no_way_out(self):
        """Its limits are seen from outside: no capabilities, no new privileges, a filter on system calls."""
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "many"
            subprocess.run(["cp", str(TARGETS / "symbols_cpp"), str(copy)], check=True)
            with open(copy, "ab") as file:
                file.write(os.urandom(32))
            program = self.use(Target([copy, "--seconds", 20]))
            program.event("ready")

            def worker_status():
                for pid in descendants(self.daemon.pid):
                    try:
                        status = dict(line.split(":\t", 1) for line in
                                      pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
                    except OSError:
                        continue
                    if status.get("Seccomp", "0").strip() == "2":
                        return status
                return None

            status = eventually(worker_status, 30, 0.002)
            self.assertTrue(status, "no worker under a filter was seen")
            self.assertEqual(int(status["CapEff"], 16), 0)
            self.assertEqual(int(status["CapPrm"], 16), 0)
            self.assertEqual(int(status["CapBnd"], 16), 0)
            self.assertEqual(status["NoNewPrivs"].strip(), "1")
