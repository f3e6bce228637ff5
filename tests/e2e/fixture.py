"""A profd of the test's own, programs for it to watch, and profctl to ask it."""

import contextlib
import http.client
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PROFD_BUILD", ROOT / "build")).resolve()
TARGETS = BUILD / "tests/targets"
SOAK = bool(os.environ.get("PROFD_SOAK"))
# An emulated machine is that many times slower.
SLOW = int(os.environ.get("PROFD_SLOW", "1"))
READY_SECONDS = 60 * SLOW
STOP_SECONDS = 30 * SLOW


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, seconds=30, every=0.2):
    """The condition's first true value, or its last one when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(every)


def cpu_seconds(pid):
    """CPU time that the kernel has accounted to all threads of a process that live."""
    total = 0
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


class Daemon:
    """One profd with a socket, port, token and data of its own."""

    def __init__(self, *flags, home=None, environment=None):
        self.home = pathlib.Path(home or tempfile.mkdtemp(prefix="profd-test-"))
        self.owns_home = home is None
        self.socket = self.home / "profd.sock"
        self.token_file = self.home / "http.token"
        self.port = free_port()
        self.log_file = self.home / "log"
        self.flags = flags
        self.environment = environment
        self.process = None

    def command(self):
        return [str(BUILD / "profd"), "--socket", str(self.socket), "--http", f"127.0.0.1:{self.port}",
                "--http-token-file", str(self.token_file), "--data-dir", str(self.home / "data"), *self.flags]

    def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **(self.environment or {})})
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"profd ended with {self.process.returncode} before it was ready:\n{self.log()}")
            with contextlib.suppress(OSError):
                if self.http("/readyz", token=None)[0] == 200:
                    return self
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"profd was not ready within {READY_SECONDS} s:\n{self.log()}")

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def terminate(self):
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"profd did not stop within {STOP_SECONDS} s of SIGTERM:\n{self.log()}") from None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def clean(self):
        if self.owns_home:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid

    def token(self):
        return self.token_file.read_text().strip()

    def http(self, path, token="own", method="GET", host=None, timeout=60 * SLOW):
        """(status, headers, body). `token`: "own", None or a wrong one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {}
        if token is not None:
            headers["Authorization"] = "Bearer " + (self.token() if token == "own" else token)
        if host is not None:
            headers["Host"] = host
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def profctl(self, *arguments, timeout=120 * SLOW, check=True, **options):
        command = [str(BUILD / "profctl"), "--address", f"unix://{self.socket}", *map(str, arguments)]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                                check=False, **options)
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit {result.returncode}\n{result.stderr}\n"
                                 f"{self.log()[-3000:]}")
        return result

    def json(self, *arguments, **options):
        return json.loads(self.profctl(*arguments, "-o", "json", **options).stdout)

    def top_functions(self, pid, *arguments):
        return self.json("top", "--pid", pid, *arguments)

    def processes(self):
        """Rows of `profctl top`, by pid."""
        return {row["pid"]: row for row in self.json("top")["processes"]}

    def outcomes(self):
        """Ticks since the start, by outcome."""
        status = self.json("status")
        outcomes = status["outcomes"]
        if isinstance(outcomes, list):
            return {row["outcome"]: int(row["count"]) for row in outcomes}
        return {name: int(count) for name, count in outcomes.items()}

    def metrics(self):
        """Samples of /metrics: {name with labels: value}."""
        status, _, body = self.http("/metrics", token=None)
        assert status == 200, status
        lines = body.decode().splitlines()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))}

    def record(self, pid, seconds=3, *arguments):
        """A pprof profile of the next while, parsed."""
        from tests.e2e import pprof_reader
        path = self.home / f"record-{pid}-{time.monotonic_ns()}.pb.gz"
        self.profctl("record", *(["--pid", pid] if pid else []), "-d", f"{seconds}s", "-f", path, *arguments)
        return pprof_reader.read(path)


class Target:
    """A program that prints what is true about it, one JSON object a line."""

    def __init__(self, command, cwd=None, environment=None, stdin=subprocess.DEVNULL):
        self.command = [str(part) for part in command]
        self.lines = queue.Queue()
        self.ended_ns = None  # boot time when it closed its output
        self.process = subprocess.Popen(self.command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, cwd=cwd,
                                        env={**os.environ, **(environment or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self.lines.put(json.loads(line))
        self.ended_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self.lines.put(None)

    def event(self, *names, seconds=60):
        """The next object with one of these `event`s; any when no name is given."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                truth = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.command}: no {names} within {seconds} s") from None
            if truth is None:
                self.process.wait()
                raise AssertionError(f"{self.command}: ended with {self.process.returncode} before {names}")
            if not names or truth.get("event") in names:
                return truth

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.process.stdout.close()
        if self.process.stdin:
            self.process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def target(name, *arguments, **options):
    return Target([TARGETS / name, *arguments], **options)


def go_version():
    """Minor version of the Go that is here, or None."""
    if not shutil.which("go"):
        return None
    answer = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd="/")
    parts = answer.stdout.strip().removeprefix("go").split(".")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None


# How a Go program may be built: flags of the linker, other flags, a source that is laid over the target's.
GO_MODES = {
    "static": ("", (), None),
    "stripped": ("-s -w", (), None),
    "pie": ("", ("-buildmode=pie",), None),
    "cgo": ("", (), "cgo.go"),
    "cgo-pie": ("", ("-buildmode=pie",), "cgo.go"),
    "c-shared": ("", ("-buildmode=c-shared",), "shared.go"),
}


def build_go(name, toolchain="local", mode="static", linker=""):
    """Path of the Go target `name`, built by ordinary Go tooling of that version; skips the test without it."""
    linker_flags, flags, laid_over = GO_MODES[mode]
    linker = f"{linker_flags} {linker}".strip()
    binary = BUILD / "tests/go" / toolchain / mode / (name + "".join(c for c in linker if c.isalnum()))
    sources = ROOT / "tests/targets/go" / name
    if binary.exists() and not sources.exists():
        return binary
    if go_version() is None:
        raise unittest.SkipTest("no Go toolchain is installed")
    newest = max(path.stat().st_mtime for path in sources.iterdir())
    if binary.exists() and binary.stat().st_mtime > newest:
        return binary
    binary.parent.mkdir(parents=True, exist_ok=True)
    if laid_over:
        overlay = binary.with_suffix(".overlay.json")
        replaced = {str(sources / laid_over): str(sources.parent / "modes" / laid_over)}
        overlay.write_text(json.dumps({"Replace": replaced}))
        flags = (*flags, f"-overlay={overlay}")
    environment = {**os.environ, "GOTOOLCHAIN": toolchain, "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
    if toolchain.startswith(("go1.19", "go1.20")):
        environment["GODEBUG"] = "goindex=0"
    result = subprocess.run(["go", "build", f"-ldflags={linker}", *flags, "-o", str(binary), "."], cwd=sources,
                            env=environment, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        if "download" in result.stderr or "dial" in result.stderr or "toolchain not available" in result.stderr:
            raise unittest.SkipTest(f"{toolchain} cannot be downloaded here: {result.stderr.strip().splitlines()[-1]}")
        raise AssertionError(f"go build of {name} with {toolchain} failed:\n{result.stderr}")
    return binary


def go_command(binary, mode="static"):
    """(command, environment) that run a Go target built in that mode."""
    if GO_MODES[mode][2] == "shared.go":
        return [TARGETS / "go_host"], {"GO_LIBRARY": str(binary)}
    return [binary], {}


def go_target(name, *arguments, toolchain="local", mode="static"):
    command, environment = go_command(build_go(name, toolchain, mode), mode)
    return Target([*command, *arguments], environment=environment)


def resident_mb(pid):
    """RSS of a process, MiB."""
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class RootCase(unittest.TestCase):
    """Tests that need the kernel: root, and the two programs built."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root: profd loads BPF programs")
        for name in ("profd", "profctl"):
            if not (BUILD / name).exists():
                raise RuntimeError(f"{BUILD / name} is missing: build it first")


class DaemonCase(RootCase):
    """One profd for all tests of the class. It must live through all of them and stop cleanly."""

    flags = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon = Daemon(*cls.flags)
        try:
            cls.daemon.start()
        except Exception:
            cls.daemon.clean()
            raise

    @classmethod
    def tearDownClass(cls):
        code = cls.daemon.terminate()
        log = cls.daemon.log()
        cls.daemon.clean()
        if code != 0:
            raise AssertionError(f"profd ended with {code}:\n{log}")

    def use(self, target_program):
        """The program, stopped when the test is over."""
        self.addCleanup(target_program.stop)
        return target_program
