"""Names: from symbol tables, packed ones, none at all, maps of code made at run time, the kernel, Go's tables."""

import pathlib
import re
import shutil
import subprocess
import tempfile

from tests.e2e.fixture import DaemonCase, Target, build_go, go_target, target


class Symbols(DaemonCase):
    def names_of(self, program, seconds=4):
        program = self.use(program)
        truth = program.event("ready")
        return truth, self.daemon.record(truth["pid"], seconds)

    def test_cpp_names_are_demangled(self):
        for binary in ("symbols_cpp", "symbols_cpp_debugdata"):
            with self.subTest(binary=binary):
                truth, profile = self.names_of(target(binary))
                flat = profile.flat()
                for name in truth["names"]:
                    self.assertIn(name, flat)
                for prefix in truth["prefixes"]:
                    self.assertTrue(any(name.startswith(prefix) for name in flat), flat)

    def test_system_names_stay_mangled(self):
        _, profile = self.names_of(target("symbols_cpp"), 2)
        system_names = {system for _, system, _, _ in profile.functions.values()}
        self.assertTrue(any(name.startswith("_ZN4shop6detail") for name in system_names), system_names)

    def test_a_stripped_binary_shows_where_it_was(self):
        truth, profile = self.names_of(target("symbols_cpp_stripped"), 3)
        self.assertGreater(profile.total(), 20)
        flat = profile.flat()
        self.assertFalse(set(truth["names"]) & flat.keys())
        known = re.compile(r"\[unknown\] symbols_cpp_stripped\+0x[0-9a-f]+ \(build ID [0-9a-f]{40}\)")
        unknown = sum(count for name, count in flat.items() if known.fullmatch(name))
        self.assertGreater(unknown, 0.9 * profile.total(), flat)
        self.assertTrue(any(mapping.file.endswith("symbols_cpp_stripped") and mapping.build_id
                            for mapping in profile.mappings))

    def test_code_made_at_run_time_is_named_by_its_perf_map(self):
        truth, profile = self.names_of(target("perf_map_jit"))
        self.assertGreater(profile.flat().get(truth["leaf"], 0), 0.7 * profile.total(), profile.flat())

    def test_kernel_functions_have_names(self):
        _, profile = self.names_of(target("spin", "--system", 1))
        cum = profile.cum()
        self.assertTrue(any("read" in name for name in cum), cum)
        self.assertTrue(any(mapping.file == "[kernel]" for mapping in profile.mappings), profile.mappings)

    def test_a_packed_program_says_why_it_has_no_names(self):
        packed = self.daemon.home / "packed"
        subprocess.run(["upx-ucl", "-q", "-o", packed, build_go("maps")], check=True, stdout=subprocess.DEVNULL)
        program = self.use(Target([packed]))
        pid = program.event("ready")["pid"]
        profile = self.daemon.record(pid, 2)
        self.assertGreater(profile.total(), 20)
        rows = {row["pid"]: row for row in self.daemon.json("ps")["processes"]}
        self.assertIn("packed", rows[pid]["symbols"])

    def test_go_functions_have_names_files_and_lines(self):
        for mode in ("static", "stripped"):
            with self.subTest(mode=mode):
                truth, profile = self.names_of(go_target("maps", mode=mode))
                cum = profile.cum()
                for name in ("main.main", "main.readStrings", "main.readNumbers", "main.writeStrings"):
                    self.assertIn(name, cum)
                files = {name: file for name, _, file, _ in profile.functions.values()}
                self.assertTrue(files["main.readStrings"].endswith("main.go"), files["main.readStrings"])
                lines = {line for _, _, location in profile.locations.values() for function, line in location
                         if profile.functions[function][0] == "main.readStrings"}
                source = (pathlib.Path(__file__).parents[1] / "targets/go/maps/main.go").read_text().splitlines()
                start = source.index("func readStrings(m map[string]int, keys []string) (sum int) {") + 1
                self.assertLessEqual(lines, set(range(start, start + 6)))

    def test_a_go_server_names_the_standard_library(self):
        _, profile = self.names_of(go_target("server"))
        cum = profile.cum()
        for name in ("main.handleOrder", "main.buildOrder", "net/http.(*conn).serve"):
            self.assertIn(name, cum)

    def test_node_functions_are_named_by_its_perf_map(self):
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not installed")
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "burn.js"
            script.write_text("""
function hotScript(n) { let sum = 0; for (let i = 0; i < n; i++) sum = (sum * 31 + i) % 1000003; return sum; }
console.log(JSON.stringify({event: "ready", pid: process.pid}));
const end = Date.now() + 60000; while (Date.now() < end) hotScript(5000000);
""")
            truth, profile = self.names_of(Target([node, "--perf-basic-prof", script], cwd=folder), 5)
            self.addCleanup(lambda: pathlib.Path(f"/tmp/perf-{truth['pid']}.map").unlink(missing_ok=True))
            named = sum(count for name, count in profile.flat().items() if "hotScript" in name)
            self.assertGreater(named, 0.5 * profile.total(), profile.flat())
