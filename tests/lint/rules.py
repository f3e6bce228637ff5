#!/usr/bin/env python3
"""Rules of this repository that no compiler checks: layers, words, lines, names of the workplace, script syntax.

    rules.py [ROOT]   prints one line a finding, exit 1 when there is any
"""

import ast
import json
import pathlib
import re
import subprocess
import sys

# Which folders of daemon/ stand above which: a file includes from its own rank or below, and the folders' includes
# form no ring. main.cpp and daemon.* stand above all.
RANKS = [
    {"base"},
    {"config", "profile", "elf", "worker"},
    {"symbols", "process", "recursion", "pprof"},
    {"kernel", "storage", "probes", "maps", "pipeline", "query", "export", "api", "web"},
    {"profctl"},
]
RANK = {folder: rank for rank, folders in enumerate(RANKS) for folder in folders}

# What only some folders may include, and why.
RESERVED = [
    (re.compile(r"<bpf/"),
     ("daemon/kernel/", "bpf/", "tests/kernel/", "tests/unit/kernel/", "tests/bpf_host/", "tests/oracle/"),
     "libbpf is for daemon/kernel"),
    (re.compile(r"<(elfutils/|libelf\.h|gelf\.h|dwarf\.h)"), ("daemon/elf/", "tests/unit/elf/", "tests/fuzz/"),
     "elfutils is for daemon/elf"),
    (re.compile(r"<grpc"),
     ("daemon/api/", "daemon/export/", "daemon/profctl/", "tests/unit/api/", "tests/unit/profctl/"),
     "gRPC is for daemon/api, export and profctl"),
    (re.compile(r'"elf/'),
     ("daemon/elf/", "daemon/worker/", "tests/unit/elf/", "tests/unit/worker/", "tests/fuzz/", "tests/oracle/",
      "tests/benchmark/"),
     "ELF files are read in the worker"),
]
INCLUDE = re.compile(r'^\s*#\s*include\s+(<[^>]+>|"[^"]+")', re.M)
# Put together here so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
CODE = (".c", ".h", ".cpp", ".py", ".sh", ".def", ".proto", ".cmake", ".go")
MAX_COLUMNS = 120
MAX_LINES = 400


def project_files(root):
    """What is committed, or would be: everything that git does not ignore."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
                            capture_output=True, text=True, check=True).stdout
    return sorted({name for name in listed.split("\0") if name and (root / name).is_file()})


def check_layers(name, text):
    includes = INCLUDE.findall(text)
    for pattern, allowed, why in RESERVED:
        if not name.startswith(allowed):
            for include in includes:
                if pattern.match(include):
                    yield f"{name}: includes {include}: {why}"
    parts = name.split("/")
    if parts[0] != "daemon" or len(parts) < 3:
        return
    folder = parts[1]
    if folder not in RANK:
        if folder != "cmake":
            yield f"{name}: folder daemon/{folder} has no rank in tests/lint/rules.py"
        return
    for include in includes:
        target = include.strip('"').split("/")[0]
        if include[0] == '"' and RANK.get(target, 0) > RANK[folder]:
            yield f"{name}: includes {include}, which stands above daemon/{folder}"


def check_rings(root, files):
    """Folders of daemon/ that include each other, directly or through others."""
    graph = {}
    for name in files:
        parts = name.split("/")
        if parts[0] == "daemon" and len(parts) > 2 and name.endswith((".h", ".cpp")):
            includes = INCLUDE.findall((root / name).read_text())
            targets = {include.strip('"').split("/")[0] for include in includes if include[0] == '"'}
            graph.setdefault(parts[1], set()).update(targets & RANK.keys() - {parts[1]})
    done, path = set(), []

    def visit(folder):
        if folder in path:
            yield "daemon/: folders include each other in a ring: " + " -> ".join(path[path.index(folder):] + [folder])
        elif folder not in done:
            path.append(folder)
            for target in sorted(graph.get(folder, ())):
                yield from visit(target)
            path.pop()
            done.add(folder)

    for folder in sorted(graph):
        yield from visit(folder)


def check_words(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        match = UNFINISHED.search(line)
        if match:
            yield f"{name}:{number}: {match[0]}: finish it, or describe it in an issue"


def check_lines(name, text):
    if not name.endswith(CODE) and not text.startswith("#!"):
        return
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS and "http" not in line:
            yield f"{name}:{number}: {len(line)} columns, at most {MAX_COLUMNS}"
        if line != line.rstrip():
            yield f"{name}:{number}: blanks at the end of the line"
    if len(lines) > MAX_LINES and not name.startswith("tests/targets/"):
        yield f"{name}: {len(lines)} lines: a file past {MAX_LINES} wants to be two"
    if text and not text.endswith("\n"):
        yield f"{name}: no newline at the end"


def check_names(name):
    snake_case = r"[a-z0-9_./]+|.*CMakeLists\.txt|.*ProfdModule\.cmake"
    if name.startswith(("daemon/", "bpf/")) and not re.fullmatch(snake_case, name):
        yield f"{name}: files are named in snake_case"


def workplace_words(root):
    """Names that belong to this machine, not into the project: where the clone lies, where packages come from."""
    # A clone right below / has a name like those that any text has.
    words = {str(root): "the path of this clone"} if len(root.parts) > 2 else {}
    sources = [
        (["apt-get", "indextargets", "--format", "$(REPO_URI)"], "a mirror of this machine's apt"),
        (["go", "env", "GOPROXY", "GOSUMDB"], "this machine's Go proxy"),
        (["npm", "config", "get", "registry"], "this machine's npm registry"),
    ]
    for command, what in sources:
        try:
            output = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
        except (OSError, subprocess.TimeoutExpired):
            continue
        for host in re.findall(r"https?://(?:[^/@\s]*@)?([^/:\s,|]+)", output):
            words[host] = what
    return words


def check_workplace(name, text, words):
    for word, what in words.items():
        if word in text:
            yield f"{name}: names {word}, {what}"


def check_syntax(root, name, text):
    first = text.split("\n", 1)[0]
    if name.endswith(".py") or (first.startswith("#!") and "python" in first):
        try:
            ast.parse(text, name)
        except SyntaxError as error:
            yield f"{name}:{error.lineno}: {error.msg}"
    elif first.startswith("#!") and "bash" in first:
        result = subprocess.run(["bash", "-n", str(root / name)], capture_output=True, text=True)
        if result.returncode != 0:
            yield f"{name}: {result.stderr.strip()}"
        if "set -" not in text:
            yield f"{name}: a script that ignores errors (no set -e, -u, -o pipefail)"
    elif name.endswith(".json"):
        try:
            json.loads(text)
        except ValueError as error:
            yield f"{name}: {error}"


def findings(root, words):
    files = project_files(root)
    for name in files:
        yield from check_names(name)
        try:
            text = (root / name).read_text()
        except UnicodeDecodeError:
            continue
        if name.endswith((".h", ".cpp", ".c")):
            yield from check_layers(name, text)
        if name != "LICENSE":
            yield from check_words(name, text)
            yield from check_lines(name, text)
            yield from check_workplace(name, text, words)
        yield from check_syntax(root, name, text)
    yield from check_rings(root, files)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    found = list(findings(root, workplace_words(root)))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
