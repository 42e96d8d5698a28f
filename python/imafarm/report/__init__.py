"""Verdicts, and all else that came of runs and studies, as people and programs read them."""
