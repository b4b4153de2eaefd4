"""Lock order: every transaction locks the rows that it will change in one fixed order, by id.

Guards against deadlock. A transfer A→B holds A and wants B while B→A holds B and wants A: PostgreSQL waits for
deadlock_timeout, then aborts one of the two. If everybody locks the lower id first, no cycle of waits can form.
Costs nothing at run time, but one rule that every writer of these tables must keep, for ever and in every code path.
Hurts alone hardly ever: requests for a hot row still queue, in good order now, but just as long.
"""
