"""Recursions of known depth: the depth profd reports is exact, root and leaf are there. Ordinary stacks stay as they
are."""

from tests.e2e.fixture import SOAK, DaemonCase, go_target, target

DEEP = 1_000_000
RECORD_SECONDS = 3


def split(depth, functions):
    """How often each function of a cycle stands on a stack of `depth` of its frames."""
    return {name: depth // len(functions) + (index < depth % len(functions)) for index, name in enumerate(functions)}


class RecursionCase(DaemonCase):
    warm_up = False  # until profd knows a Go program's goroutines it knows no bounds of their stacks

    def watch(self, program, leaf_share=0.8):
        """(truth, samples that hit the leaf of the program, functions of `top` by name)."""
        program = self.use(program)
        truth = program.event("ready")
        if self.warm_up:
            self.daemon.record(truth["pid"], 1)
        profile = self.daemon.record(truth["pid"], RECORD_SECONDS)
        total = profile.total()
        self.assertGreater(total, 20, "a program that burns a CPU was hardly sampled")
        at_leaf = [sample for sample in profile.samples if sample.user_frames()[:1] == [truth["leaf"]]]
        share = sum(sample.values[0] for sample in at_leaf) / total
        self.assertGreaterEqual(share, leaf_share, f"leaves: {profile.flat()}")
        top = self.daemon.top_functions(truth["pid"])
        return truth, at_leaf, {row["name"]: row for row in top["functions"]}

    def assert_exact(self, program, expected, leaf_share=0.8):
        """Each function of `expected` stands that often on the stack, between the right leaf and the right root."""
        truth, samples, functions = self.watch(program, leaf_share)
        for name, count in expected.items():
            self.assertIn(name, functions)
            self.assertEqual(functions[name]["max_repeats"], count, name)
        frames = sum(expected.values())
        for sample in samples:
            self.assertIn(truth["root"], sample.frames(), "the root is missing")
            self.assertLess(len(sample.frames()), 300, "the recursion was not folded")
            self.assertIn("[recursion]", sample.frames())
            self.assertGreaterEqual(sample.labels["recursion_depth"], frames)
            self.assertLessEqual(sample.labels["recursion_depth"], frames + 30)
        return samples


class CRecursion(RecursionCase):
    def test_a_direct_recursion_is_exact(self):
        program = target("recurse_c", "--mode", "direct", "--depth", DEEP)
        samples = self.assert_exact(program, {"direct_recursion": DEEP})
        for sample in samples:
            # The frame next to the leaf may be left out of the fold, never anything more.
            self.assertEqual(len(sample.repeats), 1)
            self.assertIn(sample.repeats[0], range(DEEP - 2, DEEP + 1))

    def test_a_cycle_of_three_is_exact(self):
        functions = [f"cycle3_{i}" for i in range(3)]
        self.assert_exact(target("recurse_c", "--mode", "cycle3", "--depth", DEEP), split(DEEP, functions))

    def test_a_cycle_of_forty_is_exact(self):
        functions = [f"cycle40_{i}" for i in range(40)]
        self.assert_exact(target("recurse_c", "--mode", "cycle40", "--depth", DEEP), split(DEEP, functions))

    def test_two_recursions_on_top_of_each_other_are_exact(self):
        self.assert_exact(target("recurse_c", "--mode", "two", "--depth", 600_000, "--second", 400_000),
                          {"two_first": 600_000, "two_second": 400_000})

    def test_the_main_thread_with_a_large_stack_is_exact(self):
        self.assert_exact(target("recurse_c", "--mode", "direct", "--depth", DEEP, "--where", "main"),
                          {"direct_recursion": DEEP})

    def test_a_recursion_that_sits_in_the_kernel_keeps_its_user_stack(self):
        for leaf in ("read", "fault"):
            with self.subTest(leaf=leaf):
                truth, profile = self.watch_kernel(leaf)
                top = self.daemon.top_functions(truth["pid"])
                functions = {row["name"]: row for row in top["functions"]}
                self.assertEqual(functions["cycle3_1"]["max_repeats"], 30_000)
                self.assertGreater(profile.cum()[f"{leaf}_leaf"], 0.8 * profile.total())

    def watch_kernel(self, leaf):
        program = self.use(target("recurse_c", "--mode", "cycle3", "--depth", 90_000, "--leaf", leaf))
        truth = program.event("ready")
        profile = self.daemon.record(truth["pid"], RECORD_SECONDS)
        in_kernel = [sample for sample in profile.samples
                     if f"{leaf}_leaf" in sample.frames() and sample.frames()[0] != f"{leaf}_leaf"]
        self.assertGreater(sum(sample.values[0] for sample in in_kernel), profile.total() * 0.5, profile.flat())
        for sample in in_kernel:
            self.assertIn("thread_main", sample.frames())
        return truth, profile

    def test_an_ordinary_stack_of_a_hundred_frames_is_unchanged(self):
        truth, samples, functions = self.watch(target("recurse_c", "--mode", "ordinary"))
        chain = [f"ordinary_{i}" for i in range(99, -1, -1)]
        for sample in samples:
            frames = sample.user_frames()
            start = frames.index("ordinary_99")
            self.assertEqual(frames[start:start + 100], chain)
            self.assertEqual(frames[:start], ["spin_leaf", "bottom"])
            self.assertEqual(frames[start + 100:start + 103], ["ordinary_stack", "recurse", truth["root"]])
            self.assertNotIn("recursion_repeats", sample.labels)
        self.assertEqual({functions[name]["max_repeats"] for name in chain}, {1})

    def test_an_irregular_recursion_is_estimated_and_reaches_its_root(self):
        depth = 100_000
        truth, samples, functions = self.watch(target("recurse_c", "--mode", "irregular", "--depth", depth))
        # A tick that finds the mappings locked knows no bounds of a thread's stack, and says that it is truncated.
        whole = [sample for sample in samples if "[truncated]" not in sample.frames()]
        ticks = sum(sample.values[0] for sample in samples)
        self.assertGreater(sum(sample.values[0] for sample in whole), 0.8 * ticks)
        for sample in whole:
            self.assertIn(truth["root"], sample.frames())
            self.assertAlmostEqual(sample.labels["recursion_depth"], depth, delta=depth * 0.06)
        text = self.daemon.profctl("record", "--pid", truth["pid"], "-d", "1s", "--format", "folded", "-f", "-").stdout
        self.assertIn("[recursion ~x", text, "an estimate must be marked as one")

    def test_a_growing_recursion_stays_one_stack(self):
        program = self.use(target("recurse_c", "--mode", "growing", "--depth", 3_000_000, "--spins", 2000, "--report",
                                  100_000))
        program.event("depth")
        profile = self.daemon.record(program.pid, RECORD_SECONDS)
        growing = [sample for sample in profile.samples if sample.user_frames()[:1] == ["growing_level"]]
        self.assertTrue(growing)
        self.assertLess(len(growing), profile.total() / 2, "each tick became a stack of its own")
        self.assertGreater(max(sample.labels["recursion_depth"] for sample in growing), 100_000)

    def test_a_chain_without_frame_pointers_ends_visibly(self):
        program = self.use(target("recurse_c_nofp", "--mode", "direct", "--depth", 1000))
        truth = program.event("ready")
        profile = self.daemon.record(truth["pid"], RECORD_SECONDS)
        self.assertGreater(profile.total(), 20)
        flat = profile.flat()
        self.assertGreater(flat.get("spin_leaf", 0), profile.total() * 0.9, flat)
        for sample in profile.samples:
            self.assertNotIn("[recursion]", sample.frames())
            self.assertIn("[no frame pointer]", sample.frames())

    def test_folded_text_has_the_cycle_once_with_its_count(self):
        program = self.use(target("recurse_c", "--mode", "cycle3", "--depth", 300_000))
        truth = program.event("ready")
        text = self.daemon.profctl("record", "--pid", truth["pid"], "-d", "2s", "--format", "folded", "-f", "-").stdout
        lines = [line for line in text.splitlines() if "spin_leaf" in line]
        self.assertTrue(lines, text)
        for line in lines:
            stack, count = line.rsplit(" ", 1)
            self.assertGreater(int(count), 0)
            frames = stack.split(";")
            marks = [frame for frame in frames if frame.startswith("[recursion x")]
            self.assertEqual(len(marks), 1, line)
            self.assertIn(int(marks[0].removeprefix("[recursion x").removesuffix("]")), range(99_998, 100_001))
            self.assertLess(frames.index("thread_main"), frames.index(marks[0]))
            user = [frame for frame in frames if not frame.endswith("_[k]")]
            self.assertEqual(user[-1], "spin_leaf")


class GoRecursion(RecursionCase):
    """The same in Go, whose stacks move. The runtime's own threads take some ticks."""

    warm_up = True

    toolchains = ("local",)
    leaf_share = 0.8

    def each(self, mode, expected, *arguments):
        for toolchain in self.toolchains:
            with self.subTest(toolchain=toolchain):
                program = go_target("recurse", "-mode", mode, *arguments, toolchain=toolchain)
                self.assert_exact(program, expected, self.leaf_share)

    def test_a_direct_recursion_is_exact(self):
        self.each("direct", {"main.direct": DEEP}, "-depth", str(DEEP))

    def test_a_cycle_of_three_is_exact(self):
        functions = ["main.cycle3First", "main.cycle3Second", "main.cycle3Third"]
        self.each("cycle3", split(DEEP, functions), "-depth", str(DEEP))

    def test_a_cycle_of_forty_is_exact(self):
        self.each("cycle40", split(DEEP, [f"main.cycle40n{i}" for i in range(40)]), "-depth", str(DEEP))

    def test_two_recursions_on_top_of_each_other_are_exact(self):
        self.each("two", {"main.twoFirst": 600_000, "main.twoSecond": 400_000}, "-depth", "600000", "-second", "400000")

    def test_an_ordinary_stack_of_a_hundred_frames_is_unchanged(self):
        chain = [f"main.ordinary{i}" for i in range(99, -1, -1)]
        for toolchain in self.toolchains:
            with self.subTest(toolchain=toolchain):
                program = go_target("recurse", "-mode", "ordinary", toolchain=toolchain)
                _, samples, _ = self.watch(program, self.leaf_share)
                for sample in samples:
                    frames = sample.user_frames()
                    start = frames.index("main.ordinary99")
                    self.assertEqual(frames[:start], ["main.spinLeaf", "main.bottom"])
                    self.assertEqual(frames[start:start + 101], [*chain, "main.main"])

    def test_an_irregular_recursion_reaches_its_root(self):
        depth = 100_000
        for toolchain in self.toolchains:
            with self.subTest(toolchain=toolchain):
                program = go_target("recurse", "-mode", "irregular", "-depth", str(depth), toolchain=toolchain)
                _, samples, _ = self.watch(program, self.leaf_share)
                # Until the goroutine's place is known no bounds of its stack are, and the stack says that it is cut.
                whole = [sample for sample in samples if "[truncated]" not in sample.frames()]
                self.assertGreater(sum(sample.values[0] for sample in whole),
                                   0.8 * sum(sample.values[0] for sample in samples))
                for sample in whole:
                    self.assertIn("main.main", sample.frames())
                    self.assertAlmostEqual(sample.labels["recursion_depth"], depth, delta=depth * 0.05)

    def test_a_growing_recursion_is_followed_from_the_system_stack(self):
        """Most ticks of a runaway are on g0, which copies the stack: they must still show who recurses."""
        for toolchain in self.toolchains:
            with self.subTest(toolchain=toolchain):
                program = self.use(go_target("recurse", "-mode", "map", "-depth", "5000000", "-spins", "300",
                                             toolchain=toolchain))
                program.event("onset")
                profile = self.daemon.record(program.pid, 2)
                cum = profile.cum()
                self.assertGreater(cum.get("main.(*Config).Get", 0), 0.5 * profile.total(), cum)
                deepest = max(sample.labels.get("recursion_depth", 0) for sample in profile.samples)
                self.assertGreater(deepest, 10_000)


class GoRecursionOldest(GoRecursion):
    """Go 1.19 and 1.23: other layouts of g, other stack switches. All versions in `make soak`."""

    toolchains = (("go1.19.13", "go1.20.14", "go1.21.13", "go1.22.12", "go1.23.12", "go1.24.11", "go1.25.5")
                  if SOAK else ("go1.19.13", "go1.23.12"))
