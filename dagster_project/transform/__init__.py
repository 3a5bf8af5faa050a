"""What dbt needs around it: the run's dates and settings as tables, and its environment."""
