"""Map accesses: what `maps` says beside what the program itself counted."""

import concurrent.futures
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

from tests.e2e.fixture import SOAK, TARGETS, DaemonCase, Target, build_go, eventually, go_target, resident_mb, target
from tests.e2e.recursion_watch import Watch

VERSIONS = (("go1.19.13", "go1.20.14", "go1.21.13", "go1.22.12", "go1.23.12", "go1.24.11", "go1.25.5", "go1.26.4",
             "go1.27.4") if SOAK else ("go1.19.13", "go1.23.12", "go1.24.11", "go1.27.4"))
FUNCTIONS = {"main.(*world).readText": ("main.readText", "read", "map[string]int", 1000),
             "main.(*world).readNumber": ("main.readNumber", "read", "map[int64]string", 1000),
             "main.(*world).readAny": ("main.readAny", "read", "map[interface {}]int", 10),
             "main.(*world).readPoint": ("main.readPoint", "read", "map[main.point]bool", 10),
             "main.(*world).writeText": ("main.writeText", "write", "map[string]int", None),
             "main.(*world).deleteText": ("main.deleteText", "delete", "map[string]int", None),
             "main.(*world).rangeText": ("main.rangeText", "iterate", "map[string]int", 1000),
             "main.(*world).loadSync": ("main.loadSync", "read", "sync.Map", None)}
FUNCTIONS_OF = {truth: caller for caller, (truth, _, _, _) in FUNCTIONS.items()}


def counts_of(program):
    """The newest counts that the program has printed, and their time."""
    newest = None
    while not program.lines.empty():
        line = program.lines.get()
        if line and line.get("event") == "progress":
            newest = line
    return newest


class Maps(DaemonCase):
    def answer(self, program):
        return self.daemon.json("maps", "--pid", program.pid)

    def settle(self, program):
        """An answer that is known from many hits, and the true rates of the same while."""
        first = program.event("progress")
        for _ in range(6):
            answer = self.answer(program)
        last = eventually(lambda: counts_of(program), 5)
        passed = (last["time_ns"] - first["time_ns"]) / 1e9
        return answer, {name: (count - first["counts"][name]) / passed for name, count in last["counts"].items()}

    def test_what_uses_which_map_how_often(self):
        ratios = []
        for toolchain in VERSIONS:
            with self.subTest(toolchain=toolchain):
                program = self.use(go_target("mapload", toolchain=toolchain))
                program.event("ready")
                eventually(lambda: self.answer(program)["sites"], 20)
                answer, truth = self.settle(program)
                self.daemon.record(program.pid, 1)  # metrics know what has been stored
                of = '{namespace="",pod="",container="",command="mapload"}'
                metrics = eventually(lambda: [page for page in (self.daemon.metrics(),)
                                              if "profd_go_map_cpu_ratio" + of in page], 10)[0]
                program.stop()  # the next one is to have a CPU of its own
                self.assertIsNone(answer["why_not"])
                sites = {site["caller"]: site for site in answer["sites"]}
                total = sum(truth.values())
                self.assertFalse(answer["at_least"])
                # Seldom does a machine whose CPUs are all in use take one away in one of these few windows.
                self.assertLess(total / 1.5, answer["accesses_per_second"])
                self.assertLess(answer["accesses_per_second"], 1.3 * total)
                ratios.append(answer["accesses_per_second"] / total)
                self.assertLess(total / 1.5, metrics["profd_go_map_accesses_per_second" + of])
                self.assertLess(metrics["profd_go_map_accesses_per_second" + of], 1.3 * total)
                self.assertGreater(metrics["profd_go_map_cpu_ratio" + of], 0)
                self.assertLessEqual(metrics["profd_go_map_cpu_ratio" + of], 1)
                for name, (counted, operation, kind, entries) in FUNCTIONS.items():
                    # An old sync.Map is a map to the runtime.
                    if kind == "sync.Map" and toolchain < "go1.24":
                        continue
                    self.assertIn(name, sites)
                    site = sites[name]
                    self.assertEqual(site["operation"], operation, name)
                    self.assertEqual(site["map_type"], kind, name)
                    if entries:
                        self.assertEqual(site["entries"], entries, name)
                    self.assertTrue(site["file"].endswith("mapload/main.go"), site)
                    share = truth[counted] / total
                    # Windows are of ten rounds each; a young program's first are smaller, and end within one.
                    self.assertAlmostEqual(site["share_percent"] / 100, share, delta=0.015, msg=name)
        print(f"    rates told, of the true ones: {[round(ratio, 2) for ratio in ratios]}")
        # One may have met with a machine that was busy.
        self.assertAlmostEqual(statistics.median(ratios), 1, delta=0.1)

    def test_libraries_that_reach_into_maps(self):
        operations = {"main.reflectDelete": "delete", "main.reflectRange": "iterate", "main.reflectKeys": "iterate",
                      "main.reflectClear": "clear", "main.clone": "iterate", "main.rangeSync": "iterate",
                      "main.clearSync": "clear"}
        for toolchain in ("go1.23.12", "go1.24.11", "go1.25.5", "go1.26.4", "go1.27.4"):
            with self.subTest(toolchain=toolchain):
                program = self.use(go_target("maplibraries", toolchain=toolchain))
                program.event("ready")
                eventually(lambda: self.answer(program)["sites"], 20)
                answer, truth = self.settle(program)
                program.stop()
                sites = {(site["caller"], site["operation"]): site for site in answer["sites"]}
                total = sum(truth.values())
                if toolchain < "go1.24":  # reflect calls the runtime, two calls from the line that is meant
                    self.assertIn(("reflect.Value.SetMapIndex", "delete"), sites)
                    self.assertIn(("main.clone", "iterate"), sites)
                    continue
                for name, operation in operations.items():
                    self.assertIn((name, operation), sites)
                    site = sites[name, operation]
                    self.assertEqual(site["map_type"], "sync.Map" if name.endswith("Sync") else "map[[3]int]int")
                    self.assertAlmostEqual(site["share_percent"] / 100, truth[name] / total, delta=0.01, msg=name)

    def test_a_stripped_program_is_no_different(self):
        program = self.use(go_target("mapload", mode="stripped"))
        program.event("ready")
        answer = eventually(lambda: self.answer(program)["sites"] and self.answer(program), 20)
        self.assertIn("main.(*world).readText", {site["caller"] for site in answer["sites"]})

    def test_keys_are_hashes(self):
        program = self.use(go_target("mapload"))
        program.event("ready")
        # The first window of a young program is small, and tells of no key that it is more than chance.
        sites = eventually(lambda: [site for site in self.answer(program)["sites"] if site["top_key_hash"]], 20)
        self.assertTrue(sites)
        for site in sites:
            self.assertIsNone(site["top_key"])

    def test_other_programs_say_why_not(self):
        program = self.use(target("spin"))

        def told():  # profd may have begun just now
            return "no Go program" in (self.answer(program)["why_not"] or "")
        self.assertTrue(eventually(told, 10), self.answer(program))
        self.assertEqual(self.answer(program)["sites"], [])

    def test_what_comes_late_in_a_burst_is_seen(self):
        """A program that rests most of the time: each window that opens meanwhile would see how a burst begins."""
        program = self.use(go_target("mapload", "--pause", 0, "--sleep", 5, "--late", 300))
        program.event("ready")
        self.assertTrue(eventually(lambda: self.answer(program)["hits"] >= 2000, 90, every=0), self.answer(program))
        counts = eventually(lambda: counts_of(program), 5)["counts"]
        truth = {FUNCTIONS_OF[name]: 100 * count / sum(counts.values()) for name, count in counts.items()}
        answer = self.answer(program)
        shown = {site["caller"]: site["share_percent"] for site in answer["sites"]}
        self.assertFalse(answer["in_long_bursts"])
        # Each window sees one part of a burst, and there are ten: three standard errors are 42 %.
        self.assertAlmostEqual(shown["main.(*world).readPoint"], truth["main.(*world).readPoint"], delta=42,
                               msg=(shown, truth))

    def test_who_has_used_no_cpu_time_is_told_to_be_poor(self):
        program = self.use(go_target("runaway", "map", "--after", 600))
        program.event("ready")

        def told():
            return "too little CPU time" in (self.answer(program)["why_not"] or "")
        self.assertTrue(eventually(told, 20), self.answer(program))

    def test_the_budget_is_kept(self):
        program = self.use(go_target("mapload", "--pause", 0))
        program.event("ready")
        end = time.monotonic() + 10
        while time.monotonic() < end:  # as often as it can pay
            self.answer(program)
        used = eventually(lambda: counts_of(program), 5)["cpu_ns"]
        answer = self.answer(program)
        windows = self.daemon.json("status")["map_windows"]
        self.assertGreater(answer["cost_ns"], 0.001 * used, "it was looked at all the time")
        self.assertLess(answer["cost_ns"], 0.01 * used + windows["worst_ns"])
        placed = [one for one in windows["placements"] if one["path"] == str(build_go("mapload"))]
        self.assertEqual(len(placed), 1, windows["placements"])
        # Of all versions these are probed, where they are linked; some have more.
        symbols = subprocess.run(["nm", build_go("mapload")], capture_output=True, text=True, check=True).stdout
        name = r" runtime\.map(?:access2|assign|delete)(?:_fast32|_fast64|_fast64ptr|_faststr)?$"
        linked = re.findall(name, symbols, re.MULTILINE)
        self.assertGreaterEqual(placed[0]["at_entry"] + placed[0]["behind_entry"], len(linked))
        self.assertGreater(len(linked), 5)
        self.assertEqual(placed[0]["refused"], 0)


class OtherLanguages(DaemonCase):
    """A hash table in a C library, of which only the configuration knows."""

    TABLE = "binary=*/libtable.so,"
    flags = ("--map-key-text",
             "--map-function", TABLE + "symbol=table_get,operation=read,map=rdi,key=rsi,key_kind=text",
             "--map-function", TABLE + "symbol=table_put,operation=write,map=rdi,key=rsi,key_kind=text",
             "--map-function", TABLE + "symbol=numbers_*,operation=read,map=rdi,key=rsi,key_kind=u32",
             "--map-function", "binary=*/table_user_2,symbol=nowhere,map=rdi")

    def test_its_accesses_are_told_as_go_maps_are(self):
        program = self.use(target("table_user"))
        first = program.event("progress")

        def named():
            answer = self.daemon.json("maps", "--pid", program.pid)
            return answer if answer["hits"] > 1000 and answer["sites"][0]["caller"] == "read_text" else None
        answer = eventually(named, 60)
        self.assertTrue(answer, self.daemon.json("maps", "--pid", program.pid))
        last = eventually(lambda: counts_of(program), 5)
        seconds = (last["time_ns"] - first["time_ns"]) / 1e9
        total = sum(last["counts"].values()) - sum(first["counts"].values())
        self.assertLess(total / seconds / 1.5, answer["accesses_per_second"])
        self.assertLess(answer["accesses_per_second"], 1.3 * total / seconds)
        expected = {"read_text": ("read", "table_get", 0.6, "apples"),
                    "write_text": ("write", "table_put", 0.3, "pears"),
                    "read_number": ("read", "numbers_have", 0.1, "42")}
        self.assertEqual({site["caller"] for site in answer["sites"]}, set(expected))
        for site in answer["sites"]:
            operation, function, share, key = expected[site["caller"]]
            self.assertEqual((site["operation"], site["map_type"], site["top_key"]), (operation, function, key))
            self.assertAlmostEqual(site["share_percent"] / 100, share, delta=0.01, msg=function)
            self.assertIsNone(site["entries"])
        shown = self.daemon.profctl("maps", "--pid", str(program.pid)).stdout
        self.assertIn("table_get", shown)

    def test_functions_that_are_not_there(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "table_user_2"
            copy.write_bytes((TARGETS / "spin").read_bytes())
            copy.chmod(0o755)
            program = self.use(Target([copy]))

            def told():
                answer = self.daemon.json("maps", "--pid", program.pid)
                return answer if "no function is called like that" in str(answer["why_not"]) else None
            self.assertTrue(eventually(told, 40), self.daemon.json("maps", "--pid", program.pid))
            program.stop()


class Crowds(DaemonCase):
    """Many programs at once."""

    def start(self, programs, *arguments):
        running = [self.use(Target([program, *arguments])) for program in programs]
        for one in running:
            one.event("ready")
        return running

    def check(self, program):
        """Its functions, and the shares that a round has."""
        def known():
            answer = self.daemon.json("maps", "--pid", program.pid)
            named = all(site["map_type"] and not site["caller"].startswith("0x") for site in answer["sites"])
            return answer if answer["hits"] > 100 and named else None
        answer = eventually(known, 120)
        self.assertTrue(answer, "no window in two minutes, or no names")
        sites = {site["caller"]: site for site in answer["sites"]}
        for name, share in (("main.(*world).readText", 0.4), ("main.(*world).readNumber", 0.2)):
            self.assertIn(name, sites)
            self.assertAlmostEqual(sites[name]["share_percent"] / 100, share, delta=0.05, msg=name)
            self.assertEqual(sites[name]["entries"], 1000)

    def check_all(self, programs):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            for checked in [pool.submit(self.check, one) for one in programs]:
                checked.result()
        self.assertEqual(self.daemon.json("status")["map_windows"]["failed"], 0)
        self.assertLess(resident_mb(self.daemon.pid), 100)

    def test_a_few_of_five_hundred_processes_of_one_binary(self):
        program = build_go("mapload")
        self.start([program] * 497, "--sleep", 1000)
        self.check_all(self.start([program] * 3, "--sleep", 5))

    def test_fifty_binaries(self):
        with tempfile.TemporaryDirectory() as folder:
            copies = []
            for number in range(50):
                copy = pathlib.Path(folder) / f"mapload-{number}"
                copy.write_bytes(pathlib.Path(build_go("mapload")).read_bytes() + str(number).encode())
                copy.chmod(0o755)
                copies.append(copy)
            running = self.start(copies, "--sleep", 40)
            self.check_all(running if SOAK else running[::5])
            for one in running:
                one.stop()


class Evidence(DaemonCase):
    def test_a_recursion_through_a_map_names_it(self):
        watch = Watch(self.daemon)
        self.addCleanup(watch.stop)
        for toolchain in VERSIONS:
            with self.subTest(toolchain=toolchain):
                # Slowed by work, as most are.
                program = self.use(go_target("runaway", "map", "--after", 2, "--throttle", 1000, toolchain=toolchain))
                onset = program.event("onset", seconds=30)
                found = eventually(lambda: [(at, event) for at, event in watch.of(program.pid)
                                            if event["map"] and event["map"]["type"]], 20)
                self.assertTrue(found, watch.of(program.pid)[-1:])
                at, event = found[0]
                print(f"    {toolchain}: map and type {(at - onset['boot_ns']) / 1e6:.1f} ms after onset")
                self.assertEqual(event["map"]["type"], "map[string]interface {}")
                self.assertEqual(event["map"]["entries"], 1)
                self.assertIsNone(event["map"]["key"])
                program.stop()
                shown = self.daemon.profctl("recursion", "show", event["id"]).stdout
                self.assertIn("map[string]interface {} at 0x", shown)


    def test_how_soon_the_map_of_a_runaway_is_told(self):
        """As fast as it can: most of the time its stack is being copied. `make soak` has a hundred runs."""
        watch = Watch(self.daemon)
        self.addCleanup(watch.stop)
        latencies = []
        for toolchain in VERSIONS if SOAK else ("local",):
            for shape in ("map", "mutex", "syncmap"):
                for run in range(4 if SOAK else 1):
                    with self.subTest(toolchain=toolchain, shape=shape, run=run):
                        program = self.use(go_target("runaway", shape, "--after", 2, toolchain=toolchain))
                        onset = program.event("onset", seconds=30)["boot_ns"]

                        def told():
                            return [at for at, event in watch.of(program.pid) if event["map"]]

                        eventually(lambda: told() or program.process.poll() is not None, 30, every=0.02)
                        lived = float("inf") if program.ended_ns is None else program.ended_ns - onset
                        self.assertTrue(told(), "it was not told")
                        self.assertLess(told()[0] - onset, lived, "told after the death")
                        latencies.append((told()[0] - onset) / 1e6)
                        print(f"    {toolchain} {shape}: {latencies[-1]:.1f} ms", flush=True)
                        program.stop()
        latencies.sort()
        p99 = latencies[max(0, -(-len(latencies) * 99 // 100) - 1)]
        print(f"    map told in {len(latencies)} runs: median {latencies[len(latencies) // 2]:.1f} ms after onset, "
              f"p99 {p99:.1f}, most {latencies[-1]:.1f}", flush=True)
        if SOAK:
            self.assertLess(p99, 50)


class KeyText(DaemonCase):
    flags = ("--map-key-text",)

    def test_keys_are_shown_where_they_are_asked_for_and_not_kept(self):
        program = self.use(go_target("runaway", "map", "--after", 2, "--throttle", 1000))
        program.event("onset", seconds=30)

        def story():
            events = self.daemon.json("recursion", "list")["events"]
            return [event for event in events if event["pid"] == program.pid and event["map"]]

        found = eventually(story, 20)
        self.assertTrue(found)
        # Each level asks for both.
        self.assertIn(found[0]["map"]["key"], ("missing", "parent"))
        program.stop()
        for path in (self.daemon.home / "data").glob("events.db*"):
            self.assertNotRegex(path.read_bytes(), rb'"key":"(missing|parent)"')
        program = self.use(go_target("mapload"))
        program.event("ready")
        sites = eventually(lambda: self.daemon.json("maps", "--pid", program.pid)["sites"], 20)
        keys = {site["caller"]: site["top_key"] for site in sites if site["top_key"]}
        self.assertRegex(keys.get("main.(*world).readAny", "key-0"), r"^key-\d$")
