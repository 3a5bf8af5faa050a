"""What a notice says: short, in Chinese and English, with what to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from dagster_project.report.run_notes import Attention
from dagster_project.settings import NoticeLevel

# A message of a group robot is read on a phone.
MOST_LISTED = 5
LONGEST_REASON = 300

HEADINGS = {
    "failure": ("夜间批处理失败", "night failed"),
    "warning": ("已发布，有事项需处理", "published, needs attention"),
    "success": ("已发布", "published"),
}
UNTOUCHED = "已发布的数据未受影响 what readers see is untouched"


@dataclass(frozen=True)
class FailedStep:
    """A step that failed, and why."""

    step: str
    reason: str


@dataclass(frozen=True)
class FailedRule:
    """A data rule that failed: where, how often, and what to do about it."""

    rule_id: str
    severity: str
    table: str
    failed: int
    message: str
    todo_zh: str = ""
    todo_en: str = ""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """How a run ended."""

    level: NoticeLevel
    run_id: str
    kind: str
    status: str
    as_of_date: date | None
    home: Path
    report: Path
    failed_steps: tuple[FailedStep, ...] = ()
    failed_rules: tuple[FailedRule, ...] = ()
    attention: tuple[Attention, ...] = field(default=())

    @property
    def title(self) -> str:
        """One line: how it ended, and for which date. Group robots may ask for the word Kefen."""
        zh, en = HEADINGS[self.level]
        return f"Kefen 客分 {zh} {en}: {self.as_of_date or self.run_id}"

    @property
    def text(self) -> str:
        """The whole message, plain."""
        lines = [
            self.title,
            f"运行 run: {self.kind} {self.run_id}",
            f"截至 as of: {self.as_of_date or '—'}",
            f"状态 status: {self.status}",
        ]
        if self.status != "published":
            lines.append(UNTOUCHED)
        lines += _some(
            "失败步骤 failed steps",
            [f"{s.step}: {_short(s.reason)}" for s in self.failed_steps],
        )
        lines += _some("规则 rules", [_rule_line(rule) for rule in self.failed_rules])
        lines += _some("注意 attention", [f"{a.zh} {a.en}" for a in self.attention])
        lines.append(f"详情 report: {self.report}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Give everything, for a program to read; dates and paths as text."""
        return {
            "event": "kefen.night",
            "title": self.title,
            "level": self.level,
            "run_id": self.run_id,
            "kind": self.kind,
            "status": self.status,
            "as_of_date": self.as_of_date.isoformat() if self.as_of_date else None,
            "home": str(self.home),
            "report": str(self.report),
            "failed_steps": [asdict(step) for step in self.failed_steps],
            "failed_rules": [asdict(rule) for rule in self.failed_rules],
            "attention": [asdict(found) for found in self.attention],
            "text": self.text,
        }


def cut(text: str, *, most_bytes: int) -> str:
    """Cut a text to a number of UTF-8 bytes, never within a character, and say so."""
    if len(text.encode()) <= most_bytes:
        return text
    mark = "…"
    kept = text.encode()[: most_bytes - len(mark.encode())]
    return kept.decode(errors="ignore") + mark


def _rule_line(rule: FailedRule) -> str:
    todo = " ".join(part for part in (rule.todo_zh, rule.todo_en) if part)
    line = f"{rule.severity} {_short(rule.message)}"
    return f"{line} → {todo}" if todo else line


def _short(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= LONGEST_REASON else joined[: LONGEST_REASON - 1] + "…"


def _some(heading: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    lines = [f"{heading}:", *(f"- {item}" for item in items[:MOST_LISTED])]
    if len(items) > MOST_LISTED:
        more = len(items) - MOST_LISTED
        lines.append(f"- 另有 {more} 条 {more} more")
    return lines
