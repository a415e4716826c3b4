#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run seL4's own generator of bit field accessors, with the parser generator that the package carries.

    bitfields.py --package DIR --environment sel4|libsel4 IN.pbf INCLUDE_DIR NAME.h

The generator imports "six", "ply.yacc" and "lex". The package has lex.py beside the generator and yacc.py in a folder
of its own (from ply 3); tools/shim has the one name of six that is used. So nothing beside Python is needed.
"""
import argparse
import contextlib
import io
import os
import runpy
import sys
import tempfile
import types
import warnings
from pathlib import Path

import step


class NamedOutput(io.StringIO):
    """A standard output that has a file name, as the generator's own output files do."""

    def __init__(self, filename):
        super().__init__()
        self.filename = filename


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--environment", choices=("sel4", "libsel4"), required=True)
    parser.add_argument("source", type=Path)
    parser.add_argument("include", type=Path)
    parser.add_argument("name")
    args = parser.parse_args()

    package = args.package.resolve()
    generator = package / "seL4/tools/bitfield_gen.py"
    source, header = args.source.resolve(), args.include.resolve() / args.name

    sys.dont_write_bytecode = True
    sys.path[:0] = [str(Path(__file__).resolve().parent / "shim"), str(generator.parent)]
    # yacc imports the lexer as ply.lex and is itself imported as ply.yacc.
    import lex
    ply = types.ModuleType("ply")
    ply.__path__ = [str(package / "tools")]
    ply.lex = lex
    sys.modules.update({"ply": ply, "ply.lex": lex})

    # The generator makes the include guard from its output's file name; this one is the same on every machine.
    output = NamedOutput(f"{args.environment}/{args.name}")
    sys.argv = [str(generator), "--environment", args.environment, str(source)]
    # The generator's Isabelle templates have escapes that newer Pythons remark on, line by line.
    warnings.simplefilter("ignore", SyntaxWarning)
    # yacc writes its parse table into the working directory.
    with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(output):
        os.chdir(work)
        runpy.run_path(str(generator), run_name="__main__")
        os.chdir("/")
    header.parent.mkdir(parents=True, exist_ok=True)
    header.write_text(output.getvalue())


if __name__ == "__main__":
    step.run(main)
