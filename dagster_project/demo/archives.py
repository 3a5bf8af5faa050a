"""Files on disk: backup zips, workbooks and plain files with fixed time stamps.

What belongs here: containers. What does not: the rows in them.
"""

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Final

from dagster_project.demo.columns import Strings, sheet_rows, text_of

ZIP_PART_BYTES: Final = 1_000_000_000
_COMPRESSION_LEVEL: Final = 1
_SPREADSHEET: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_HIDDEN: Final = ' state="hidden"'
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def open_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open a member by name: it is stamped 1980-01-01, so that equal worlds are equal bytes."""
    return archive.open(name, "w", force_zip64=True)


class BackupZips:
    """Data_001.zip, Data_002.zip … : a new part once the current one has reached its size."""

    def __init__(self, folder: Path, *, part_bytes: int = ZIP_PART_BYTES) -> None:
        self._folder = folder
        self._part_bytes = part_bytes
        self._part = 0
        self._archive: zipfile.ZipFile | None = None

    def write(self, name: str, content: Iterable[bytes]) -> None:
        """Add one file."""
        with open_member(self._current(), name) as member:
            for piece in content:
                member.write(piece)

    def close(self) -> None:
        """Finish the last part."""
        if self._archive:
            self._archive.close()
            self._archive = None

    def _current(self) -> zipfile.ZipFile:
        full = self._archive and self._archive.fp and self._archive.fp.tell() >= self._part_bytes
        if full:
            self.close()
        if self._archive is None:
            self._part += 1
            path = self._folder / f"Data_{self._part:03d}.zip"
            self._archive = zipfile.ZipFile(
                path, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL
            )
        return self._archive


def write_workbook(
    path: Path,
    *,
    title: str,
    header: Sequence[str],
    numeric: Sequence[bool],
    row_chunks: Iterable[Sequence[Strings]],
) -> None:
    """Write an xlsx as the CRM streams it.

    Inline strings, a stored dimension of one cell, and a hidden sheet.
    """
    sheets = (title, "hidden_options")
    with zipfile.ZipFile(
        path, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL
    ) as archive:
        for name, content in _package_parts(sheets).items():
            with open_member(archive, name) as member:
                member.write((_XML + content).encode())
        opening = f'{_XML}<worksheet xmlns="{_SPREADSHEET}"><dimension ref="A1"/><sheetData>\n'
        closing = b"</sheetData></worksheet>"
        with open_member(archive, "xl/worksheets/sheet1.xml") as member:
            member.write(opening.encode())
            labels = [text_of([label]) for label in header]
            member.write(sheet_rows(labels, [False] * len(labels), 1))
            first = 2
            for cells in row_chunks:
                member.write(sheet_rows(cells, numeric, first))
                first += len(cells[0])
            member.write(closing)
        with open_member(archive, "xl/worksheets/sheet2.xml") as member:
            member.write(opening.encode())
            member.write(sheet_rows([text_of(["是", "否"])], [False], 1))
            member.write(closing)


def _package_parts(sheets: Sequence[str]) -> dict[str, str]:
    """Make the fixed parts of a workbook; every sheet but the first is hidden."""
    numbers = range(1, len(sheets) + 1)
    paths = [f"worksheets/sheet{n}.xml" for n in numbers]
    spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    relationships = "application/vnd.openxmlformats-package.relationships+xml"
    types = "".join(
        f'<Override PartName="/xl/{path}" ContentType="{spreadsheet}.worksheet+xml"/>'
        for path in paths
    )
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}"{_HIDDEN if n > 1 else ""} r:id="rId{n}"/>'
        for n, name in zip(numbers, sheets, strict=True)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="{path}"/>'
        for n, path in zip(numbers, paths, strict=True)
    )
    opening = f'<Relationships xmlns="{_PACKAGE}/relationships">'
    return {
        "[Content_Types].xml": (
            f'<Types xmlns="{_PACKAGE}/content-types">'
            f'<Default Extension="rels" ContentType="{relationships}"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{spreadsheet}.sheet.main+xml"/>'
            f"{types}</Types>"
        ),
        "_rels/.rels": (
            f'{opening}<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" '
            f'Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_OFFICE}">'
            f"<sheets>{listed}</sheets></workbook>"
        ),
        "xl/_rels/workbook.xml.rels": f"{opening}{links}</Relationships>",
    }
