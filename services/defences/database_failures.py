"""Everything that can go wrong with PostgreSQL, sorted: every class of SQLSTATE, and what psycopg itself raises.

Each kind of failure has a rule: a reason for people and metrics ("" if our own code or the request is at fault),
whether the session failed rather than the statement, whether repeating is safe and may help, and, for the circuit
breaker, whether the database is down. A broken session is discarded, never repaired: its plans, its settings or its
half-open transaction may not be what we think they are.
"""

from dataclasses import dataclass

import psycopg


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a failure means for the caller."""

    reason: str
    broken: bool = False
    rolled_back: bool = False
    outage: bool | None = False  # None if it says nothing about that


BUG = Rule(reason="")
LOST = Rule(reason="connection_lost", broken=True, outage=True)
NOT_ADMITTED = Rule(reason="not_admitted", broken=True, outage=True)
CONFUSED = Rule(reason="session_state", broken=True)
FAULTY = Rule(reason="server_fault", broken=True)
EXHAUSTED = Rule(reason="out_of_resources")

# By the first two characters, as in appendix A of PostgreSQL's manual.
CLASSES = {
    "00": BUG,  # successful completion: never an error
    "01": BUG,  # warning
    "02": BUG,  # no data
    "03": CONFUSED,  # statement not yet complete
    "08": LOST,  # connection exception, protocol violation among them
    "09": BUG,  # triggered action exception
    "0A": CONFUSED,  # feature not supported; if it worked before, a cached plan whose table has changed
    "0B": CONFUSED,  # invalid transaction initiation
    "0F": BUG,  # locator exception
    "0L": BUG,  # invalid grantor
    "0P": BUG,  # invalid role
    "0Z": BUG,  # diagnostics exception
    "10": BUG,  # XQuery error
    "20": BUG,  # case not found
    "21": BUG,  # cardinality violation
    "22": BUG,  # data exception
    "23": BUG,  # integrity constraint violation: a lost race is handled where it is understood
    "24": CONFUSED,  # invalid cursor state
    "25": CONFUSED,  # invalid transaction state
    "26": CONFUSED,  # invalid statement name: a prepared statement that the server has forgotten
    "27": BUG,  # triggered data change violation
    "28": NOT_ADMITTED,  # invalid authorization
    "2B": BUG,  # dependent privileges
    "2D": CONFUSED,  # invalid transaction termination
    "2F": BUG,  # SQL routine exception
    "34": CONFUSED,  # invalid cursor name
    "38": BUG,  # external routine exception
    "39": BUG,  # external routine invocation
    "3B": CONFUSED,  # savepoint exception
    "3D": NOT_ADMITTED,  # no such database
    "3F": BUG,  # no such schema
    "40": Rule(reason="serialization_failure", rolled_back=True),  # transaction rollback
    "42": BUG,  # syntax error or access rule violation
    "44": BUG,  # WITH CHECK OPTION violation
    "53": EXHAUSTED,  # insufficient resources
    "54": BUG,  # program limit exceeded
    "55": BUG,  # object not in the state that is needed
    "57": LOST,  # operator intervention
    "58": FAULTY,  # system error
    "72": Rule(reason="snapshot_too_old", rolled_back=True),
    "F0": FAULTY,  # configuration file error
    "HV": BUG,  # foreign data wrapper
    "P0": BUG,  # PL/pgSQL
    "XX": FAULTY,  # internal error, corruption among them
}

# Codes for which the rule of their class is wrong.
STATES = {
    "25006": Rule(reason="read_only", broken=True),  # a former primary: the next connection finds the new one
    "25P03": Rule(reason="idle_in_transaction_timeout", broken=True),
    "25P04": Rule(reason="transaction_timeout", broken=True),
    "40002": BUG,  # integrity constraint violation at COMMIT
    "40003": Rule(reason="completion_unknown", broken=True),
    "40P01": Rule(reason="deadlock", rolled_back=True),
    "42P05": CONFUSED,  # a prepared statement that the server should not know
    "53300": Rule(reason="too_many_connections", broken=True, outage=True),
    "55006": Rule(reason="object_in_use"),
    "55P03": Rule(reason="lock_timeout", rolled_back=True),
    "57014": Rule(reason="statement_timeout"),
    "57000": Rule(reason="operator_intervention"),
}


def rule(error: psycopg.Error) -> Rule:
    """What `error` means."""
    if error.sqlstate:
        return STATES.get(error.sqlstate) or CLASSES.get(error.sqlstate[:2], FAULTY)
    return _without_an_answer(error)


def _without_an_answer(error: psycopg.Error) -> Rule:
    """The server gave no answer: the connection broke, the protocol was violated, we gave up, or psycopg refused."""
    own = getattr(error, "rule", None)
    if isinstance(own, Rule):
        return own
    at_fault = (
        psycopg.ProgrammingError,
        psycopg.DataError,
        psycopg.NotSupportedError,
        psycopg.IntegrityError,
    )
    return BUG if isinstance(error, at_fault) else LOST
