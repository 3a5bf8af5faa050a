"""The rules of the users: seeds read, checked by name, and previewed before they hold.

What belongs here: everything that is known of a seed without running a model, and the preview that
runs the models beside the night's. What does not: what a rule means, which stands in models/.
"""
