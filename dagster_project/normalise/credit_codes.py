"""The normal form of a unified social credit code (GB 32100): 18 capitals and digits."""

import unicodedata
from dataclasses import dataclass

from stdnum.cn import uscc

# A code in normal form, and what the standard weighs its characters with: the sum over all 18 is a
# multiple of 31 where the check digit is right.
PLAIN_CODE = "[0-9]{8}[0-9A-HJ-NPQRTUWXY]{10}"
CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1)


@dataclass(frozen=True)
class CreditCode:
    """A code without separators in capitals, and whether its check digit is right."""

    code: str
    is_valid: bool


def normalise_credit_code(text: str) -> CreditCode:
    """Take out separators and check the check digit."""
    code = uscc.compact(unicodedata.normalize("NFKC", text))
    return CreditCode(code, uscc.is_valid(code))
