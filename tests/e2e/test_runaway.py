"""Recursion without end: told before the process dies, through the right cycle, and remembered afterwards."""

import math
import os
import pathlib
import statistics
import struct
import subprocess
import tempfile
import time

from tests.e2e.fixture import SOAK, Daemon, DaemonCase, RootCase, Target, build_go, eventually, target
from tests.e2e.program_text import ProgramText
from tests.e2e.recursion_watch import Watch, boot_ns, memory_cgroup, primitive, rotations

SHAPES = ["map", "mutual", "fmt", "cycle40", "random", "big"]
ALL_SHAPES = SHAPES + ["syncmap", "mutex", "stringer", "marshaljson", "closure", "generics", "iface"]
DEATHS = 3 if SOAK else 1     # of each shape with each toolchain, watched to their ends
RUNS = 25 if SOAK else 3      # of each shape with each toolchain, watched until told: a hundred
GRADES = ["observed", "growing", "projected", "proven"]
BOUNDS_MS = {"observed": 10, "growing": 50}  # p99 from onset, where nothing else runs and there are runs enough
TOOLCHAINS = ["local", "go1.19.13", "go1.23.12", "go1.27.4"] if SOAK else ["local"]
AFTER = 2  # seconds that a process has lived before it recurses
AHEAD = 6  # processes that wait for their turn to recurse


class WatchCase(DaemonCase):
    """A daemon and a client that watches it."""

    def setUp(self):
        self.watch = Watch(self.daemon)
        self.addCleanup(self.watch.stop)

    def run_to_death(self, command, **options):
        """(ready, onset, boot time of its death, its events with their times of arrival)."""
        program = self.use(Target(command, **options))
        ready = program.event("ready")
        onset = program.event("onset", seconds=30)
        program.process.wait(120)
        died = boot_ns()
        pid = ready["pid"]
        # Its end, and its names, may come a little after it.
        eventually(lambda: any(event["state"] != "active" for _, event in self.watch.of(pid)), seconds=10)
        eventually(lambda: all("+0x" not in frame["name"] and not frame["name"].startswith("0x")
                               for _, event in self.watch.of(pid)[-1:] for frame in event["cycle"]), seconds=5)
        time.sleep(0.3)
        return ready, onset, died, self.watch.of(pid)

    def told_before(self, events, died, grade):
        """The boot time of the first event of that grade or a higher one, which must be before the death."""
        first = [at for at, event in events if GRADES.index(event["grade"]) >= GRADES.index(grade)]
        self.assertTrue(first, f"never {grade}: {[event['grade'] for _, event in events]}")
        self.assertLess(first[0], died, f"{grade} after the death")
        return first[0]


class GoRunaway(WatchCase):
    def check(self, shape, toolchain):
        binary = build_go("runaway", toolchain)
        with tempfile.NamedTemporaryFile() as counter:
            counter.write(bytes(8))
            counter.flush()
            _, onset, died, events = self.run_to_death([binary, shape, "--after", AFTER, "--counter", counter.name])
            levels = struct.unpack("=Q", pathlib.Path(counter.name).read_bytes()[:8])[0]
        self.told_before(events, died, "projected")
        # Its other stories, of the time before they had names or of shallow recursions beside, are none of this.
        last = [event for _, event in events if event["grade"] == "projected"][-1]
        self.assertEqual(last["state"], "crashed", last["reason"])
        self.assertEqual(last["trigger"], "fatal_error")
        self.assertGreater(last["goroutine"], 0)
        cycle = [frame["name"] for frame in last["cycle"]]
        truth = primitive(onset["cycle"])
        if shape == "random":
            self.assertTrue(set(cycle) <= set(truth), cycle)
        else:
            self.assertIn(cycle, rotations(truth))
        self.assertIn(onset["entry"], [frame["name"] for frame in last["entry"]])
        self.assertIn(onset["root"], [frame["name"] for frame in last["root"] + last["entry"]])
        # Within one cycle of what the program itself counted, besides the frames above and below.
        # Inlined calls are frames, as in the cycle.
        per_cycle = onset["frames_per_cycle"] if shape == "random" else len(onset["cycle"])
        frames = levels // onset["levels_per_cycle"] * per_cycle
        slack = 3 * per_cycle + 40 if last["depth_exact"] else 2 * last["depth_error"]
        self.assertLess(slack, frames, "no estimate at all")
        self.assertAlmostEqual(last["depth"], frames, delta=slack)
        self.assertNotEqual(last["advice"], "")

    def test_each_shape_is_told_before_the_death(self):
        for toolchain in TOOLCHAINS:
            for shape in ALL_SHAPES if SOAK else SHAPES:
                for run in range(DEATHS):
                    with self.subTest(toolchain=toolchain, shape=shape, run=run):
                        self.check(shape, toolchain)

    def told_alive(self, program):
        """{grade: ms from onset until the first event of it or a higher one came}, each while the program lived."""
        onset = program.event("onset", seconds=30)["boot_ns"]
        found = {}

        def told():
            # What it tried before, to learn its own cycle, is none of it.
            for at, event in self.watch.of(program.pid):
                for grade in GRADES[:GRADES.index(event["grade"]) + 1]:
                    if at > onset:
                        found.setdefault(grade, (at - onset) / 1e6)
            return "projected" in found or program.process.poll() is not None

        eventually(told, seconds=30, every=0.05)
        self.assertIn("projected", found)
        lived = math.inf if program.ended_ns is None else (program.ended_ns - onset) / 1e6
        self.assertLess(max(found.values()), lived, "told after the death")
        return found

    def test_how_soon_each_shape_is_told(self):
        """Several wait for their turn while one recurses; each ends as soon as all is told."""
        print()
        for shape in ALL_SHAPES if SOAK else SHAPES:
            latencies = {grade: [] for grade in GRADES[:3]}
            turns = [toolchain for toolchain in TOOLCHAINS for _ in range(RUNS)]
            waiting = []
            for toolchain in turns + [None] * AHEAD:
                if toolchain:
                    command = [build_go("runaway", toolchain), shape, "--on-input"]
                    program = self.use(Target(command, stdin=subprocess.PIPE))
                    program.event("ready")
                    waiting.append((time.monotonic(), toolchain, program))
                if len(waiting) < AHEAD and toolchain:
                    continue
                since, of, program = waiting.pop(0)
                time.sleep(max(0, since + AFTER - time.monotonic()))
                with self.subTest(shape=shape, toolchain=of):
                    program.process.stdin.write("\n")
                    program.process.stdin.flush()
                    for grade, ms in self.told_alive(program).items():
                        latencies[grade].append(ms)
                program.stop()
                if not waiting:
                    break
            for grade, values in latencies.items():
                values.sort()
                p99 = values[math.ceil(len(values) * 0.99) - 1]
                print(f"    {shape}: ms from onset to {grade} in {len(values)} of {len(turns)} runs: "
                      f"median {statistics.median(values):.1f}, p99 {p99:.1f}, most {values[-1]:.1f}", flush=True)
                with self.subTest(shape=shape, grade=grade):
                    self.assertTrue(not SOAK or p99 <= BOUNDS_MS.get(grade, math.inf), f"p99 {p99:.1f} ms")

    def test_a_crash_loop_is_one_story(self):
        binary = build_go("runaway")
        stories = []
        for _ in range(2):
            *_, events = self.run_to_death([binary, "closure", "--after", 1])
            stories.append(events[-1][1])
        self.assertEqual(stories[0]["id"], stories[1]["id"])
        self.assertNotEqual(stories[0]["pid"], stories[1]["pid"])
        self.assertEqual(stories[1]["occurrences"], stories[0]["occurrences"] + 1)
        shown = self.daemon.profctl("recursion", "show", stories[0]["id"]).stdout
        self.assertIn("CRASHED", shown)

    def test_fifty_at_once_in_a_memory_cgroup(self):
        for toolchain in TOOLCHAINS:
            binary = build_go("runaway", toolchain)
            for run in range(RUNS if SOAK else 1):
                with self.subTest(toolchain=toolchain, run=run), memory_cgroup(1 << 30) as procs:
                    if procs is None:
                        self.skipTest("no memory cgroup can be made here")
                    join = f"echo $$ > {procs}; exec {binary} fifty --after {AFTER}"
                    _, _, died, events = self.run_to_death(["sh", "-c", join])
                    self.told_before(events, died, "projected")
                    self.assertLessEqual(len({event["id"] for _, event in events}), 2,
                                         "one story, and one while it had no names")

    def test_ten_thousand_goroutines_are_one_story(self):
        binary = build_go("runaway")
        with memory_cgroup(4 << 30) as procs:
            if procs is None:
                self.skipTest("no memory cgroup can be made here")
            run = f"exec {binary} fifty --goroutines 10000 --max-stack {256 << 10} --after {AFTER}"
            _, _, died, events = self.run_to_death(["sh", "-c", f"echo $$ > {procs}; {run}"])
        self.told_before(events, died, "growing")
        self.assertLessEqual(len({event["id"] for _, event in events}), 2, "one story, and one while it had no names")
        self.assertLess(len(events), 200, "a flood of events")
        self.assertLess(self.daemon.json("status")["rss_bytes"], 80 << 20)

    def test_the_oom_killer_is_named(self):
        binary = build_go("runaway")
        with memory_cgroup(256 << 20) as procs:
            if procs is None:
                self.skipTest("no memory cgroup can be made here")
            join = f"echo $$ > {procs}; exec {binary} map --after {AFTER}"
            _, _, died, events = self.run_to_death(["sh", "-c", join])
        self.told_before(events, died, "projected")
        last = events[-1][1]
        self.assertEqual(last["state"], "oom_killed", last["reason"])
        self.assertIn("memory.", last["limit_reason"])
        self.assertLess(last["stack_limit_bytes"], 256 << 20)


class NativeRunaway(WatchCase):
    def test_a_fault_at_the_end_of_the_stack_tells_all(self):
        for name, shape in (("runaway_c", "direct"), ("runaway_c", "mutual"), ("runaway_c", "cycle3"),
                            ("runaway_c", "thread"), ("runaway_cpp", "direct"), ("runaway_cpp", "thread"),
                            ("runaway_rust", "direct"), ("runaway_rust", "mutual")):
            with self.subTest(name=name, shape=shape):
                program = target(name, shape, "--after", 1)
                command = program.command
                program.stop()
                _, onset, _, events = self.run_to_death(command)
                self.assertTrue(events, "nothing was told")
                last = events[-1][1]
                self.assertEqual((last["grade"], last["state"]), ("projected", "crashed"), last["reason"])
                self.assertEqual(last["trigger"], "fatal_signal")
                self.assertIn([frame["name"] for frame in last["cycle"]], rotations(primitive(onset["cycle"])))
                self.assertGreater(last["stack_bytes"], 0.75 * last["stack_limit_bytes"])
                self.assertLessEqual(last["stack_limit_bytes"], (8 << 20) + 4096 if shape != "thread" else 520 << 10)


    def test_an_overflow_in_c_that_go_called(self):
        program = self.use(Target([build_go("callc"), "overflow"]))
        pid = program.event("ready")["pid"]
        program.process.wait(30)
        told = eventually(lambda: [event for _, event in self.watch.of(pid) if event["state"] == "crashed"], 10)
        self.assertTrue(told, self.watch.of(pid))
        self.assertEqual(told[-1]["grade"], "projected")
        named = eventually(lambda: [event for _, event in self.watch.of(pid)
                                    if [frame["name"] for frame in event["cycle"]] == ["overflow_in_c"]], 5)
        self.assertTrue(named, self.watch.of(pid))


class Probes(RootCase):
    """What stands in other programs' code, and that it goes."""

    def armed(self, pid, binary):
        return ProgramText(pid, binary, r"runtime\.\(\*mheap\)\.allocManual").traps() > 0

    def start(self, *flags, home=None):
        daemon = Daemon(*flags, home=home).start()
        self.addCleanup(lambda: daemon.process.poll() is None and daemon.kill())
        return daemon

    def idle(self):
        binary = build_go("runaway")
        program = Target([binary, "map", "--after", 600])
        self.addCleanup(program.stop)
        return program.event("ready")["pid"], binary

    def test_they_come_by_themselves_and_go_with_the_switch_and_the_daemon(self):
        pid, binary = self.idle()
        daemon = self.start()
        self.addCleanup(daemon.clean)
        self.assertTrue(eventually(lambda: self.armed(pid, binary), 20), "never armed")
        probes = daemon.json("status")["probes"]
        self.assertTrue(probes["on"])
        self.assertGreater(probes["trap_cost_ns"], 0)
        self.assertIn("armed", [one["state"] for one in probes["binaries"] if one["path"] == str(binary)])
        self.assertIn("off", daemon.profctl("probes", "off").stdout)
        self.assertFalse(self.armed(pid, binary), "armed although switched off")
        daemon.profctl("probes", "on")
        self.assertTrue(self.armed(pid, binary), "not armed although switched on")
        self.assertEqual(daemon.terminate(), 0)
        self.assertFalse(self.armed(pid, binary), "left armed by a daemon that has stopped")

    def test_two_daemons_do_not_take_each_others_breakpoints_for_the_programs_code(self):
        pid, binary = self.idle()
        for _ in range(2):
            daemon = self.start()
            self.addCleanup(daemon.clean)
            states = eventually(lambda: [one["state"] for one in daemon.json("status")["probes"]["binaries"]
                                         if one["path"] == str(binary)], 20)
            self.assertEqual(states, ["armed"])
        self.assertTrue(self.armed(pid, binary))

    def test_they_go_when_the_daemon_is_killed(self):
        pid, binary = self.idle()
        daemon = self.start()
        self.addCleanup(daemon.clean)
        self.assertTrue(eventually(lambda: self.armed(pid, binary), 20), "never armed")
        daemon.kill()
        self.assertTrue(eventually(lambda: not self.armed(pid, binary), 5), "left armed by a daemon that was killed")

    def test_what_they_cost_a_program_is_metered(self):
        """A program whose stacks grow all the time loses the probe, shown so, and gets it back when it has paid."""
        daemon = self.start()
        self.addCleanup(daemon.clean)
        binary = build_go("churn")
        seconds = 12
        program = Target([binary, seconds])
        self.addCleanup(program.stop)
        pid = program.event("ready")["pid"]

        def states():
            return [one for one in daemon.json("status")["probes"]["binaries"] if one["path"] == str(binary)]

        metered = eventually(lambda: [one for one in states() if one["state"].startswith("metered")], 8)
        self.assertTrue(metered, states())
        self.assertFalse(self.armed(pid, binary), "metered, and its trap is still there")
        self.assertGreater(metered[0]["hits"], 0)
        used = program.event("done", seconds=30)["cpu_ns"]
        cost = max(one["cost_ns"] for one in states())
        self.assertLess(cost, 0.01 * used + 20e6 + 20e6, "more than its share and the overdraft, told late")
        program.process.wait(10)
        self.assertTrue(eventually(lambda: [one for one in states() if one["state"] == "armed"], 10), states())

    def test_an_excluded_program_has_none_and_no_story(self):
        daemon = self.start("--exclude", "command=runaway")
        self.addCleanup(daemon.clean)
        pid, binary = self.idle()
        time.sleep(3)
        self.assertFalse(self.armed(pid, binary))
        program = Target([binary, "map", "--after", 1])
        self.addCleanup(program.stop)
        program.process.wait(60)
        self.assertEqual([event for event in daemon.json("recursion", "list")["events"] if event["pid"] == program.pid],
                         [])

    def test_without_probes_the_tick_finds_it(self):
        daemon = self.start("--map-probes", "off")
        self.addCleanup(daemon.clean)
        program = Target([build_go("runaway"), "map", "--after", AFTER])
        self.addCleanup(program.stop)
        program.process.wait(60)
        events = eventually(lambda: [event for event in daemon.json("recursion", "list")["events"]
                                     if event["pid"] == program.pid], 10)
        self.assertEqual(events[0]["grade"], "projected", events)
        self.assertEqual(events[0]["state"], "crashed", events[0]["reason"])

    def test_a_story_outlives_a_daemon_that_is_killed(self):
        with tempfile.TemporaryDirectory() as home:
            daemon = self.start(home=home)
            # So slow that it is in the middle of it when profd dies.
            program = Target([build_go("runaway"), "map", "--after", AFTER, "--throttle", "1000"])
            self.addCleanup(program.stop)
            program.event("onset", seconds=30)
            growing = eventually(lambda: [event for event in daemon.json("recursion", "list")["events"]
                                          if event["grade"] != "observed" and "+0x" not in event["cycle"][0]["name"]],
                                 20)
            self.assertTrue(growing)
            daemon.kill()
            daemon = self.start(home=home)
            events = daemon.json("recursion", "list")["events"]
            self.assertIn(growing[0]["id"], [event["id"] for event in events])
            # And it goes on.
            again = eventually(lambda: [event for event in daemon.json("recursion", "list")["events"]
                                        if event["id"] == growing[0]["id"] and event["state"] == "active" and
                                        event["depth"] > growing[0]["depth"]], 20)
            self.assertTrue(again)
            self.assertEqual(daemon.terminate(), 0)

    def test_a_damaged_store_is_set_aside_and_said_so(self):
        with tempfile.TemporaryDirectory() as home:
            data = pathlib.Path(home) / "data"
            data.mkdir()
            (data / "events.db").write_bytes(os.urandom(8192))
            daemon = self.start(home=home)
            self.assertIn("damaged", daemon.log())
            self.assertEqual(len(list(data.glob("events.db.damaged-*"))), 1)
            self.assertEqual(daemon.json("recursion", "list")["events"], [])
            self.assertEqual(daemon.terminate(), 0)
