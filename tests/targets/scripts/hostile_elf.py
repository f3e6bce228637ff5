#!/usr/bin/env python3
"""Writes variants of an ELF binary that still run and spin, but whose tables lie.

    hostile_elf.py BINARY FOLDER   one file a kind in FOLDER, its name on standard output

Whoever reads section headers, symbols, notes or packed data of a running process must survive each.
"""

import lzma
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

SECTION = struct.Struct("<IIQQQQIIQQ")  # name type flags address offset size link info align entry-size
SYMBOL = struct.Struct("<IBBHQQ")       # name info other section value size
HEADER_SECTION_OFFSET, HEADER_SECTION_SIZE, HEADER_SECTION_COUNT, HEADER_NAMES = 40, 58, 60, 62
SYMTAB, STRTAB, NOTE = 2, 3, 7
HUGE = 1 << 62


class Elf:
    def __init__(self, data):
        self.data = bytearray(data)
        self.offset, = struct.unpack_from("<Q", self.data, HEADER_SECTION_OFFSET)
        self.count, = struct.unpack_from("<H", self.data, HEADER_SECTION_COUNT)

    def sections(self):
        return [(index, list(SECTION.unpack_from(self.data, self.offset + index * SECTION.size)))
                for index in range(self.count)]

    def change(self, kind, **fields):
        """Sets fields of all sections of a kind."""
        places = {"type": 1, "address": 3, "offset": 4, "size": 5, "link": 6, "entry": 9}
        for index, section in self.sections():
            if section[1] == kind:
                for name, value in fields.items():
                    section[places[name]] = value(index, section) if callable(value) else value
                SECTION.pack_into(self.data, self.offset + index * SECTION.size, *section)

    def change_symbols(self, change):
        for _, section in self.sections():
            if section[1] == SYMTAB:
                for offset in range(section[4], section[4] + section[5], SYMBOL.size):
                    symbol = list(SYMBOL.unpack_from(self.data, offset))
                    change(symbol)
                    SYMBOL.pack_into(self.data, offset, *symbol)


def patched(data, where, layout, value):
    changed = bytearray(data)
    struct.pack_into(layout, changed, where, value)
    return changed


def edited(data, edit):
    elf = Elf(data)
    edit(elf)
    return elf.data


def with_section(data, name, content):
    """The binary with one more section, by objcopy."""
    with tempfile.TemporaryDirectory() as folder:
        base, extra, out = (pathlib.Path(folder) / part for part in ("base", "extra", "out"))
        base.write_bytes(data)
        extra.write_bytes(content)
        subprocess.run(["objcopy", "--remove-section", name, "--add-section", f"{name}={extra}", str(base), str(out)],
                       check=True)
        return out.read_bytes()


def long_names(elf):
    """All symbols named by one string that no demangler likes: deep, repeating itself, and without an end."""
    name = b"_Z" + b"N1aI" * 20000 + b"S_" * 20000
    start = len(elf.data)
    elf.data += name
    elf.change(STRTAB, offset=start, size=len(name))
    elf.change_symbols(lambda symbol: symbol.__setitem__(0, 0))


def many_symbols(elf):
    """A symbol table of three million overlapping functions."""
    start = len(elf.data)
    elf.data += SYMBOL.pack(1, 0x12, 0, 1, 0x1000, 1 << 40) * 3_000_000
    elf.change(SYMTAB, offset=start, size=len(elf.data) - start)


def variants(data):
    last_load = max(offset + size for offset, size in loads(data))
    yield "truncated", data[:last_load]
    yield "section_offset_beyond_end", patched(data, HEADER_SECTION_OFFSET, "<Q", HUGE)
    yield "section_count_huge", patched(data, HEADER_SECTION_COUNT, "<H", 0xFFFF)
    yield "section_size_odd", patched(data, HEADER_SECTION_SIZE, "<H", 3)
    yield "section_names_beyond_count", patched(data, HEADER_NAMES, "<H", 0xFFFE)
    yield "symbols_beyond_end", edited(data, lambda elf: elf.change(SYMTAB, offset=HUGE))
    yield "symbols_huge", edited(data, lambda elf: elf.change(SYMTAB, size=HUGE))
    yield "symbols_entry_zero", edited(data, lambda elf: elf.change(SYMTAB, entry=0))
    yield "symbols_linked_to_themselves", edited(data, lambda elf: elf.change(SYMTAB, link=lambda index, _: index))
    yield "names_beyond_end", edited(data, lambda elf: elf.change(STRTAB, offset=HUGE))
    yield "names_cut", edited(data, lambda elf: elf.change(STRTAB, size=3))
    yield "name_offsets_beyond_table", edited(
        data, lambda elf: elf.change_symbols(lambda symbol: symbol.__setitem__(0, 0xFFFFFFF0)))
    yield "values_wrap_around", edited(
        data, lambda elf: elf.change_symbols(lambda symbol: symbol.__setitem__(slice(4, 6), (2 ** 64 - 8, HUGE))))
    yield "notes_huge", edited(data, lambda elf: elf.change(NOTE, size=HUGE))
    yield "long_names", edited(data, long_names)
    yield "many_symbols", edited(data, many_symbols)
    yield "garbage_debugdata", with_section(data, ".gnu_debugdata", os.urandom(65536))
    yield "bomb_debugdata", with_section(data, ".gnu_debugdata", lzma.compress(bytes(512 << 20), preset=0))
    yield "garbage_gopclntab", with_section(data, ".gopclntab", b"\xf1\xff\xff\xff\0\0\1\x08" + b"\xff" * 4096)
    yield "garbage_tail", data[:last_load] + os.urandom(len(data) - last_load)


def loads(data):
    """(file offset, file size) of each loaded segment."""
    start, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, start + index * size)
        if kind == 1:
            yield offset, length


def main():
    binary, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    for name, data in variants(binary.read_bytes()):
        path = folder / name
        path.write_bytes(bytes(data))
        path.chmod(0o755)
        print(path)


if __name__ == "__main__":
    main()
