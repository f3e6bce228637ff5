"""Public tools against a running profd: Prometheus scrapes it, promtool approves, grpcurl lists and calls."""

import contextlib
import json
import os
import subprocess
import urllib.parse
import urllib.request

from tests.e2e.fixture import BUILD, ROOT, DaemonCase, eventually, free_port, target


class PublicTools(DaemonCase):
    flags = ("--grpc-reflection",)

    def tool(self, name):
        """What tests/tools/NAME.sh prints. Where it cannot be downloaded the test is skipped, by name."""
        result = subprocess.run([str(ROOT / "tests/tools" / f"{name}.sh"), str(BUILD / "tools")], capture_output=True,
                                stdin=subprocess.DEVNULL, text=True, check=False, timeout=1200)
        if result.returncode != 0:
            self.skipTest(f"{name} cannot be had here: {result.stderr.strip()[-300:]}")
        return result.stdout.strip()

    def test_promtool_finds_nothing_to_say(self):
        promtool = self.tool("prometheus") + "/promtool"
        self.use(target("spin", "--name", "odd\"name\\n")).event("ready")
        self.daemon.record(None, 2)
        _, headers, body = self.daemon.http("/metrics", token=None)
        self.assertTrue(headers["Content-Type"].startswith("text/plain"), headers)
        result = subprocess.run([promtool, "check", "metrics"], input=body.decode(), capture_output=True, text=True,
                                check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertIn("profd_build_info", body.decode())

    def test_prometheus_scrapes_it(self):
        prometheus = self.tool("prometheus") + "/prometheus"
        port = free_port()
        config = self.daemon.home / "prometheus.yml"
        config.write_text(f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: profd
    static_configs: [{{targets: ["127.0.0.1:{self.daemon.port}"]}}]
""")
        server = subprocess.Popen([prometheus, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
                                   f"--storage.tsdb.path={self.daemon.home / 'tsdb'}"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

        def query(expression):
            url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(url, timeout=10) as response:
                    return json.load(response)["data"]["result"]
            return []

        up = eventually(lambda: [row for row in query('up{job="profd"}') if row["value"][1] == "1"], 40, 0.5)
        self.assertTrue(up, "the target never came up")
        ticks = eventually(lambda: query("sum(profd_samples_total)"), 20, 0.5)
        self.assertGreater(float(ticks[0]["value"][1]), 0)

    def test_promtool_passes_the_alerts_and_their_tests(self):
        promtool = self.tool("prometheus") + "/promtool"
        rules = ROOT / "deploy/prometheus"
        for command in (["check", "rules", "profd-alerts.yml"], ["test", "rules", "profd-alerts.test.yml"]):
            result = subprocess.run([promtool, *command], cwd=rules, capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_demo_catches_the_runaway_and_its_alert_fires(self):
        """As fast as it can, and killed for its memory; `make demo` has the slow one too."""
        prometheus = self.tool("prometheus") + "/prometheus"
        for variant in ("fast", "limited"):
            with self.subTest(variant=variant):
                result = subprocess.run([str(ROOT / "deploy/demo/run"), "--variant", variant], capture_output=True,
                                        text=True, stdin=subprocess.DEVNULL, check=False, timeout=400,
                                        env={**os.environ, "BUILD": str(BUILD), "PROMETHEUS": prometheus})
                if f"SKIP {variant}" in result.stdout:
                    self.skipTest("no memory cgroup can be made here")
                self.assertEqual(result.returncode, 0, result.stdout[-3000:] + result.stderr[-1000:])
                self.assertIn(f"PASS {variant}", result.stdout)
                self.assertIn("an alert fires", result.stdout)

    def grpcurl(self, *arguments):
        command = [self.tool("grpcurl"), "-plaintext", "-unix", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                                timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_grpcurl_lists_and_calls_through_reflection(self):
        socket = str(self.daemon.socket)
        services = self.grpcurl(socket, "list").split()
        self.assertIn("profd.v1.Profiler", services)
        self.assertIn("grpc.health.v1.Health", services)
        methods = self.grpcurl(socket, "list", "profd.v1.Profiler").split()
        self.assertIn("profd.v1.Profiler.Top", methods)
        # gRPC's own health service is known by its public definition: its server does not describe it by reflection.
        (self.daemon.home / "health.proto").write_text("""
syntax = "proto3"; package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { enum ServingStatus { UNKNOWN = 0; SERVING = 1; } ServingStatus status = 1; }
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
""")
        definition = ("-import-path", str(self.daemon.home), "-proto", "health.proto")
        health = json.loads(self.grpcurl(*definition, socket, "grpc.health.v1.Health/Check"))
        self.assertEqual(health, {"status": "SERVING"})

        pid = self.use(target("spin")).event("ready")["pid"]
        request = json.dumps({"selector": {"pid": pid}, "functions": True, "window": {"next": "2s"}})
        answer = json.loads(self.grpcurl("-d", request, socket, "profd.v1.Profiler/Top"))
        self.assertIn("burn", [row["name"] for row in answer["functions"]])
        status = json.loads(self.grpcurl(socket, "profd.v1.Profiler/GetStatus"))
        self.assertEqual(status["sample_hz"], 19)


class NoReflection(DaemonCase):
    def test_reflection_is_off_unless_asked_for(self):
        tool = PublicTools.tool(self, "grpcurl")
        result = subprocess.run([tool, "-plaintext", "-unix", str(self.daemon.socket), "list"], capture_output=True,
                                text=True, stdin=subprocess.DEVNULL, check=False, timeout=60)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("reflection", result.stderr)
