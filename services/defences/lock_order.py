"""Lock order: every transaction locks the rows that it will change in one order, by id.

Guards against deadlock. A transfer A→B holds A and wants B while B→A holds B and wants A: PostgreSQL waits
deadlock_timeout, then kills one of the two. Where all lock the lower id first, nobody can wait in a circle.
Costs nothing at run time; one rule that every writer of these tables must keep, for ever and in every code path.
Hurts alone hardly ever: rows that are hot stay a queue, and the queue is now orderly but just as long.
"""
