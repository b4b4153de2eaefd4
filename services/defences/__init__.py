"""The defences of the hardened twin, one a file: each opens with what it guards, what it costs and how it hurts alone.

They meet the twin in three shapes, and each is as good as absent when its name is off (see `switch`):

* a setting: `connection_pool.options()`, `server_timeouts.connect_args()`, `deadline.watch(engine)` …
* a wrap, which passes straight through when off: `@transaction_retry.retried`, `@idempotency.once`,
  `@http_retry.retried`, `with circuit_breaker.guard("database"), bulkhead.slot("database"): …`
* a swap, for what had to be written anew: `@lock_order.instead_of(naive.lock_wallets)` calls the naive twin's
  function when `lock_order` is off.

They expect three things on the app, and keep their own state nowhere else:

* `app.extensions["defences"]`, by `switch.init_app`: which are on, and their state;
* `app.extensions["metrics"]`, by `services.common.metrics.init_app`;
* `app.extensions["database"]`, the twin's own object with two methods: `connect()`, where each statement commits
  for itself, and `begin()`, one transaction; a `begin()` inside a `begin()` of the same request joins it. So a
  function may be made idempotent from outside: `once` opens the transaction that the function then joins.
"""
