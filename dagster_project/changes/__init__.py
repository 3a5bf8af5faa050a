"""What changed between two dates of the history, and why.

A change is explained by asking the models again: the SQL that decided the classes is run on the
customers that changed, with yesterday's facts, yesterday's cut points or yesterday's rules held
fixed, and the cause is what reproduces the new value alone. Always on DuckDB, whatever the engine
of the night: it is little data.
"""
