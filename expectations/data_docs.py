"""Data Docs: what was judged last night, as plain pages for people.

One page per table and an index, made of the components and renderers of Great Expectations from
the results that the run kept. What belongs here: the layout of the pages. What does not: verdicts.

Importing this module imports Great Expectations (4 s): import it inside the function that needs
it. Nothing is read from the network, neither when pages are built nor when they are opened.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.expectations.registry import get_renderer_impl
from great_expectations.render import (
    LegacyRendererType,
    RenderedDocumentContent,
    RenderedSectionContent,
    RenderedStringTemplateContent,
    RenderedTableContent,
)
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from expectations.results import read_suite
from expectations.suites import page_of

INDEX = "index.html"
TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "kefen_page.j2"

STAGES = {
    "raw": "文件 Files",
    "records": "记录 Records",
    "marts": "客户 Customers",
}
STATUSES = {
    "PASS": "通过 PASS",
    "FAIL": "未通过 FAIL",
    "ERROR": "无法判断 ERROR",
    "NOT_APPLICABLE": "不适用 N/A",
}
SEVERITIES = {"critical": "严重 critical", "warning": "警告 warning", "info": "提示 info"}

Cell = str | list[Any]


class RulesPageRenderer(ValidationResultsPageRenderer):  # type: ignore[misc]
    """A page of a suite: its rules in one table, instead of a section per flag column."""

    def render(
        self, validation_results: ExpectationSuiteValidationResult, *, title: str
    ) -> RenderedDocumentContent:
        """Lay out the statistics and the rules of a suite."""
        rules = _table(
            "规则 Rules",
            [
                "结果 Status",
                "规则 Rule",
                "程度 Severity",
                "说明 What it says",
                "判断 Judged",
                "如何修正 What to do",
            ],
            [_rule_row(result) for result in validation_results.results],
        )
        # Not the statistics of Great Expectations: they count a critical rule that fails within its
        # tolerance as a success, and here it is a warning.
        counts = _table("", list(STATUSES.values()), [_counts(validation_results)])
        return RenderedDocumentContent(
            renderer_type="ValidationResultsPageRenderer",
            page_title=title,
            expectation_suite_name=validation_results.suite_name,
            sections=[RenderedSectionContent(content_blocks=[block]) for block in (counts, rules)],
        )


def build_data_docs(validations: Path, folder: Path, *, as_of: date | None, run_id: str) -> int:
    """Write the pages of all results that a run kept; give the number of pages.

    validations: the folder with a folder per stage, as the runner keeps it.
    """
    suites = {
        (stage, path.stem): read_suite(path)
        for stage in STAGES
        for path in sorted((validations / stage).glob("*.json"))
    }
    folder.mkdir(parents=True, exist_ok=True)
    view = DefaultJinjaPageView(custom_views_directory=str(TEMPLATES))
    renderer = RulesPageRenderer()
    for (stage, table), suite in suites.items():
        page = folder / page_of(stage, table)
        page.parent.mkdir(exist_ok=True)
        document = renderer.render(suite, title=f"{STAGES[stage]} · {table} · {as_of}")
        page.write_text(view.render(document, template=TEMPLATE, home="../index.html"), "utf-8")
    document = _index(suites, title=f"数据规则 Data rules · {as_of} · {run_id}")
    (folder / INDEX).write_text(view.render(document, template=TEMPLATE, home=None), "utf-8")
    return len(suites) + 1


def _index(
    suites: dict[tuple[str, str], ExpectationSuiteValidationResult], *, title: str
) -> RenderedDocumentContent:
    """Lay out the index: every suite, and above it every rule that did not pass."""
    tables, open_rules = [], []
    for (stage, table), suite in suites.items():
        page = page_of(stage, table).as_posix()
        tables.append([STAGES[stage], [_text(table, link=page)], *_counts(suite)])
        open_rules += [
            (page, result) for result in suite.results if result.meta["status"] in {"FAIL", "ERROR"}
        ]
    order = list(SEVERITIES)
    open_rules.sort(
        key=lambda found: (
            found[1].meta["status"] != "ERROR",
            order.index(found[1].meta["severity"]),
            -found[1].meta["failed"],
        )
    )
    blocks = [
        _table(
            "需要处理的规则 Rules to look at",
            ["结果 Status", "程度 Severity", "规则 Rule", "说明 What it says", "条数 Rows"],
            [_open_row(page, result) for page, result in open_rules],
        ),
        _table(
            "全部表 All tables",
            ["阶段 Stage", "表 Suite", *STATUSES.values()],
            tables,
        ),
    ]
    return RenderedDocumentContent(
        renderer_type="SiteIndexPageRenderer",
        page_title=title,
        sections=[RenderedSectionContent(content_blocks=[block]) for block in blocks],
    )


def _counts(suite: ExpectationSuiteValidationResult) -> list[Cell]:
    found = Counter(result.meta["status"] for result in suite.results)
    return [[_text(str(found[status]))] for status in STATUSES]


def _table(header: str, columns: Sequence[str], rows: Sequence[list[Cell]]) -> RenderedTableContent:
    return RenderedTableContent(
        content_block_type="table", header=header, header_row=list(columns), table=list(rows)
    )


def _open_row(page: str, result: ExpectationValidationResult) -> list[Cell]:
    rule, verdict = result.expectation_config.meta, result.meta
    return [
        [_badge("status", verdict["status"], STATUSES)],
        [_badge("severity", verdict["severity"], SEVERITIES)],
        [
            _text(rule["rule_id"], "rule", "block", link=f"{page}#{rule['rule_id']}"),
            _text(rule["entity"], "quiet"),
        ],
        [_text(rule["description_zh"], "block"), _text(rule["description_en"], "block", "quiet")],
        [_text(f"{verdict['failed']:,} / {verdict['evaluated']:,}")],
    ]


def _rule_row(result: ExpectationValidationResult) -> list[Cell]:
    rule, verdict = result.expectation_config.meta, result.meta
    return [
        [_badge("status", verdict["status"], STATUSES)],
        [
            _text(rule["rule_id"], "rule", "block", anchor=rule["rule_id"]),
            _text(f"{rule['entity']} · {rule['field']} · {rule['family']}", "quiet"),
        ],
        [_badge("severity", verdict["severity"], SEVERITIES)],
        [_text(rule["description_zh"], "block"), _text(rule["description_en"], "block", "quiet")],
        _judged(result),
        [
            _text(rule["fix_hint_zh"], "block"),
            _text(rule["fix_hint_en"], "block", "quiet"),
            _text(f"{rule['owner_role']} · {rule['action']}", "quiet"),
        ],
    ]


def _judged(result: ExpectationValidationResult) -> list[RenderedStringTemplateContent]:
    """Say what was found, and what was expected in the words of Great Expectations."""
    verdict, config = result.meta, result.expectation_config
    if verdict["status"] == "ERROR":
        # The first line is the reason; what follows it is the query.
        reason = str(result.exception_info["exception_message"]).splitlines()[0]
        found = [_text(f"无法判断 could not be judged: {reason}", "block")]
    else:
        counts = (
            f"{verdict['failed']:,} / {verdict['evaluated']:,} 未通过 fail, "
            f"{verdict['not_applicable']:,} 不适用 n/a"
        )
        found = [_text(counts, "block")]
        if verdict["sample_keys"]:
            found.append(_text("例如 e.g. " + ", ".join(verdict["sample_keys"]), "block", "quiet"))
    expected = get_renderer_impl(config.type, LegacyRendererType.PRESCRIPTIVE)
    for said in expected.renderer(configuration=config) if expected else []:
        said.string_template.setdefault("styling", {})["classes"] = ["block", "quiet"]
        found.append(said)
    return found


def _badge(kind: str, code: str, labels: dict[str, str]) -> RenderedStringTemplateContent:
    return _text(labels[code], "badge", f"{kind}-{code}")


def _text(
    text: str, *classes: str, link: str = "", anchor: str = ""
) -> RenderedStringTemplateContent:
    """Make a component of a text that may hold anything: only parameters are escaped."""
    attributes = {name: value for name, value in (("href", link), ("id", anchor)) if value}
    return RenderedStringTemplateContent(
        content_block_type="string_template",
        string_template={
            "template": "$value",
            "params": {"value": text},
            "tag": "a" if link else "span",
            "styling": {"classes": list(classes), "attributes": attributes},
        },
    )
