"""The traps of map windows in a program's code: they are there for milliseconds, and none stays."""

import contextlib
import os
import pathlib
import random
import signal
import statistics
import threading
import time

from tests.e2e.fixture import SLOW, SOAK, Daemon, RootCase, build_go, eventually, go_target
from tests.e2e.program_text import MAP_FUNCTION, ProgramText


def children(pid):
    return [int(one) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for one in (task / "children").read_text().split()]


def comm(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


class Watch:
    """How long there were traps each time, seconds, while it is entered."""

    def __init__(self, text):
        self.text = text
        self.times = []
        self.stopping = False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        since = None
        while not self.stopping:
            there = self.text.traps() > 0
            now = time.monotonic()
            if there and since is None:
                since = now
            elif not there and since is not None:
                self.times.append(now - since)
                since = None
            time.sleep(0.001)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()


class Traps(RootCase):
    def setUp(self):
        self.daemon = Daemon().start()
        self.addCleanup(self.daemon.clean)
        self.addCleanup(lambda: self.daemon.process.poll() is None and self.daemon.kill())
        self.begin_program()
        self.asking = True

    def begin_program(self):
        self.program = go_target("mapload", "--pause", 0)
        self.addCleanup(self.program.stop)
        self.program.event("ready")
        self.text = ProgramText(self.program.pid, build_go("mapload"), MAP_FUNCTION)

    def ask(self):
        """Windows as often as the program can pay them."""
        def run():
            while self.asking:
                with contextlib.suppress(Exception):  # profd may have gone
                    self.daemon.profctl("maps", "--pid", self.program.pid, check=False)
                time.sleep(0.05)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(setattr, self, "asking", False)

    def wait_for_a_trap(self):
        self.assertTrue(eventually(self.text.traps, 40, every=0.0005), "no window opened")

    def test_a_window_is_short_and_leaves_none(self):
        self.ask()
        with Watch(self.text) as watch:
            self.assertTrue(eventually(lambda: len(watch.times) >= 12, 60), watch.times)
        times = sorted(1e3 * one for one in watch.times)
        print(f"    traps were there for {statistics.median(times):.1f} ms (median of {len(times)} windows), "
              f"{times[-1]:.1f} at most")
        # From the first trap to the last: putting them in and the window itself are in it.
        self.assertLess(statistics.median(times), 60 * SLOW)
        self.daemon.profctl("probes", "off")
        self.assertEqual(self.text.traps(), 0, "the switch returns when they are gone")
        time.sleep(1)
        self.assertEqual(self.text.traps(), 0)
        self.assertIsNone(self.program.process.poll())

    def test_none_is_left_by_a_profd_that_stops(self):
        self.ask()
        self.wait_for_a_trap()
        self.assertEqual(self.daemon.terminate(), 0)
        self.assertEqual(self.text.traps(), 0)
        self.assertIsNone(self.program.process.poll())

    def kill_at_a_trap(self, *others, within=0):
        """Kills profd when it has begun to put traps in, or so many seconds later."""
        self.asking = True
        self.ask()
        self.wait_for_a_trap()
        time.sleep(random.random() * within)
        for pid in (*others, self.daemon.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.daemon.process.wait()
        self.asking = False

    def test_none_is_left_by_a_profd_that_is_killed(self):
        took = []
        for _ in range(40 if SOAK else 12):
            self.kill_at_a_trap(within=random.choice([0, 0.003]))
            begin = time.monotonic()
            self.assertTrue(eventually(lambda: self.text.traps() == 0, 2, every=0.001), took)
            took.append(1e3 * (time.monotonic() - begin))
            self.daemon.start()
        print(f"    all traps gone {statistics.median(took):.1f} ms after profd (median of {len(took)}), "
              f"{max(took):.1f} at most")
        self.assert_lives()

    def test_what_is_left_when_all_of_profd_is_killed_goes_with_the_next(self):
        """Nearly always the kernel takes them away; not if they were just then put in, as may be here."""
        left = []
        for _ in range(6):
            [holder] = [pid for pid in children(self.daemon.process.pid) if comm(pid) == "profd-probes"]
            self.kill_at_a_trap(holder)
            time.sleep(0.3)
            left.append(self.text.traps())
            self.daemon.start()
            self.assertTrue(eventually(lambda: self.text.traps() == 0, 10, every=0.01), left)
            time.sleep(0.3)
            self.assertTrue(eventually(lambda: self.text.traps() == 0, 1, every=0.001), "but for a turn's")
        print(f"    traps left when all was killed while they were put in: {left}")
        self.assert_lives()

    def test_a_holder_that_was_stopped_goes_on(self):
        [holder] = [pid for pid in children(self.daemon.process.pid) if comm(pid) == "profd-probes"]
        self.ask()
        self.wait_for_a_trap()
        os.kill(holder, signal.SIGSTOP)
        begin = time.monotonic()
        self.assertEqual(self.daemon.terminate(), 0)
        self.assertLess(time.monotonic() - begin, 10 * SLOW)
        self.assertEqual(self.text.traps(), 0)
        self.assert_lives()

    def assert_lives(self):
        while not self.program.lines.empty():
            self.program.lines.get()
        self.assertGreater(self.program.event("progress")["cpu_ns"], 0)
        self.assertIsNone(self.program.process.poll())

    def test_a_program_that_ends_in_a_window_is_no_error(self):
        self.ask()
        for _ in range(3):
            self.wait_for_a_trap()
            self.program.process.kill()
            self.program.process.wait()
            self.begin_program()
        def closed():
            return sum(self.daemon.json("status")["map_windows"]["windows"].values())
        self.assertTrue(eventually(lambda: closed() >= 3, 10), closed())
        self.assertNotRegex(self.daemon.log(), r" (error|warning) .*maps of pid")
