"""The Dagster side: assets, checks, jobs, schedules and sensors around plain Python."""
