"""Writes oracle.tsv: what pefile, which nobody here wrote, reads of the files here (pip install pefile)."""
import pathlib

import pefile


def numbers(high, low):
    return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"


here = pathlib.Path(__file__).parent
rows = []
for path in sorted(here.glob("*/*")):
    program = pefile.PE(path)
    fixed = program.VS_FIXEDFILEINFO[0]
    strings = next(one for one in program.FileInfo[0] if one.Key == b"StringFileInfo")
    described = strings.StringTable[0].entries[b"FileDescription"].decode()
    rows.append(
        "\t".join([
            path.relative_to(here).as_posix(),
            numbers(fixed.FileVersionMS, fixed.FileVersionLS),
            numbers(fixed.ProductVersionMS, fixed.ProductVersionLS),
            described,
        ])
    )
(here / "oracle.tsv").write_text("\n".join(rows) + "\n")
