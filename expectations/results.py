"""What Great Expectations said of each table in a run, kept on disk until the docs are built.

The stages of a night are steps of their own, and the docs are built by the last one. Importing
this module imports Great Expectations (4 s): import it inside the function that needs it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import great_expectations as gx
from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.core.expectation_validation_result import (
    expectationSuiteValidationResultSchema,
)

from expectations.rules import Rule
from expectations.suites import Table, build_expectation

if TYPE_CHECKING:
    from expectations.runner import CheckResult

Judged = tuple[Rule, "CheckResult", ExpectationValidationResult | None]


def suite_of(table: Table, judged: Sequence[Judged]) -> ExpectationSuiteValidationResult:
    """Assemble the result of a table's suite, one expectation per rule, in index order.

    Rules that were tried again alone have results of batches of their own, and a rule that could
    not be judged may have none: it says so, in the words Great Expectations has for it. The verdict
    of each rule goes along in the meta of its result.
    """
    results = [_with_verdict(*one) for one in judged]
    passed = sum(bool(result.success) for result in results)
    return ExpectationSuiteValidationResult(
        suite_name=table.name,
        success=passed == len(results),
        results=results,
        suite_parameters={},
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results) if results else None,
        },
        meta={
            "great_expectations_version": gx.__version__,
            "batch_spec": {"data_asset_name": table.label},
        },
    )


def keep_suite(folder: Path, *, table: Table, judged: Sequence[Judged]) -> Path:
    """Write the result of a table's suite below the folder of its stage; give the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{table.name}.json"
    text = json.dumps(suite_of(table, judged).to_json_dict(), ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def read_suite(path: Path) -> ExpectationSuiteValidationResult:
    """Read what keep_suite wrote."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    loaded = expectationSuiteValidationResultSchema.load(content)
    return (
        loaded
        if isinstance(loaded, ExpectationSuiteValidationResult)
        else ExpectationSuiteValidationResult(**loaded)
    )


def _with_verdict(
    rule: Rule, verdict: "CheckResult", validation: ExpectationValidationResult | None
) -> ExpectationValidationResult:
    if validation is None or verdict.status == "ERROR":
        validation = ExpectationValidationResult(
            success=False,
            expectation_config=build_expectation(rule).configuration,
            exception_info={
                "raised_exception": True,
                "exception_message": verdict.error or verdict.message,
                "exception_traceback": None,
            },
        )
    validation.meta = {
        **(validation.meta or {}),
        "status": verdict.status,
        "severity": verdict.severity,
        "evaluated": verdict.evaluated,
        "failed": verdict.failed,
        "not_applicable": verdict.not_applicable,
        "sample_keys": list(verdict.sample_keys),
    }
    return validation
