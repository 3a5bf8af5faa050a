"""What somebody should look at after a night that was published.

What belongs here: drops that are missing, late, partial or repeated, stale sources, dates without
history; each with what to do. Data rules have places of their own: the docs and the fix lists.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from itertools import groupby

import duckdb

from dagster_project.report.run_notes import Attention, RunNotes

FRESHNESS = """
    select crm_source, entity, newest_export_date, age_days, expected_every_days, status
    from main.source_freshness
    where status <> 'fresh'
    order by all
"""

COMPUTED = """
    select distinct as_of_date
    from main.customer_classification_history
    order by as_of_date
"""

LOADED = """
    select distinct export_date
    from main.load_manifest
    order by export_date
"""

MOST_NAMED = 5


def find_attention(
    connection: duckdb.DuckDBPyConnection,
    notes: RunNotes,
    *,
    lookback_days: int = 0,
    expired: Callable[[Collection[date]], Collection[date]] = lambda _: (),
) -> list[Attention]:
    """Find what to look at.

    connection: a database with the published tables of the run in schema main.
    lookback_days: so many days before its own a night computed again.
    expired: gives the dates that the history does not keep; nobody misses them.
    """
    computed = [row[0] for row in connection.execute(COMPUTED).fetchall()]
    loaded = [row[0] for row in connection.execute(LOADED).fetchall()]
    return [
        *_of_notes(notes),
        *(_stale(*row) for row in connection.execute(FRESHNESS).fetchall()),
        *_missed(computed, loaded, expired),
        *_late(computed, notes, lookback_days),
    ]


def _of_notes(notes: RunNotes) -> list[Attention]:
    found = []
    if notes.overdue_since:
        day = notes.overdue_since
        found.append(
            Attention(
                "overdue",
                f"没有新的导出，最新为 {day}：检查导出任务。",
                f"Nothing newer than {day} has arrived: look at the export job.",
            )
        )
    found += [
        Attention(
            "partial",
            f"{drop} 仍在写入，本次未装载：传完后写入 _SUCCESS，再运行一次。",
            f"{drop} was still being written and is not loaded: finish it, write _SUCCESS, "
            "run again.",
        )
        for drop in notes.waiting
    ]
    found += [
        Attention(
            "missing",
            f"来源 {name} 没有任何导出：检查 kefen.yml 中的 path。",
            f"Source {name} has no drop at all: check its path in kefen.yml.",
        )
        for name in notes.missing_sources
    ]
    if notes.undated:
        named = _named(notes.undated)
        found.append(
            Attention(
                "undated",
                f"文件名和文件夹没有日期，未装载：{named}",
                f"Not loaded, for neither file nor folder has a date: {named}",
            )
        )
    found += [Attention("unreadable", f"无法读取：{error}", error) for error in notes.errors]
    found += [
        Attention(
            "repeated",
            f"{r.crm_source} {r.export_date} 与 {r.same_as} 内容相同：确认是否重复投递。",
            f"{r.crm_source} {r.export_date} holds the same as {r.same_as}: was it delivered "
            "twice by mistake?",
        )
        for r in notes.repeated
    ]
    found += [
        Attention(
            "copy",
            f"同一内容投递两次，只装载一次：{copy}",
            f"Delivered twice under two names, loaded once: {copy}",
        )
        for copy in notes.copies
    ]
    return found


def _stale(  # noqa: PLR0917
    source: str, entity: str, newest: date, age_days: int, every_days: int, status: str
) -> Attention:
    if status == "set_aside":
        return Attention(
            "set_aside",
            f"{source} {entity} 最新导出被搁置，仍用 {newest}：修正后重新投递。",
            f"The newest drop of {source} {entity} was set aside, {newest} is used: deliver it "
            "again, corrected.",
        )
    return Attention(
        "stale",
        f"{source} {entity} 已 {age_days} 天未更新（应每 {every_days} 天），最新 {newest}。",
        f"{source} {entity} is {age_days} days old (expected every {every_days}), newest {newest}.",
    )


def _missed(
    computed: Sequence[date],
    loaded: Sequence[date],
    expired: Callable[[Collection[date]], Collection[date]],
) -> list[Attention]:
    """Name the drops between the first and the last night that no run computed."""
    if not computed:
        return []
    gaps = {day for day in loaded if computed[0] < day < computed[-1]} - set(computed)
    days = sorted(gaps - set(expired({*computed, *gaps})))
    if not days:
        return []
    named = _named([str(day) for day in days])
    how = _backfills(days)
    return [
        Attention(
            "missing_dates",
            f"已装载但没有历史的日期：{named}。补算：{how}",
            f"Loaded, but without history: {named}. To compute it: {how}",
        )
    ]


def _late(computed: Sequence[date], notes: RunNotes, lookback_days: int) -> list[Attention]:
    """Say of drops that came after newer ones, which dates were computed without them."""
    found = []
    for late in notes.late:
        again = computed[-1] - timedelta(days=lookback_days) if computed else None
        days = [day for day in computed if again and late.export_date <= day < again]
        zh = "更正" if late.is_correction else "迟到"
        en = "was corrected" if late.is_correction else "came late"
        name = f"{late.crm_source} {late.export_date}"
        known = f"after {late.newest_before} was loaded"
        if days:
            how = _backfills(days)
            zh_end = f"，{_named([str(d) for d in days])} 的历史未包含它。补算：{how}"
            en_end = (
                f"; the history of {_named([str(d) for d in days])} does not know it yet: {how}"
            )
        else:
            zh_end, en_end = (
                "，已装载，历史无需补算。",
                "; it is loaded, no history is to be computed again.",
            )
        found.append(
            Attention(
                "late",
                f"{name} {zh}（此前已有 {late.newest_before}）{zh_end}",
                f"{name} {en} {known}{en_end}",
            )
        )
    return found


def _backfills(days: Sequence[date]) -> str:
    """Write the commands that compute these dates: one per run of days, or one for all."""
    runs = []
    for _, group in groupby(enumerate(days), key=lambda item: item[1] - timedelta(days=item[0])):
        run = [day for _, day in group]
        runs.append((run[0], run[-1]))
    if len(runs) > MOST_NAMED:
        runs = [(days[0], days[-1])]
    return "; ".join(f"make backfill FROM={first} TO={last}" for first, last in runs)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return f"{shown} … (+{more})" if more > 0 else shown
