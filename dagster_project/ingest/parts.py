"""Parts of a drop: plain files and zip members, each brought to a readable file with its sha256.

A zip member is copied to a temporary file in chunks, so that an archive of any size never sits in
memory, and its checksum is proved on the way.
"""

import hashlib
import lzma
import shutil
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import uuid4

from dagster_project.ingest.drops import DropFile, is_readable
from dagster_project.ingest.errors import TruncatedFileError, UnreadableFileError

CHUNK = 1 << 20
# What zipfile raises for bytes that were changed; ValueError: names that are no text.
BAD_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One table file of a drop: a file, or a member of a (nested) zip."""

    file: DropFile
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Path within the drop, through archives."""
        return "/".join((self.file.name, *self.members))

    @property
    def stem(self) -> str:
        """File name without folders and suffix."""
        return PurePosixPath(self.name).stem


@dataclass(frozen=True)
class OpenPart:
    """A part whose bytes lie in a plain file."""

    part: Part
    path: Path
    sha256: str

    @property
    def suffix(self) -> str:
        """Lower-case suffix of the part's own name."""
        return PurePosixPath(self.part.name).suffix.lower()


def list_parts(file: DropFile, temp: Path) -> list[Part]:
    """List what a drop file holds; raises TruncatedFileError for a damaged zip."""
    if file.path.suffix.lower() != ".zip":
        return [Part(file)]
    return _members(Part(file), file.path, temp)


def _members(part: Part, path: Path, temp: Path) -> list[Part]:
    try:
        with zipfile.ZipFile(path) as archive:
            found = []
            for info in archive.infolist():
                if info.is_dir() or not is_readable(info.filename):
                    _prove_name(archive, info)
                    continue
                inner = Part(part.file, (*part.members, info.filename))
                if info.filename.lower().endswith(".zip"):
                    with open_part(inner, temp) as opened:
                        found += _members(inner, opened.path, temp)
                else:
                    found.append(inner)
            if twice := [name for name, n in Counter(p.name for p in found).items() if n > 1]:
                raise UnreadableFileError(
                    f"{part.name}: holds {', '.join(twice)} more than once; make the archive again"
                )
            return found
    except (*BAD_ARCHIVE, OSError, NotImplementedError) as error:
        raise TruncatedFileError(
            f"{part.name}: expected a zip archive, found {path.stat().st_size} bytes that do not "
            f"end as one ({error}); export or copy it again"
        ) from error


def _prove_name(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Compare both names that an archive has of a member that is passed over.

    A table whose name is damaged in one of them would be missed without a word.
    """
    try:
        archive.open(info).close()
    except (RuntimeError, NotImplementedError):
        return  # a document with a password is nobody's table


@contextmanager
def open_part(part: Part, temp: Path) -> Iterator[OpenPart]:
    """Give the part as a plain file; temporary copies vanish afterwards."""
    copies: list[Path] = []
    try:
        yield _bring(part, temp, copies)
    finally:
        for copy in copies:
            copy.unlink(missing_ok=True)


def _bring(part: Part, temp: Path, copies: list[Path]) -> OpenPart:
    path, digest = part.file.path, ""
    try:
        for member in part.members:
            copy = temp / f"part-{uuid4().hex}{PurePosixPath(member).suffix.lower()}"
            copies.append(copy)
            digest = _extract(path, member, copy, part.name)
            path = copy
        if not part.members:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableFileError(
            f"{part.name}: cannot be read ({error.strerror or error}); check its permissions"
        ) from error
    return OpenPart(part, path, digest)


def _extract(archive_path: Path, member: str, target: Path, name: str) -> str:
    digest = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(archive_path) as archive,
            archive.open(member) as stream,
            target.open("wb") as out,
        ):
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                out.write(chunk)
    except BAD_ARCHIVE as error:
        raise TruncatedFileError(
            f"{name}: the archive's checksum does not hold ({error}); the zip is damaged or was "
            "copied half; export or copy it again"
        ) from error
    except (RuntimeError, NotImplementedError) as error:
        raise UnreadableFileError(
            f"{name}: the archive cannot be opened ({error}); export it without a password"
        ) from error
    return digest.hexdigest()


def empty_folder(folder: Path) -> None:
    """Clear what a killed run left behind."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
