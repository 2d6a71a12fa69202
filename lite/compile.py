"""Runs inside Pyodide: writes a wheel, or another zip of modules, anew with what Python makes of its sources.

A browser would otherwise compile every module of every package at every start.
"""

import importlib.util
import marshal
import struct
import sys
import zipfile
from pathlib import Path

# Times of files play no part: two runs give the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)
# The file says that nobody need compare it with its source, which is not there or never changes.
UNCHECKED = 0b01


def compiled(source, target, home, keep, drop=(), swap=(), terse=()):
    """Write `target` from the zip `source`, whose modules will lie in the folder `home`.

    With `keep` the sources stay beside what is made of them, so that a reader can look at them.
    What has a part of `drop` in its path is left out; what `swap` names gets the text it gives; what has a
    part of `terse` in its path loses its docstrings.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(old.namelist()):
            # The list of files no longer holds.
            if name.endswith(("/", ".dist-info/RECORD")) or any(part in f"/{name}" for part in drop):
                continue
            content = swap[name].encode() if name in swap else old.read(name)
            level = 2 if any(part in name for part in terse) else 0
            made = _made(content, f"{home}/{name}", level) if name.endswith(".py") else None
            if made is None or keep:
                _add(new, name, content)
            if made is not None:
                _add(new, _beside(name) if keep else f"{name}c", made)


def _made(content, path, level):
    try:
        code = compile(content, path, "exec", dont_inherit=True, optimize=level)
    except SyntaxError:  # templates, and files for other Pythons
        return None
    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", UNCHECKED) + importlib.util.source_hash(content)
    return head + marshal.dumps(code)


def _beside(name):
    path = Path(name)
    return str(path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc")


def _add(new, name, content):
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    new.writestr(info, content, compresslevel=9)
