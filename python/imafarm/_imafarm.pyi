"""
The compiled core of imafarm.
"""
