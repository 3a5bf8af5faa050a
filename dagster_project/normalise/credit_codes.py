"""The normal form of a unified social credit code (GB 32100): 18 capitals and digits."""

import unicodedata
from dataclasses import dataclass

from stdnum.cn import uscc


@dataclass(frozen=True)
class CreditCode:
    """A code without separators in capitals, and whether its check digit is right."""

    code: str
    is_valid: bool


def normalise_credit_code(text: str) -> CreditCode:
    """Take out separators and check the check digit."""
    code = uscc.compact(unicodedata.normalize("NFKC", text))
    return CreditCode(code, uscc.is_valid(code))
