"""The defences of the hardened twin, one a file: each opens with what it guards, what it costs and how it hurts alone.

They meet the twin in three shapes, and each is as good as absent when its name is off (see `switch`):

* a setting: `connection_pool.options()`, `server_timeouts.connect_args()`, `deadline.watch(engine)`, …
* a wrap, which passes straight through when off: `@transaction_retry.retried`, `@idempotency.once`,
  `@http_retry.retried`, `with circuit_breaker.guard("database"), bulkhead.slot("database"): …`
* a swap, for what had to be written anew: `@switchable` on the function, and a row in the table of the app, which
  calls the naive twin's function when the defence is off.

They expect three things on the app, and keep their own state nowhere else:

* `app.extensions["defences"]`, by `switch.init_app`: which are on, and their state;
* `app.extensions["metrics"]`, by `services.common.metrics.init_app`;
* `app.extensions["session"]`, a function: the SQLAlchemy session of this request.
"""
