"""The data rules as asset checks."""
