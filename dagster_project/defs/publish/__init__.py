"""Publishing as an asset."""
