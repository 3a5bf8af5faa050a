"""The history of other dates than the published one as assets."""
