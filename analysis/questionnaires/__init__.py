"""Questionnaires: forms, answers and what in the answers breaks the form."""
