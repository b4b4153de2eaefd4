"""One transaction: writes that belong together become visible together, or not at all.

Guards against the partial write. Two statements that commit each for itself leave a gap: when the connection dies in
it, the profile says one thing and its audit trail another, and nobody is told.
Costs two round trips (BEGIN and COMMIT), and locks that are held until the last of them.
Hurts alone when the transaction spans something slow: the locks wait with it. Keep remote calls outside.
"""

from functools import partial

from services.defences.switch import swap

instead_of = partial(swap, "one_transaction")
