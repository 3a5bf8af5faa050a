"""Normal forms of what identifies a customer: phones, e-mails, credit codes, names.

Each module has the pure function of one kind, by a library that is kept up; step.py asks it about
the texts of the exports and hands the answers to the models.
"""
