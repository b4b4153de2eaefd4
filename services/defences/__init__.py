"""The defences of the hardened twin, one per file: each says what it guards, what it costs and how it hurts alone.

They come in three shapes, and none has any effect when its name is off (see `switch`):

* a setting: `connection_pool.options()`, `server_timeouts.connect_args()`, `deadline.watch(engine)`, …
* a wrap, which does nothing when off: `@transaction_retry.retried`, `@idempotency.once`, `@http_retry.retried`,
  `with circuit_breaker.guard("database"), bulkhead.slot("database"): …`
* a swap, where a function had to be rewritten: `@switchable` on the function, and a row in the app's table that says
  which function of the naive twin is called when the defence is off.

They expect three things of the app, and keep their own state nowhere else:

* `app.extensions["defences"]`, from `switch.init_app`: which are on, and their state;
* `app.extensions["metrics"]`, from `services.common.metrics.init_app`;
* `app.extensions["session"]`, a function: the SQLAlchemy session of this request.
"""
