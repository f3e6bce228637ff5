"""What users and their scripts rely on: commands, exit codes, tokens, files, signals."""

import os
import pathlib
import pwd
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from tests.e2e.fixture import BUILD, Daemon, DaemonCase, RootCase, eventually, target

NOBODY = pwd.getpwnam("nobody").pw_uid


def profd(*arguments, **options):
    return subprocess.run([str(BUILD / "profd"), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False, **options)


class Profctl(DaemonCase):
    def test_top_lists_processes_by_cpu(self):
        busy, idle = self.use(target("spin", "--threads", 1)), self.use(target("idle"))
        pid = busy.event("ready")["pid"]
        time.sleep(3)
        answer = self.daemon.json("top")
        rows = answer["processes"]
        percents = [row["cpu_percent"] for row in rows]
        self.assertEqual(percents, sorted(percents, reverse=True))
        row = next(row for row in rows if row["pid"] == pid)
        self.assertEqual(row["command"], "spin")
        # What it used is what its start took.
        self.assertNotIn(idle.pid, [row["pid"] for row in rows if row["cpu_percent"] > 2])
        table = self.daemon.profctl("top").stdout
        self.assertIn("spin", table)
        self.assertNotIn("\033[", table, "colour where there is no terminal")

    def test_top_of_a_process_has_the_documented_keys(self):
        pid = self.use(target("spin")).event("ready")["pid"]
        time.sleep(3)
        answer = self.daemon.top_functions(pid)
        self.assertEqual((answer["schema"], answer["pid"], answer["command"]), ("profctl.top/v1", pid, "spin"))
        self.assertLess(answer["window_start"], answer["window_end"])
        self.assertIsInstance(answer["lost"], dict)
        self.assertEqual(answer["recursion"], [])
        row = answer["functions"][0]
        self.assertEqual(row["name"], "burn")
        self.assertLessEqual({"name", "file", "line", "flat", "flat_percent", "cum", "cum_percent", "max_repeats"},
                             row.keys())
        self.assertAlmostEqual(row["flat_percent"], 100 * row["flat"] / answer["samples"], delta=0.1)

    def test_selectors_choose_processes(self):
        chosen = self.use(target("spin")).event("ready")["pid"]
        other = self.use(target("symbols_cpp")).event("ready")["pid"]
        time.sleep(3)
        pids = {row["pid"] for row in self.daemon.json("top", "--selector", "command=spin")["processes"]}
        self.assertIn(chosen, pids)
        self.assertNotIn(other, pids)

    def test_n_limits_and_sort_orders(self):
        for _ in range(3):
            self.use(target("spin")).event("ready")
        time.sleep(3)
        self.assertEqual(len(self.daemon.json("top", "-n", 2)["processes"]), 2)
        pids = [row["pid"] for row in self.daemon.json("top", "--sort", "pid")["processes"]]
        self.assertIn(pids, (sorted(pids), sorted(pids, reverse=True)))

    def test_ps_knows_processes(self):
        pid = self.use(target("spin")).event("ready")["pid"]
        self.daemon.record(pid, 2)
        answer = self.daemon.json("ps")
        row = next(row for row in answer["processes"] if row["pid"] == pid)
        self.assertEqual(row["command"], "spin")
        self.assertTrue(row["executable"].endswith("/spin"))

    def test_status_tells_what_profd_costs_and_loses(self):
        self.use(target("spin")).event("ready")
        time.sleep(2)
        answer = self.daemon.json("status")
        self.assertGreater(self.daemon.outcomes()["recorded"], 0)
        self.assertTrue(answer["programs"] and answer["maps"] and answer["queues"])
        self.assertTrue(all(program["verified_instructions"] > 0 for program in answer["programs"]), answer["programs"])
        self.assertGreater(max(program["runs"] for program in answer["programs"]), 0)
        self.assertIn("mappings_dropped", answer["losses"])
        self.assertIn("profd_mappings_dropped_total", self.daemon.metrics())
        text = self.daemon.profctl("status").stdout
        self.assertRegex(text, r"\brecorded\b")
        self.assertIn("ignored_idle", self.daemon.outcomes())

    def test_doctor_says_that_this_machine_is_fine(self):
        result = self.daemon.profctl("doctor")
        self.assertIn("BTF", result.stdout)

    def test_url_carries_the_token(self):
        text = self.daemon.profctl("url").stdout.strip()
        self.assertIn(f"127.0.0.1:{self.daemon.port}", text)
        self.assertIn(self.daemon.token(), text)

    def test_version_and_completions(self):
        self.assertRegex(self.daemon.profctl("version").stdout, r"\d+\.\d+")
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("profctl", self.daemon.profctl("completion", shell).stdout)
        script = self.daemon.profctl("completion", "bash").stdout
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)

    def exit_code(self, *arguments):
        result = self.daemon.profctl(*arguments, check=False)
        if result.returncode != 0:
            self.assertEqual(result.stdout, "", "diagnostics belong on standard error")
            self.assertTrue(result.stderr.strip())
        return result.returncode

    def test_exit_codes(self):
        for verb in (("--no-such-flag",), ("no-such-verb",), ("top", "--pid", "many"),
                     ("top", "--selector", "colour=red"), ("record", "-d", "soon", "-f", "x"),
                     ("record", "-d", "1s", "--format", "gif", "-f", "x")):
            with self.subTest(verb=verb):
                self.assertEqual(self.exit_code(*verb), 2)
        nobody = int(pathlib.Path("/proc/sys/kernel/pid_max").read_text()) + 1
        self.assertEqual(self.exit_code("top", "--pid", nobody), 4)
        self.assertEqual(self.exit_code("record", "--pid", nobody, "-d", "1s", "-f", "/dev/null"), 4)
        self.assertEqual(self.exit_code("record", "-d", "1s", "-f", "/no/such/folder/file"), 1)

    def test_without_a_daemon_it_is_exit_3(self):
        for address in ("unix:///tmp/no-such-socket", "unix:///etc/passwd"):
            command = [str(BUILD / "profctl"), "--address", address, "top"]
            result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                                    timeout=60)
            self.assertEqual((result.returncode, result.stdout), (3, ""), result.stderr)

    def test_a_user_without_the_group_is_denied(self):
        os.chmod(self.daemon.home, 0o755)
        command = [str(BUILD / "profctl"), "--address", f"unix://{self.daemon.socket}", "top"]
        result = subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True,
                                check=False, timeout=60, stdin=subprocess.DEVNULL, cwd="/")
        if "Permission denied" in result.stderr and result.returncode == 126:
            self.skipTest("the build folder is not readable for other users")
        self.assertEqual((result.returncode, result.stdout), (5, ""), result.stderr)

    def test_nothing_prints_colour_when_no_color_is_set(self):
        text = self.daemon.profctl("top", "--color", "auto", env={**os.environ, "NO_COLOR": "1"}).stdout
        self.assertNotIn("\033[", text)


class Http(DaemonCase):
    def test_metrics_and_health_are_open(self):
        for path in ("/metrics", "/healthz", "/readyz"):
            self.assertEqual(self.daemon.http(path, token=None)[0], 200, path)

    def test_profiles_need_the_token(self):
        path = "/debug/pprof/profile?seconds=1"
        for token in (None, "", "wrong", self.daemon.token()[:-1], self.daemon.token() + "x"):
            status, _, body = self.daemon.http(path, token=token)
            self.assertEqual(status, 401, token)
            self.assertIn(str(self.daemon.token_file), body.decode(), "a 401 says where the token is")
            self.assertNotIn(self.daemon.token(), body.decode())
        self.assertEqual(self.daemon.http(path)[0], 200)
        self.assertEqual(self.daemon.http(path + "&token=" + self.daemon.token(), token=None)[0], 200)
        self.assertEqual(self.daemon.http(path + "&token=wrong", token=None)[0], 401)

    def test_bad_parameters_are_refused(self):
        for query in ("seconds=0", "seconds=-1", "seconds=x", "seconds=1e9", "pid=-1&seconds=1", "pid=x&seconds=1"):
            self.assertEqual(self.daemon.http("/debug/pprof/profile?" + query)[0], 400, query)
        self.assertEqual(self.daemon.http("/debug/pprof/profile?seconds=1&pid=4194303")[0], 404)
        self.assertEqual(self.daemon.http("/no/such/page")[0], 404)

    def test_a_foreign_host_header_is_refused(self):
        """Against DNS rebinding: a page of evil.example that resolves to 127.0.0.1."""
        self.assertEqual(self.daemon.http("/", host="evil.example")[0], 421)
        self.assertEqual(self.daemon.http("/", host=f"localhost:{self.daemon.port}")[0], 200)
        self.assertEqual(self.daemon.http("/metrics", token=None, host="profd.monitoring.svc")[0], 200)

    def test_files_and_sockets_are_for_the_group_only(self):
        self.assertEqual(stat.S_IMODE(self.daemon.token_file.stat().st_mode), 0o640)
        self.assertEqual(stat.S_IMODE(self.daemon.socket.stat().st_mode), 0o660)
        self.assertGreaterEqual(len(self.daemon.token()), 32)

    def test_a_flood_of_connections_does_no_harm(self):
        sockets = [socket.create_connection(("127.0.0.1", self.daemon.port)) for _ in range(200)]
        try:
            for one in sockets[:50]:
                one.sendall(b"GET /metrics HTTP/1.1\r\nX-Endless: ")
        finally:
            for one in sockets:
                one.close()
        self.assertTrue(eventually(lambda: self.daemon.http("/healthz", token=None)[0] == 200, 30))


class Startup(RootCase):
    def test_wrong_flags_and_configs_are_exit_2_and_name_the_key(self):
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "profd.yaml"
            cases = [
                (("--no-such-flag",), "no-such-flag"),
                (("--sample-hz", "0"), "sample-hz"),
                (("--sample-hz", "1001"), "sample-hz"),
                (("--sample-hz", "many"), "sample-hz"),
                (("--http", "nonsense"), "http"),
                (("--http", "127.0.0.1:99999"), "http"),
                (("--log-level", "loud"), "log-level"),
                (("--exclude", "colour=red"), "exclude"),
                (("--config", folder + "/absent.yaml"), "absent.yaml"),
            ]
            for arguments, word in cases:
                with self.subTest(arguments=arguments):
                    result = profd(*arguments)
                    self.assertEqual((result.returncode, result.stdout), (2, ""), result.stderr)
                    self.assertIn(word, result.stderr)
            for text, word in (("sample_hz: 0\n", "sample_hz"), ("sampel_hz: 19\n", "sample_hz"), ("sample_hz: [1]\n",
                               "sample_hz"), ("{{{\n", "profd.yaml"), ("sample_hz: 19\nsample_hz: 20\n", "sample_hz")):
                with self.subTest(text=text):
                    config.write_text(text)
                    result = profd("--config", config)
                    self.assertEqual((result.returncode, result.stdout), (2, ""), result.stderr)
                    self.assertIn(word, result.stderr)

    def test_help_and_version_are_exit_0(self):
        for flag in ("--help", "--version"):
            result = profd(flag)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertTrue(result.stdout)

    def test_without_privilege_it_is_exit_3_and_names_what_is_missing(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            result = profd("--socket", f"{folder}/s", "--http-token-file", f"{folder}/t", "--data-dir", f"{folder}/d",
                           "--http", "127.0.0.1:0", user=NOBODY, group=NOBODY, extra_groups=[], cwd="/")
            if result.returncode == 126:
                self.skipTest("the build folder is not readable for other users")
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn("CAP_", result.stderr)

    def test_a_second_profd_on_the_same_socket_is_exit_1_and_the_first_lives(self):
        first = Daemon().start()
        self.addCleanup(first.clean)
        self.addCleanup(first.terminate)
        second = profd("--socket", first.socket, "--http", "127.0.0.1:0", "--http-token-file", first.home / "t2",
                       "--data-dir", first.home / "d2")
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn(str(first.socket), second.stderr)
        self.assertEqual(first.profctl("version").returncode, 0)
        self.assertTrue(first.json("status"))

        other = first.home / "other.sock"
        third = profd("--socket", other, "--http", f"127.0.0.1:{first.port}", "--http-token-file", first.home / "t3",
                      "--data-dir", first.home / "d3")
        self.assertEqual(third.returncode, 1, third.stderr)
        self.assertIn(str(first.port), third.stderr)
        self.assertTrue(first.json("status"))

    def test_a_stale_socket_is_replaced(self):
        daemon = Daemon().start()
        self.addCleanup(daemon.clean)
        daemon.kill()
        self.assertTrue(daemon.socket.exists())
        daemon.start()
        self.assertTrue(daemon.json("status"))
        self.assertEqual(daemon.terminate(), 0)

    def test_sigterm_and_sigint_stop_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                daemon = Daemon().start()
                self.addCleanup(daemon.clean)
                program = target("spin")
                self.addCleanup(program.stop)
                daemon.process.send_signal(number)
                self.assertEqual(daemon.process.wait(20), 0, daemon.log())
                self.assertFalse(daemon.socket.exists(), "the socket was left behind")

    def test_sighup_reloads_and_says_what_needs_a_restart(self):
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "profd.yaml"
            config.write_text("log_level: info\n")
            daemon = Daemon("--config", str(config)).start()
            self.addCleanup(daemon.clean)
            self.addCleanup(daemon.terminate)
            config.write_text("log_level: debug\nsample_hz: 23\n")
            daemon.process.send_signal(signal.SIGHUP)
            self.assertTrue(eventually(lambda: "sample_hz" in daemon.log(), 15), daemon.log())
            config.write_text("nonsense: 1\n")
            daemon.process.send_signal(signal.SIGHUP)
            self.assertTrue(eventually(lambda: "nonsense" in daemon.log(), 15), daemon.log())
            self.assertIsNone(daemon.process.poll(), "a bad file on SIGHUP must not end it")

    def test_a_config_file_is_obeyed_and_flags_win(self):
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "profd.yaml"
            config.write_text("sample_hz: 47\nexclude: [command=nobody-has-this]\n")
            for flags, hz in (((), 47), (("--sample-hz", "53"), 53)):
                daemon = Daemon("--config", str(config), *flags).start()
                self.addCleanup(daemon.clean)
                self.assertEqual(daemon.json("status")["sample_hz"], hz)
                self.assertEqual(daemon.terminate(), 0)


if __name__ == "__main__":
    unittest.main()
