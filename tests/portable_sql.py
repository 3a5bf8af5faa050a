"""What may not stand in a model because DuckDB and Spark take it to mean different things.

Every construct here gives a result on both engines, but not the same one. What one of them refuses
needs no rule: the tests on Spark fail. The calls of dispatched macros are read as functions xdb_….
"""

from collections.abc import Callable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.dialects import DuckDB
from sqlglot.tokens import Token, TokenType

INTEGERS = {
    exp.DataType.Type.TINYINT,
    exp.DataType.Type.SMALLINT,
    exp.DataType.Type.INT,
    exp.DataType.Type.BIGINT,
}
TIMES = {
    exp.DataType.Type.DATE,
    exp.DataType.Type.TIMESTAMP,
    exp.DataType.Type.TIMESTAMPNTZ,
    exp.DataType.Type.TIMESTAMPTZ,
}
# What names say (house style): these columns are dates or times.
TIME_SUFFIXES = ("_date", "_at", "_on", "_day", "valid_from", "valid_to", "known_from", "known_to")
# Functions whose results are whole numbers, and columns that count.
WHOLE = (exp.Floor, exp.Ceil, exp.Extract, exp.Count, exp.Null, exp.RowNumber, exp.Predicate)
COUNTS = {
    *("orders", "window_orders", "frequency", "score", "customers", "entered", "mentions"),
    *("interactions", "interactions_30d", "interactions_90d", "contacts", "contacts_30d"),
    *("two_way_contacts", "two_way_contacts_180d", "attempts", "successes"),
    *("window_interactions", "window_attempts", "window_successes"),
    *("open_deals", "qualified_leads"),
    *("evaluated", "failed", "not_applicable", "classes_to_review", "reopened", "times_opened"),
}
FORBIDDEN_FUNCTIONS = {
    "hash": "hash() differs: use md5",
    "dayofweek": "counts from another day: use iso_weekday",
    "isodow": "counts from another day: use iso_weekday",
    "weekday": "counts from another day: use iso_weekday",
    "list": "a list in no order: aggregate otherwise",
    "first": "any row's value: use min, max or max_by",
    "any_value": "any row's value: use min, max or max_by",
    "regexp_matches": "the engines' expressions differ: use matches",
    "rlike": "the engines' expressions differ: use matches",
}
FORBIDDEN_NODES: dict[type[exp.Expression], str] = {
    exp.Concat: "concat takes null for empty on one engine: use || and coalesce",
    exp.ConcatWs: "concat_ws takes null for empty on one engine: use || and coalesce",
    exp.RegexpReplace: "regexp_replace replaces the first or all: use translate or a macro",
    exp.RegexpLike: "the engines' expressions differ: use matches",
    exp.SimilarTo: "the engines' expressions differ: use matches",
    exp.DayOfWeek: "counts from another day: use iso_weekday",
    exp.DayOfWeekIso: "counts from another day: use iso_weekday",
    exp.Bracket: "lists are counted from 0 or from 1: use split_part",
    exp.Interval: "a date and an interval make a date or a time: use add_days",
    exp.GroupConcat: "texts are joined in no order on one engine: aggregate otherwise",
    exp.ArrayAgg: "a list in no order: aggregate otherwise",
    exp.AnyValue: "any row's value: use min, max or max_by",
    exp.First: "any row's value: use min, max or max_by",
    exp.Median: "use median_of",
    exp.PercentileCont: "use percentile_of",
    exp.Quantile: "use percentile_of",
    exp.ApproxDistinct: "approximate: use count(distinct …)",
}


def findings(sql: str) -> list[str]:
    """Name every construct of a compiled model that means two things."""
    found = [*_order_without_nulls(DuckDB().tokenize(sql))]
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    for node in tree.walk():
        found += [
            f"{reason} ({node.sql(dialect='duckdb')[:80]})"
            for reason in (*_of_kind(node), *(rule(node) for rule in RULES))
            if reason
        ]
    return found


def _of_kind(node: exp.Expression) -> Iterator[str]:
    for kind, reason in FORBIDDEN_NODES.items():
        if isinstance(node, kind):
            yield reason
    if isinstance(node, exp.Anonymous):
        reason = FORBIDDEN_FUNCTIONS.get(node.name.lower())
        if reason:
            yield reason


def _cast_to_whole(node: exp.Expression) -> str | None:
    if not isinstance(node, exp.Cast) or node.to.this not in INTEGERS:
        return None
    if isinstance(node, exp.TryCast):
        return "text with decimals is rounded or null: use text_to_decimal"
    value = node.this.unnest()
    value = value.this if isinstance(value, exp.Window) else _summed(value)
    if isinstance(value, WHOLE) or (isinstance(value, exp.Column) and value.name in COUNTS):
        return None
    if isinstance(value, exp.Anonymous) and value.name.startswith("xdb_"):
        return None
    return "decimals are rounded or cut: take floor or round first, or add the column to COUNTS"


def _summed(value: exp.Expression) -> exp.Expression:
    """Give what sum_of_counts sums up: of whole numbers the sum is whole."""
    if isinstance(value, exp.Coalesce) and value.expressions == [exp.Literal.number(0)]:
        total = value.this.this if isinstance(value.this, exp.Filter) else value.this
        return total.this if isinstance(total, exp.Sum) else value
    return value


def _cast_to_time(node: exp.Expression) -> str | None:
    if isinstance(node, exp.TryCast) and node.to.this in TIMES and not node.find_ancestor(exp.Case):
        return "some texts are a time on one engine only: use as_timestamp"
    return None


def _division(node: exp.Expression) -> str | None:
    if not isinstance(node, exp.Div | exp.Mod):
        return None
    divisor = node.expression.unnest()
    if isinstance(divisor, exp.Literal) and float(divisor.this):
        return None
    if not divisor.find(exp.Nullif):
        return "division by zero is null, infinite or an error: use nullif(…, 0)"
    if isinstance(node, exp.Div) and not any(_is_double(part) for part in divisor.walk()):
        return "decimals divide to decimals or doubles: use cast(nullif(…, 0) as double)"
    return None


def _is_double(node: exp.Expression) -> bool:
    return isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DOUBLE


def _time_arithmetic(node: exp.Expression) -> str | None:
    if isinstance(node, exp.Add | exp.Sub) and any(_is_time(side) for side in _sides(node)):
        return "dates add and subtract to dates, times, numbers or intervals: use add_days or \
days_between"
    return None


def _sides(node: exp.Binary) -> tuple[exp.Expression, exp.Expression]:
    return node.this.unnest(), node.expression.unnest()


def _is_time(node: exp.Expression) -> bool:
    if isinstance(node, exp.Cast):
        return node.to.this in TIMES
    return isinstance(node, exp.Column) and node.name.endswith(TIME_SUFFIXES)


def _average(node: exp.Expression) -> str | None:
    if isinstance(node, exp.Avg) and not _is_double(node.this.unnest()):
        return "the average of decimals is a decimal or a double: cast to double first"
    return None


def _round(node: exp.Expression) -> str | None:
    if not isinstance(node, exp.Round):
        return None
    value = node.this.unnest()
    is_decimal = isinstance(value, exp.Cast) and value.to.this == exp.DataType.Type.DECIMAL
    return None if is_decimal or isinstance(value, exp.Column) else "use rounded"


def _substring(node: exp.Expression) -> str | None:
    if not isinstance(node, exp.Substring):
        return None
    start = node.args.get("start")
    is_positive = isinstance(start, exp.Literal) and int(start.this) >= 1
    return None if is_positive else "substr counts from 1; 0 and below differ"


def _trim(node: exp.Expression) -> str | None:
    if not isinstance(node, exp.Trim):
        return None
    is_plain = node.args.get("position") == "BOTH" and node.expression
    return None if is_plain else "trim takes other blanks and another order: use trimmed"


def _truncation(node: exp.Expression) -> str | None:
    if isinstance(node, exp.DateTrunc | exp.TimestampTrunc) and not isinstance(
        node.parent, exp.Cast
    ):
        return "date_trunc gives a date or a time: cast it, as month_of does"
    return None


def _text(node: exp.Expression) -> str | None:
    if isinstance(node, exp.Literal) and node.is_string and "\\" in node.this:
        return "a backslash in a text escapes on one engine"
    # dbt quotes the names of tables itself, in the way of the engine.
    if isinstance(node, exp.Identifier) and node.quoted and not isinstance(node.parent, exp.Table):
        return "a text in double quotes is a name or a text"
    return None


def _weekday(node: exp.Expression) -> str | None:
    if isinstance(node, exp.Extract) and node.name.lower() in {"dow", "isodow", "dayofweek"}:
        return "counts from another day: use iso_weekday"
    return None


RULES: tuple[Callable[[exp.Expression], str | None], ...] = (
    _cast_to_whole,
    _cast_to_time,
    _division,
    _time_arithmetic,
    _average,
    _round,
    _substring,
    _trim,
    _truncation,
    _text,
    _weekday,
)


def _order_without_nulls(tokens: list[Token]) -> Iterator[str]:
    """Look at tokens: the tree does not tell a default from what was written."""
    for position, token in enumerate(tokens):
        if token.token_type is TokenType.ORDER_BY:
            items = _order_items(tokens[position + 1 :])
            for item in items:
                words = [part.text.lower() for part in item]
                if words[-2:] not in (["nulls", "last"], ["nulls", "first"]):
                    yield f"nulls come first on one engine: add nulls last ({' '.join(words)})"


def _order_items(tokens: list[Token]) -> list[list[Token]]:
    """Split what follows an order by into its items, up to the end of the clause."""
    items: list[list[Token]] = [[]]
    depth = 0
    ends = {TokenType.ROWS, TokenType.RANGE, TokenType.LIMIT, TokenType.SEMICOLON}
    for token in tokens:
        if token.token_type is TokenType.L_PAREN:
            depth += 1
        if token.token_type is TokenType.R_PAREN:
            depth -= 1
        if depth < 0 or (depth == 0 and token.token_type in ends):
            break
        if depth == 0 and token.token_type is TokenType.COMMA:
            items.append([])
        else:
            items[-1].append(token)
    return items
