"""What both runtimes tell the parts of a twin: addresses and settings, the same in both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from lab.model import CACHE, DATABASE, PAYMENTS, QUEUE, Balancing, Secrets, ServerProfile


def service_urls(links: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    """The addresses of what the service calls, always behind the proxies: a variable for each of `links`.

    Without `require_auth`, whoever listens in the database's place could ask for the password in clear.
    """
    forms = {
        DATABASE: f"postgresql://app:{secrets.app}@{{}}/lab?require_auth=scram-sha-256",
        PAYMENTS: "http://{}",
        CACHE: f"redis://:{secrets.stores}@{{}}/0",
        QUEUE: f"nats://{secrets.stores}@{{}}",
    }
    return {f"{link.upper()}_URL": form.format(links[link]) for link, form in forms.items() if link in links}


def roles_environment(secrets: Secrets) -> dict[str, str]:
    """The seed's variables with the passwords of PostgreSQL's roles: everybody could read them on a command line."""
    return {"OWNER_PASSWORD": secrets.owner, "APP_PASSWORD": secrets.app, "PROBE_PASSWORD": secrets.probe}


def readiness(part: str, password: str) -> tuple[str, str]:
    """A question to a cache or a queue, and what its reply contains once it is ready and accepts the password."""
    connect = json.dumps({"auth_token": password, "verbose": False})
    return {
        CACHE: (f"AUTH {password}\r\nPING\r\n", "+PONG"),
        QUEUE: (f"CONNECT {connect}\r\nPING\r\n", "PONG"),
    }[part]


def server_options(profile: ServerProfile) -> tuple[str, ...]:
    """gunicorn's options, the same for every twin."""
    options = {"workers": profile.workers, "threads": profile.threads, "timeout": profile.timeout_s}
    return tuple(word for name, value in options.items() for word in (f"--{name}", str(value)))


def balancer_environment(balancing: Balancing, replicas: Sequence[str]) -> dict[str, str]:
    """The variables of compose/Caddyfile, all of them."""
    return {
        "UPSTREAMS": " ".join(replicas),
        "POLICY": balancing.policy,
        "RETRIES": str(balancing.retries),
        "HEALTH_PATH": balancing.health_path,
        "HEALTH_PERIOD": f"{balancing.health_period_s}s",
        "HEALTH_TIMEOUT": f"{balancing.health_timeout_s}s",
        "HEALTH_FAILURES": str(balancing.health_failures),
        "ANSWER_TIMEOUT": f"{balancing.answer_timeout_s}s",
    }
