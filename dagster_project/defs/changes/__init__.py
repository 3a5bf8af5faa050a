"""Predicted customer lifetime value as an asset."""
