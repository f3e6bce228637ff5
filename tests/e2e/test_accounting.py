"""Numbers that must agree with the kernel's: ticks, CPU time, samples."""

import os
import time
import unittest

from tests.e2e.fixture import DaemonCase, cpu_seconds, go_target, target

CPUS = len(os.sched_getaffinity(0))


class Conservation(DaemonCase):
    """Elapsed time x Hz = recorded + ignored + lost, on every CPU."""

    hz = 199
    flags = ("--sample-hz", "199")

    def measure(self, seconds):
        before, start = self.daemon.outcomes(), time.monotonic()
        time.sleep(seconds)
        after, end = self.daemon.outcomes(), time.monotonic()
        ticks = {name: count - before.get(name, 0) for name, count in after.items()}
        return ticks, (end - start) * self.hz * os.cpu_count()

    def assert_conserved(self, seconds=8):
        ticks, expected = self.measure(seconds)
        # The counters of the two readings are up to a flip old; a tick may be under way on each CPU.
        slack = 0.25 * self.hz * os.cpu_count() + os.cpu_count()
        self.assertAlmostEqual(sum(ticks.values()), expected, delta=slack, msg=ticks)
        return ticks

    def test_on_the_machine_as_it_is(self):
        self.assert_conserved()

    def test_under_load(self):
        self.use(target("spin", "--threads", 2 * CPUS))
        self.use(target("spin", "--threads", 2, "--system", 1))
        self.use(target("short_lived", "--per-minute", 3000))
        self.use(go_target("server"))
        ticks = self.assert_conserved()
        recorded = sum(count for name, count in ticks.items() if name.startswith("recorded"))
        self.assertGreater(recorded, 0.9 * sum(ticks.values()), ticks)

    def test_what_is_recorded_is_in_the_profile(self):
        self.use(target("spin", "--threads", CPUS))
        before = self.daemon.outcomes()
        profile = self.daemon.record(None, 5)
        after = self.daemon.outcomes()
        recorded = sum(count - before.get(name, 0) for name, count in after.items() if name.startswith("recorded"))
        # The readings of the counters lie around the recording, by some fractions of a second.
        self.assertLessEqual(profile.total(), recorded)
        self.assertGreater(profile.total(), 0.75 * recorded)


class CpuTime(DaemonCase):
    """CPU % of a process is the kernel's accounting, not an estimate from samples."""

    def percent_of(self, pid):
        """(what top says, what the kernel says) over about the same ten seconds."""
        self.daemon.json("top")
        before, start = cpu_seconds(pid), time.monotonic()
        time.sleep(10.5)
        kernel = 100 * (cpu_seconds(pid) - before) / (time.monotonic() - start)
        return self.daemon.processes()[pid]["cpu_percent"], kernel

    def test_of_a_process_that_has_a_cpu_half(self):
        cpu = {min(os.sched_getaffinity(0))}
        one, other = self.use(target("spin")), self.use(target("spin"))
        pid = one.event("ready")["pid"]
        for program in (one, other):
            os.sched_setaffinity(program.pid, cpu)
        ours, kernel = self.percent_of(pid)
        self.assertLess(kernel, 75)
        self.assertAlmostEqual(ours, kernel, delta=max(2, 0.05 * kernel))

    def test_of_a_process_of_many_threads(self):
        program = self.use(target("spin", "--threads", 2 * CPUS))
        ours, kernel = self.percent_of(program.event("ready")["pid"])
        self.assertGreater(kernel, 60)
        self.assertAlmostEqual(ours, kernel, delta=0.05 * kernel + 1)

    def test_of_a_process_with_many_short_sleeps_which_samples_see_badly(self):
        program = self.use(go_target("server", "-clients", "1"))
        ours, kernel = self.percent_of(program.event("ready")["pid"])
        self.assertAlmostEqual(ours, kernel, delta=0.08 * kernel + 1)

    def test_an_idle_process_uses_nothing(self):
        program = self.use(target("idle"))
        pid = program.event("ready")["pid"]
        time.sleep(2)
        # Its start is over: what is looked at begins now.
        row = {row["pid"]: row for row in self.daemon.json("top", "-d", "3s")["processes"]}.get(pid)
        self.assertTrue(row is None or row["cpu_percent"] == 0, row)
        top = self.daemon.top_functions(pid, "-d", "3s")
        self.assertEqual((top["samples"], top["functions"]), (0, []))

    def test_samples_stand_for_cpu_time(self):
        program = self.use(target("spin"))
        pid = program.event("ready")["pid"]
        before = cpu_seconds(pid)
        profile = self.daemon.record(pid, 8)
        used = cpu_seconds(pid) - before
        # 19 Hz over 8 s: 152 ticks on a free CPU; the deviation of a fair sampler is far below a fifth of that.
        self.assertAlmostEqual(profile.total("cpu") / 1e9, used, delta=0.2 * used)


class Metrics(DaemonCase):
    def test_ticks_and_cpu_seconds_rise_with_the_work(self):
        program = self.use(target("spin", "--name", "metered"))
        program.event("ready")
        before = self.daemon.metrics()
        time.sleep(12)
        after = self.daemon.metrics()

        def rise(prefix, *parts):
            return sum(value - before.get(name, 0) for name, value in after.items()
                       if name.startswith(prefix) and all(part in name for part in parts))

        self.assertGreater(rise("profd_samples_total", 'outcome="recorded"'), 50)
        self.assertGreater(rise("profd_process_cpu_seconds_total", 'command="metered"'), 1)


if __name__ == "__main__":
    unittest.main()
