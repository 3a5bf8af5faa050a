"""A fault of a seed, by name: where it is, what was found, what was expected, what to do."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, order=True)
class Fault:
    """One fault. line counts the lines of the file, the header is 1; 0 = the file as a whole."""

    file: str
    line: int = 0
    column: str = ""
    found: str
    expected: str
    action: str

    def __str__(self) -> str:
        """Say it in one line."""
        place = self.file
        if self.line:
            place += f" line {self.line}"
        if self.column:
            place += f", {self.column}"
        return f"{place}: found {self.found}; expected {self.expected}; {self.action}"


class RulesError(Exception):
    """The rules cannot be used; the message names every fault."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep the faults, in the order of their places."""
        self.faults = sorted(faults)
        count = f"{len(faults)} fault" + ("s" if len(faults) > 1 else "")
        lines = "\n".join(f"- {fault}" for fault in self.faults)
        super().__init__(f"the rules cannot be used, {count}:\n{lines}")
