"""What can go wrong with a file: each error says what was read, expected, found, and what to do.

An error of one file becomes a manifest row; it never stops the other files of a night.
"""


class IngestError(Exception):
    """A file or drop that cannot be landed."""


class UnreadableFileError(IngestError):
    """The bytes are not what the file name promises (damaged zip, unknown encoding ...)."""


class TruncatedFileError(UnreadableFileError):
    """The file or a part of it ends too early."""


class MissingColumnsError(IngestError):
    """A file named like a kind lacks columns the kind cannot do without."""

    def __init__(self, message: str, *, kind: str, missing: list[str], nearest: list[str]) -> None:
        super().__init__(message)
        self.kind = kind
        self.missing = missing
        self.nearest = nearest


class AmbiguousDatesError(IngestError):
    """A date column whose order of day and month cannot be told from its values."""


class NoDropsError(IngestError):
    """No source has a single drop, now or before."""


class RowCountError(IngestError):
    """Rows read are not rows loaded plus rows quarantined: rows were lost or made up."""
