"""What a run tells people: its log and its summary."""
