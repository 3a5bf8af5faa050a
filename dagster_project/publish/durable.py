"""Make files outlive a power cut."""

import os
from pathlib import Path


def fsync_tree(folder: Path) -> None:
    """Flush a folder and all below it to the disk."""
    for path in folder.iterdir():
        if path.is_dir():
            fsync_tree(path)
        else:
            fsync(path)
    fsync(folder)


def fsync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
