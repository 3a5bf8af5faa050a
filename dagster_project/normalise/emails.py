"""The normal form of an e-mail address: lower case, its domain in ASCII.

Syntax only: whether a mailbox exists is not asked of any server.
"""

import unicodedata

from email_validator import EmailNotValidError, validate_email

# Addresses that are in normal form as they stand; part of what the library accepts. Endings of two
# and three letters leave out the reserved ones (.test, .local …), single hyphens leave out xn--.
PLAIN_EMAIL = "[a-z0-9_+-]+([.][a-z0-9_+-]+)*@([a-z0-9]+(-[a-z0-9]+)*[.])+[a-z]{2,3}"
# No part of a plain address can be too long then.
PLAIN_LENGTH = 63


def normalise_email(text: str) -> str | None:
    """Give the address; None if it is no valid one."""
    written = unicodedata.normalize("NFKC", text).strip()
    try:
        found = validate_email(written, check_deliverability=False, strict=True)
    except EmailNotValidError:
        return None
    return f"{found.local_part.lower()}@{found.ascii_domain}"
