#!/usr/bin/env python3
"""tests/fuzz/make_corpus.py: writes the seeds of tests/fuzz/corpus/pclntab again (see pclntab_fuzz.cpp for their form).

A table with one function, main.a: 16 bytes of code, lines 10 and 12, in whose first half main.inlined stands, of each
format that is read.
"""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).with_name("corpus") / "pclntab"
NAMES = b"runtime\0main.a\0main.inlined\0"
FILES = b"/src/main.go\0"
VALUES = (b"\0"
          b"\x02\x10\0"          # 1: value 0
          b"\x16\x04\x04\x0c\0"  # 4: lines
          b"\0"
          b"\x02\x08\x01\x08\0"  # 10: node 0 for 8 bytes, then none
          b"\x02\x04\x30\x0c\0")  # 15: stack deltas
WRAPPER = 23


def table(magic, start_lines, kind, flags, word=8):
    units = struct.pack("<I", 0)
    record = struct.pack("<10I" if start_lines else "<9I", 0, 8, 0, 0, 15, 1, 4, 3, 0, *([9] if start_lines else []))
    record += bytes([kind, flags, 0, 4]) + struct.pack("<3I", 0, 0, 10) + struct.pack("<4I", *[0xffffffff] * 3, 0)
    records = struct.pack("<3I", 0, 12, 16)
    names_at = 8 + 8 * word
    units_at = names_at + len(NAMES)
    files_at = units_at + len(units)
    values_at = files_at + len(FILES)
    records_at = values_at + len(VALUES)
    words = (1, 1, 0x401000, names_at, units_at, files_at, values_at, records_at)
    header = struct.pack("<IHBB", magic, 0, 1, word) + struct.pack("<8Q" if word == 8 else "<8I", *words)
    return header + NAMES + units + FILES + VALUES + records + record


def seed(body, nodes):
    return struct.pack("<HBB", len(nodes), WRAPPER, 0) + body + nodes


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    new_node = struct.pack("<Iiii", 0, 15, 8, 33)
    old_node = struct.pack("<hBBiiii", -1, 0, 0, 0, 0, 15, 8)
    seeds = {
        "go120": seed(table(0xfffffff1, True, 0, 0), new_node),
        "go120-circle": seed(table(0xfffffff1, True, 0, 0), struct.pack("<Iiii", 0, 15, 0, 33)),
        "go120-wrapper": seed(table(0xfffffff1, True, WRAPPER, 2), b""),
        "go120-narrow": seed(table(0xfffffff1, True, 0, 0, word=4), new_node),
        "go118": seed(table(0xfffffff0, False, 0, 0), old_node),
    }
    for name, content in seeds.items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
