"""The characters of a name in their usual width and form (NFKC).

What names are compared by, without case, blanks, marks and legal form, the macro name_key makes.
"""

import unicodedata

# Printable ASCII and CJK ideographs: NFKC leaves them as they are.
PLAIN_NAME = "[ -~一-鿿]+"


def normalise_name(text: str) -> str:
    """Give full-width, half-width and composed characters their usual form."""
    return unicodedata.normalize("NFKC", text)
