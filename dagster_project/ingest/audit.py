"""The file rules (STR) on one drop of one kind: facts in, verdict out.

What belongs here: thresholds of the file rules and what each needs to know. Rules that need
typed values (enum values, foreign ids, currencies, sums) are judged after staging.
"""

from datetime import date

from pydantic import BaseModel, ConfigDict

# Data rules, STR: more than this share of rows without a unique id is critical ...
ID_PROBLEM_SHARE = 0.01
# ... a full export must have more than this share of the rows of the one before ...
LEAST_ROW_RATIO = 0.5
# ... and deletions of more than this share of the active ids wait for a second export.
HELD_DELETION_SHARE = 0.05


class Facts(BaseModel):
    """What the manifest and the rows say about one drop of one kind."""

    model_config = ConfigDict(frozen=True)

    crm_source: str
    kind: str
    entity: str
    mode: str
    export_date: date
    revision: int
    files: tuple[str, ...]
    rows_read: int = 0
    row_errors: int = 0
    rows_without_id: int = 0
    duplicate_rows: int = 0
    missing_columns: tuple[str, ...] = ()
    nearest_columns: tuple[str, ...] = ()
    is_truncated: bool = False
    missing_parts: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    is_future: bool = False
    deletions_accepted: bool = False


class Audit(Facts):
    """The verdict on one drop of one kind; true = the rule fails, null = not applicable."""

    previous_rows: int | None = None
    row_ratio: float | None = None
    active_ids: int = 0
    gone_ids: int = 0
    deleted_share: float | None = None
    deletions_held: int = 0
    rows_changed: int = 0
    rows_deleted: int = 0
    id_problem_share: float | None = None
    added_columns: tuple[str, ...] = ()
    dropped_columns: tuple[str, ...] = ()
    retyped_columns: tuple[str, ...] = ()
    str_001: bool = False
    str_002: bool = False
    str_003: bool | None = None
    str_004: bool | None = None
    str_006: bool = False
    str_009: bool | None = None
    is_accepted: bool = True
    message: str | None = None
    fingerprint: str = ""


def judge(facts: Facts, previous: Audit | None) -> Audit:
    """Judge a drop against the newest accepted one before it (of full mode for the row count)."""
    problems = facts.rows_without_id + facts.duplicate_rows
    share = problems / facts.rows_read if facts.rows_read else None
    comparable = previous is not None and facts.mode == "full" and previous.rows_read > 0
    ratio = facts.rows_read / previous.rows_read if previous and comparable else None
    added, dropped, retyped = _drift(facts, previous)
    audit = Audit(
        **facts.model_dump(),
        previous_rows=previous.rows_read if previous else None,
        row_ratio=ratio,
        id_problem_share=share,
        added_columns=added,
        dropped_columns=dropped,
        retyped_columns=retyped,
        str_001=bool(facts.missing_columns),
        str_002=facts.is_truncated
        or bool(facts.missing_parts)
        or bool(facts.errors and not facts.missing_columns),
        str_003=None if share is None else share > ID_PROBLEM_SHARE,
        str_004=None
        if ratio is None
        else ratio <= LEAST_ROW_RATIO and not facts.deletions_accepted,
        str_006=facts.is_future,
        str_009=None if previous is None else bool(added or dropped or retyped),
    )
    message = _message(audit)
    return audit.model_copy(update={"is_accepted": message is None, "message": message})


def _drift(
    facts: Facts, previous: Audit | None
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    if previous is None:
        return (), (), ()
    now, before = set(facts.columns), set(previous.columns)
    formats = set(facts.date_formats)
    names = {text.split(":")[0] for text in formats} & {
        text.split(":")[0] for text in previous.date_formats
    }
    changed = formats ^ set(previous.date_formats)
    retyped = {text.split(":")[0] for text in changed} & names
    return tuple(sorted(now - before)), tuple(sorted(before - now)), tuple(sorted(retyped))


def _message(audit: Audit) -> str | None:
    """Say what a critical failure is: rule, file, count."""
    where = f"{audit.crm_source} {audit.kind} of {audit.export_date}"
    said = []
    if audit.str_001:
        said.append(f"STR-001 {'; '.join(audit.errors)}")
    if audit.str_002:
        reasons = [*audit.errors] if not audit.str_001 else []
        if audit.is_truncated and not reasons:
            reasons.append(f"{', '.join(audit.files)} ends in the middle of a record")
        if audit.missing_parts:
            reasons.append(f"missing or unreadable: {', '.join(audit.missing_parts)}")
        said.append(f"STR-002 {'; '.join(reasons)}")
    if audit.str_003:
        said.append(
            f"STR-003 {audit.rows_without_id} rows without an id and {audit.duplicate_rows} "
            f"duplicates among {audit.rows_read} rows"
        )
    if audit.str_004:
        said.append(
            f"STR-004 {audit.rows_read} rows after {audit.previous_rows} in the full export "
            f"before; if that is right, add {audit.export_date} to accept_deletions of "
            f"sources.{audit.crm_source}"
        )
    if audit.str_006:
        said.append("STR-006 the export date lies in the future")
    return f"{where}: {' | '.join(said)}" if said else None
