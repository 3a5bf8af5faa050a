"""Predicted customer lifetime value: who will buy again, how often, and for how much.

What belongs here: the two models of purchases and amounts, their fit, the scores of customers, and
what a night asks of them. What does not: which documents are purchases (models/), or Dagster.
"""
