"""The same work in other engines, so that imafarm's speed can be set beside theirs: `make bench-peers`.

`_work` says what the work is and when two engines have done the same; `engines/` has a file for each engine, which
does it; `_case` is one engine at one size in a process of its own; `_harness` decides which cases are run and how
often; `_report` and `_chart` show what came of them.
"""
