#!/usr/bin/env python3
"""Does rules.py fire? A repository with one offence of each kind, and one without any."""

import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import rules  # noqa: E402

OFFENCES = {
    "daemon/base/a.h": ('#include "api/server.h"\n', "stands above"),
    "daemon/pipeline/a.h": ("#include <bpf/libbpf.h>\n", "libbpf is for daemon/kernel"),
    "daemon/worker/a.h": ("#include <libelf.h>\n", "elfutils is for daemon/elf"),
    "daemon/storage/a.h": ("#include <grpcpp/grpcpp.h>\n", "gRPC is for"),
    "daemon/symbols/a.h": ('#include "elf/reader.h"\n', "in the worker"),
    "daemon/symbols/b.h": ('#include "process/a.h"\n', "in a ring"),
    "daemon/process/a.h": ('#include "symbols/b.h"\n', "in a ring"),
    "daemon/base/todo.h": ("// TO" + "DO later\n", "finish it"),
    "daemon/base/long.h": ("// " + "x" * 130 + "\n", "columns"),
    "daemon/base/many.h": ("//\n" * 500, "wants to be two"),
    "daemon/base/CamelCase.h": ("//\n", "snake_case"),
    "daemon/base/where.h": ("// see mirror.example.test\n", "names mirror.example.test"),
    "bad.py": ("def f(:\n", "bad.py:1"),
    "bad": ("#!/bin/bash\nset -e\nif then\n", "bad: "),
    "careless": ("#!/bin/bash\necho\n", "ignores errors"),
    "bad.json": ("{,}\n", "bad.json"),
}
CLEAN = {
    "daemon/kernel/a.cpp": "#include <bpf/libbpf.h>\n",
    "daemon/elf/a.cpp": "#include <libelf.h>\n",
    "daemon/api/a.cpp": '#include <grpcpp/grpcpp.h>\n#include "query/backend.h"\n#include "base/a.h"\n',
    "script": "#!/bin/bash\nset -e\nmktemp /tmp/aXXXXXX\n",
}


def findings_of(files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        subprocess.run(["git", "init", "-q", folder], check=True)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return list(rules.findings(root, {"mirror.example.test": "a mirror"}))


def main():
    failed = []
    found = findings_of({name: text for name, (text, _) in OFFENCES.items()})
    for name, (_, words) in OFFENCES.items():
        if not any(words in line and (name in line or words == "in a ring") for line in found):
            failed.append(f"{name}: nothing says '{words}'")
    failed += [f"wrongly found: {line}" for line in findings_of(CLEAN)]
    print(*failed, sep="\n", end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
