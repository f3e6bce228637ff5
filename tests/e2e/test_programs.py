"""Which program a sample belongs to: exec, reused pids, short lives, names, files that are gone, exclusions."""

import os
import pathlib
import shutil
import tempfile
import time

from tests.e2e.fixture import TARGETS, DaemonCase, Target, cpu_seconds, eventually, target


class Identity(DaemonCase):
    def test_a_program_that_execs_another_is_two_programs(self):
        program = self.use(target("exec_chain_first", "--seconds", 3))
        pid = program.event("first")["pid"]
        profile = self.daemon.record(None, 6)
        program.event("done")
        of_pid = [sample for sample in profile.samples if sample.labels["pid"] == pid]
        seen = {"first_program": set(), "second_program": set()}
        for sample in of_pid:
            names = set(sample.frames()) & seen.keys()
            self.assertLess(len(names), 2, sample.frames())
            for name in names:
                seen[name].add(sample.labels.get("command"))
        self.assertTrue(seen["first_program"] and seen["second_program"], seen)
        self.assertEqual(seen["first_program"], {"exec_chain_firs"})
        self.assertEqual(seen["second_program"], {"exec_chain_seco"})
        totals = profile.flat()
        self.assertGreater(totals["first_program"], 20)
        self.assertGreater(totals["second_program"], 20)

    def test_a_reused_pid_is_two_programs(self):
        program = self.use(target("pid_reuse", "--seconds", 2.5))
        pid = program.event("first-life")["pid"]
        profile = self.daemon.record(None, 5)
        for sample in profile.samples:
            if sample.labels["pid"] == pid:
                self.assertLess(len({"first_life", "second_life"} & set(sample.frames())), 2)
                if "first_life" in sample.frames():
                    self.assertIn("first-life", sample.labels.values())
                if "second_life" in sample.frames():
                    self.assertIn("second-life", sample.labels.values())
        self.assertGreater(profile.cum().get("first_life", 0), 15)
        self.assertGreater(profile.cum().get("second_life", 0), 15)

    def test_threads_have_their_names(self):
        program = self.use(target("thread_names"))
        pid = program.event("ready")["pid"]
        profile = self.daemon.record(pid, 4)
        names = {label for sample in profile.samples for label in sample.labels.values() if isinstance(label, str)}
        self.assertLessEqual({"reader", "writer"}, names)
        self.assertGreaterEqual(len({sample.labels["tid"] for sample in profile.samples}), 3)

    def test_foreign_names_are_escaped_for_a_terminal(self):
        # The name of the process itself is an attack on the terminal.
        program = self.use(target("spin", "--name", "\033[31mred\a"))
        pid = program.event("ready")["pid"]
        eventually(lambda: pid in self.daemon.processes(), 15)
        for arguments in (("top",), ("top", "--pid", pid), ("ps",)):
            with self.subTest(arguments=arguments):
                text = self.daemon.profctl(*arguments, "--color", "never").stdout
                self.assertIn("red", text)
                self.assertFalse({character for character in text if ord(character) < 32 and character != "\n"}, text)

    def test_a_deleted_executable_keeps_its_symbols(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "deleted"
            shutil.copy(TARGETS / "deleted", copy)
            program = self.use(Target([copy]))
            truth = program.event("ready")
            self.assertFalse(copy.exists())
            profile = self.daemon.record(truth["pid"], 3)
            self.assertGreater(profile.flat().get(truth["leaf"], 0), 0.9 * profile.total(), profile.flat())

    def test_a_profile_outlives_its_process(self):
        program = self.use(target("spin", "--seconds", 3))
        pid = program.event("ready")["pid"]
        program.event("done")
        time.sleep(1)
        top = self.daemon.top_functions(pid)
        self.assertIn("burn", [row["name"] for row in top["functions"]])


class ShortLives(DaemonCase):
    """5,000 short-lived processes a minute: names right for those that lived through a tick, nothing left behind."""

    flags = ("--sample-hz", "199")

    def test_names_are_right_and_nothing_leaks(self):
        program = self.use(target("short_lived", "--per-minute", 5000, "--milliseconds", 4, "--seconds", 12))
        program.event("ready")
        profile = self.daemon.record(None, 8)
        brief = [sample for sample in profile.samples if "brief_work" in sample.frames()]
        self.assertGreater(sum(sample.values[0] for sample in brief), 100)
        named = sum(sample.values[0] for sample in brief
                    if any(str(label).startswith("brief-") for label in sample.labels.values()))
        self.assertGreaterEqual(named, 0.95 * sum(sample.values[0] for sample in brief))
        program.event("done")

        memory = self.rss()
        second = self.use(target("short_lived", "--per-minute", 5000, "--milliseconds", 1, "--seconds", 12))
        second.event("done")
        self.assertLess(self.rss() - memory, 20 << 20)
        status = self.daemon.json("status")
        for kernel_map in status["maps"]:
            self.assertLess(kernel_map["entries"], kernel_map["max_entries"], kernel_map)

    def rss(self):
        text = pathlib.Path(f"/proc/{self.daemon.pid}/statm").read_text()
        return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Exclusion(DaemonCase):
    flags = ("--exclude", "command=left-alone")

    def test_an_excluded_command_is_left_alone_and_counted(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        copy = pathlib.Path(folder.name) / "left-alone"
        shutil.copy(TARGETS / "spin", copy)
        excluded = self.use(Target([copy]))
        watched = self.use(target("spin"))
        pids = excluded.event("ready")["pid"], watched.event("ready")["pid"]
        time.sleep(2)
        before = self.daemon.outcomes()
        cpu = cpu_seconds(pids[0])
        profile = self.daemon.record(None, 4)
        cpu = cpu_seconds(pids[0]) - cpu
        after = self.daemon.outcomes()
        seen = {sample.labels["pid"] for sample in profile.samples}
        self.assertNotIn(pids[0], seen)
        self.assertIn(pids[1], seen)
        excluded_ticks = after["ignored_excluded"] - before["ignored_excluded"]
        self.assertGreater(excluded_ticks, 0.6 * 19 * cpu)
