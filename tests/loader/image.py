"""Takes a packed image apart, damages it, and puts it together again with a right checksum.

It knows the payload's format by itself (crates/payload/src/image.rs documents it), so that a mistake that loader and mkimage
share is seen.
"""

import struct
import zlib

E_MACHINE, E_ENTRY, E_PHOFF = 18, 24, 32
PARTS = ["kernel", "root_task", "params", "dtb"]
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
FIELDS = ["type", "flags", "offset", "vaddr", "paddr", "filesz", "memsz", "align"]


def segment(elf, index):
    """Offset of a program header, and its fields."""
    offset = struct.unpack_from("<Q", elf, E_PHOFF)[0] + index * PROGRAM_HEADER.size
    return offset, dict(zip(FIELDS, PROGRAM_HEADER.unpack_from(elf, offset)))


class Image:
    """An image of mkimage; its last segment is the payload."""

    def __init__(self, elf):
        self.elf = bytearray(elf)
        self.index = struct.unpack_from("<H", elf, 56)[0] - 1
        _, header = segment(elf, self.index)
        self.offset = header["offset"]
        payload = elf[self.offset : self.offset + header["filesz"]]
        self.magic, self.checksum, _, self.length, self.flags, *table = struct.unpack_from("<8sIIQQ8Q", payload)
        assert self.magic == b"sel4img\x01" and self.length == len(payload)
        assert self.checksum == zlib.crc32(payload[16:])
        self.parts = {
            name: bytearray(payload[table[2 * i] : table[2 * i] + table[2 * i + 1]]) for i, name in enumerate(PARTS)
        }
        self.flipped = False
        self.claimed = None

    def flip_a_bit(self):
        """Damages one byte without correcting the checksum."""
        self.flipped = True

    def claim_length(self, length):
        """Has the header speak of another length."""
        self.claimed = length

    def patch(self, part, at, data):
        """Overwrites bytes of a part."""
        self.parts[part][at : at + len(data)] = data

    def cut(self, part, count):
        """Takes the last bytes of a part away."""
        del self.parts[part][-count:]

    def set_segment(self, part, index, **values):
        """Changes fields of a program header."""
        offset, fields = segment(self.parts[part], index)
        fields.update(values)
        self.patch(part, offset, PROGRAM_HEADER.pack(*fields.values()))

    def move_kernel(self, vaddr):
        """Has the kernel, one segment that begins with its entry point, run at another virtual address."""
        self.set_segment("kernel", 0, vaddr=vaddr)
        self.patch("kernel", E_ENTRY, struct.pack("<Q", vaddr))

    def bytes(self):
        """The image with its parts as they are now."""
        body, table = bytearray(96), []
        for name in PARTS:
            body += bytes(-len(body) % 64)
            table += [len(body), len(self.parts[name])]
            body += self.parts[name]
        length = self.claimed or len(body)
        struct.pack_into("<8sIIQQ8Q", body, 0, self.magic, 0, 0, length, self.flags, *table)
        struct.pack_into("<I", body, 8, zlib.crc32(body[16:]))
        if self.flipped:
            body[len(body) // 2] ^= 1
        elf = bytearray(self.elf[: self.offset]) + body
        at, header = segment(elf, self.index)
        header.update(filesz=len(body), memsz=len(body))
        PROGRAM_HEADER.pack_into(elf, at, *header.values())
        return bytes(elf)
