"""Landing exports as assets."""
