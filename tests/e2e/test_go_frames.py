"""Go's frames in every version and build mode: names, lines, inlined calls, callers, goroutines."""

import unittest

from tests.e2e import go_truth
from tests.e2e.fixture import GO_MODES, SOAK, Daemon, DaemonCase, RootCase, go_target
from tests.e2e.go_truth import TOOLCHAINS

# Each version once, each mode at least once; `make soak` runs all of them.
SOME = tuple(zip(TOOLCHAINS, ("cgo-pie", "static", "cgo", "c-shared", "stripped", "pie", "c-shared", "cgo")))


class Matrix(DaemonCase):
    """Version x build mode; prints what it found as a table."""

    # Names, lines and inlined calls: addresses that differ. Caller, g0 hop, goroutine: how many are right.
    flags = ("--sample-hz", "99")
    columns = ("names", "lines", "inlines", "caller", "g0 hop", "goid")
    table = []

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        print(f"\n{'version':<10} {'mode':<9}", *(f"{column:>10}" for column in cls.columns))
        for toolchain, mode, cells in cls.table:
            print(f"{toolchain:<10} {mode:<9}", *(f"{cells.get(column, '-'):>10}" for column in cls.columns))

    def check_frames(self, toolchain, mode, cells):
        verdict = go_truth.frames(toolchain, mode)
        for column in ("names", "lines", "inlines"):
            cells[column] = f"{verdict[column]} differ"
        self.assertGreater(verdict["judged"], 10000)
        self.assertGreater(verdict["inlined"], 2000, "hardly anything was inlined: nothing was tested")
        self.assertEqual(0, sum(verdict[column] for column in ("names", "lines", "inlines")), verdict)

    def check_caller(self, toolchain, mode, cells):
        verdict = go_truth.callers(toolchain, mode, "maps", 3)
        cells["caller"] = f"{100 * verdict['right'] / max(1, verdict['judged']):.2f} %"
        self.assertGreater(verdict["judged"], 300, verdict)
        self.assertGreaterEqual(verdict["right"], 0.995 * verdict["judged"], verdict)

    def check_hop(self, toolchain, mode, cells):
        verdict = go_truth.recursion_on_the_system_stack(self.daemon, toolchain, mode)
        cells["g0 hop"] = f"{100 * verdict['attributed'] / max(1, verdict['all']):.2f} %"
        self.assertGreater(verdict["all"], 40, verdict)
        # One more, for where there are few.
        self.assertGreaterEqual(verdict["attributed"] + 1, 0.99 * verdict["all"], verdict)
        self.assertGreater(verdict["deepest"], 10_000, verdict)

    def check_goroutine(self, toolchain, mode, cells):
        verdict = go_truth.goroutines(self.daemon, toolchain, mode)
        cells["goid"] = f"{100 * verdict['right'] / max(1, verdict['right'] + verdict['wrong']):.2f} %"
        self.assertEqual(verdict["unasked"], 0)
        self.assertEqual(verdict["names"], set(go_truth.GOROUTINES))
        self.assertEqual(verdict["wrong"], 0, verdict)

    def check(self, versions_and_modes):
        for toolchain, mode in versions_and_modes:
            cells = {}
            self.table.append((toolchain, mode, cells))
            for part in (self.check_frames, self.check_caller, self.check_hop, self.check_goroutine):
                with self.subTest(part.__name__, toolchain=toolchain, mode=mode):
                    part(toolchain, mode, cells)

    def test_each_version_in_one_build_mode(self):
        self.check(SOME)

    @unittest.skipUnless(SOAK, "all versions in all build modes run in `make soak`")
    def test_each_version_in_each_build_mode(self):
        self.check((toolchain, mode) for toolchain in TOOLCHAINS for mode in GO_MODES)

    def test_goroutines_of_the_past_are_refused(self):
        result = self.daemon.profctl("record", "--since", "-5s", "--goroutines", "-f", "-", check=False)
        self.assertEqual(result.returncode, 2)


class Callers(RootCase):
    """The immediate caller in the programs that frame pointers tell worst."""

    def check(self, toolchains):
        for toolchain in toolchains:
            for workload in ("maps", "encode", "syncmap", "gc"):
                with self.subTest(toolchain=toolchain, workload=workload):
                    verdict = go_truth.callers(toolchain, "static", workload, 5)
                    old_and_collecting = workload == "gc" and go_truth.minor(toolchain) <= 20
                    self.assertGreater(verdict["judged"], 500, verdict)
                    least = 0.97 if old_and_collecting else 0.995
                    self.assertGreaterEqual(verdict["right"], least * verdict["judged"], verdict)
                    # Else frame pointers alone would do, and nothing was tested.
                    self.assertLess(verdict["right_by_frame_pointer"], 0.97 * verdict["judged"], verdict)

    def test_the_immediate_caller_is_right(self):
        self.check(("go1.19.13", "go1.27.4"))

    @unittest.skipUnless(SOAK, "all versions run in `make soak`")
    def test_of_every_version(self):
        self.check(TOOLCHAINS)


class Elsewhere(DaemonCase):
    """Ticks that find a thread away from its goroutine's stack, or its frame pointer astray, show who went there."""

    flags = ("--sample-hz", "199")
    toolchains = TOOLCHAINS if SOAK else ("go1.19.13", "go1.23.12", "go1.27.4")

    def check(self, program, inside, callers, least_share):
        """Of the ticks in `inside` (a function, or several), 99 % and more (within three standard errors) have all of
        `callers` on their stack."""
        self.use(program)
        pid = program.event("ready")["pid"]
        self.daemon.record(pid, 1)  # by then profd knows the program
        profile = self.daemon.record(pid, 3)
        program.stop()
        ticks = right = 0
        wrong = None
        for sample in profile.samples:
            if not any(frame in inside for frame in sample.frames()):
                continue
            ticks += sample.values[0]
            # Each of them once: a stack that was walked twice is wrong.
            if all(sample.frames().count(caller) == 1 for caller in callers):
                right += sample.values[0]
            else:
                wrong = sample.frames()
        self.assertGreater(ticks, least_share * profile.total(), profile.flat())
        self.assertGreaterEqual(right, 0.99 * ticks - 3 * (0.99 * 0.01 * ticks) ** 0.5, wrong)

    def each(self, name, arguments, check):
        for toolchain in self.toolchains:
            with self.subTest(toolchain=toolchain):
                check(go_target(name, *arguments, toolchain=toolchain))

    def test_in_the_vdso(self):
        callers = ("time.Now", "main.readClock", "main.main", "runtime.main")
        self.each("elsewhere", ("-mode", "vdso"),
                  lambda program: self.check(program, ("__vdso_clock_gettime",), callers, 0.5))

    def test_in_assembly_that_uses_the_frame_pointers_register(self):
        inside = ("crypto/sha256.block", "crypto/internal/fips140/sha256.block")
        callers = ("crypto/sha256.Sum256", "main.hash", "main.main", "runtime.main")
        self.each("elsewhere", ("-mode", "assembly"), lambda program: self.check(program, inside, callers, 0.5))

    def test_in_c_that_go_calls(self):
        callers = ("runtime.cgocall", "main.callC", "main.main", "runtime.main")
        self.each("callc", (), lambda program: self.check(program, ("busy_in_c",), callers, 0.3))

    def test_what_signals_disturb_keeps_its_callers(self):
        self.each("elsewhere", ("-mode", "signals"),
                  lambda program: self.check(program, ("main.spin",), ("main.main", "runtime.main"), 0.2))

    def check_handlers(self, program):
        self.use(program)
        pid = program.event("ready")["pid"]
        self.daemon.record(pid, 1)
        with_goroutine, ticks = [], 0  # (ticks, stack)
        for _ in range(8):  # how much of the time signals take is the machine's affair
            for sample in self.daemon.record(pid, 8).samples:
                stack = sample.frames()
                if "runtime.sigtramp" in stack and not any(map(go_truth.OF_THE_RUNTIME.match, stack)):
                    with_goroutine.append((sample.values[0], stack))
                    ticks += sample.values[0]
            if ticks > 20:
                break
        program.stop()
        self.assertGreater(ticks, 20)
        # A handler whose victim is not known ends in itself, or in a mark.
        lost = [one for one in with_goroutine if one[1][-1].startswith(("runtime.sig", "["))]
        self.assertLess(sum(count for count, _ in lost), 0.05 * ticks, lost[:3])

    def test_handlers_show_what_they_interrupted(self):
        self.each("elsewhere", ("-mode", "signals"), self.check_handlers)


class Labels(DaemonCase):
    """Labels that programs set for goroutines, when a recording asks for them."""

    flags = ("--sample-hz", "99")
    toolchains = TOOLCHAINS if SOAK else ("go1.19.13", "go1.23.12", "go1.24.13", "go1.27.4")

    def record(self, toolchain, *arguments):
        program = self.use(go_target("labels", *arguments, toolchain=toolchain))
        pid = program.event("ready")["pid"]
        self.daemon.record(pid, 1)  # by then profd knows the program
        profile = self.daemon.record(pid, 3, "--labels")
        unasked = self.daemon.record(pid, 1)
        program.stop()
        self.assertFalse(any("tenant" in sample.labels for sample in unasked.samples))
        ticks = {}
        for sample in profile.samples:
            if "main.spin" in sample.frames() or "main.main" in sample.frames():
                tenant = sample.labels.get("tenant", sample.labels.get("labels"))
                ticks[tenant] = ticks.get(tenant, 0) + sample.values[0]
                if "tenant" in sample.labels:
                    self.assertEqual(sample.labels["pid"], pid, "the program's label hides ours")
                    self.assertEqual(sample.labels["label.pid"], "own")
        return ticks

    def test_samples_carry_them(self):
        for toolchain in self.toolchains:
            with self.subTest(toolchain=toolchain):
                ticks = self.record(toolchain)
                long = "a tenant with a name that is longer than what is kept of a value: 0123456789"[:64]
                self.assertEqual(set(ticks), {"acme", long, None})
                self.assertGreater(min(ticks.values()), 0.15 * sum(ticks.values()), "all three work all the time")

    def test_more_sets_or_labels_than_are_kept_are_not_told_apart(self):
        for toolchain in self.toolchains:
            with self.subTest(toolchain=toolchain):
                self.assertEqual(set(self.record(toolchain, "-many", "9")), {"[too many]", None})

    def test_the_number_of_sets_is_bounded(self):
        daemon = Daemon("--sample-hz", "999").start()
        try:
            program = self.use(go_target("labels", "-sets", "2000", toolchain="go1.27.4"))
            pid = program.event("ready")["pid"]
            daemon.record(pid, 1)
            profile = daemon.record(pid, 3, "--labels")
            sets = {sample.labels.get("tenant", sample.labels.get("labels")) for sample in profile.samples}
            self.assertIn("[too many]", sets)
            self.assertLess(len(sets), 600)
            self.assertGreater(len(sets), 400)
        finally:
            daemon.terminate()
            daemon.clean()
