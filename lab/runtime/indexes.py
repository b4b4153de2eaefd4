"""What the user's settings of pip and uv say about how packages are reached: an index, a proxy, certificates.

Their files may say much else, even where packages go. So pip and uv read no file (`NO_FILES`); what is on the lists
here comes as variables. Standard library only: bin/prepare.py uses this before any package is installed.
"""

from __future__ import annotations

import ast
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

NO_FILES = {"PIP_CONFIG_FILE": os.devnull, "PIP_USER": "0", "UV_NO_CONFIG": "1"}
WHERE_FILES_ARE = ("PIP_CONFIG_FILE", "UV_CONFIG_FILE", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS")
OF_PIP = frozenset({
    "index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert", "client-cert", "proxy",
    "keyring-provider", "timeout", "default-timeout", "retries", "use-feature", "use-deprecated", "cache-dir",
})  # fmt: skip
OF_UV = {
    "index-url": "UV_INDEX_URL",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "index-strategy": "UV_INDEX_STRATEGY",
    "keyring-provider": "UV_KEYRING_PROVIDER",
    "native-tls": "UV_NATIVE_TLS",
    "system-certs": "UV_SYSTEM_CERTS",
    "allow-insecure-host": "UV_INSECURE_HOST",
    "http-proxy": "HTTP_PROXY",
    "https-proxy": "HTTPS_PROXY",
    "no-proxy": "NO_PROXY",
    "cache-dir": "UV_CACHE_DIR",
}
SEPARATED = {"find-links": ",", "no-proxy": ","}  # other lists by blanks


def of_pip(listed: str) -> dict[str, str]:
    """The variables for pip that say the same as the lines of `pip config list`."""
    found: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, setting = name.partition(".")
        if section in ("global", "install") and setting in OF_PIP:
            with suppress(ValueError, SyntaxError):
                found[f"PIP_{setting.upper().replace('-', '_')}"] = " ".join(
                    str(ast.literal_eval(value)).split()
                )
    return found


def of_uv(shell: Mapping[str, str]) -> dict[str, str]:
    """The variables for uv that say the same as its settings for the whole machine and for the user, who goes first."""
    found: dict[str, str] = {}
    for file in _files_of_uv(shell):
        # What cannot be read, or says what uv itself would refuse, says nothing.
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            told = tomllib.loads(file.read_text())
            found |= dict(_told(told.get("pip", {}))) | dict(_told(told)) | _named(told.get("index", []))
    return found


def _told(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for setting, variable in OF_UV.items():
        match settings.get(setting):
            case bool(said):
                yield variable, str(said).lower()
            case str(said):
                yield variable, said
            case list(said):
                yield variable, SEPARATED.get(setting, " ").join(map(str, said))


def _named(indexes: list[Mapping[str, Any]]) -> dict[str, str]:
    """Those of `[[index]]` that serve every package."""
    default = [one["url"] for one in indexes if one.get("default")]
    others = [
        f"{one['name']}={one['url']}" if "name" in one else one["url"]
        for one in indexes
        if not one.get("default") and not one.get("explicit")
    ]
    told = {"UV_DEFAULT_INDEX": " ".join(default[:1]), "UV_INDEX": " ".join(others)}
    return {variable: said for variable, said in told.items() if said}


def _files_of_uv(shell: Mapping[str, str]) -> list[Path]:
    """The last one counts most."""
    if named := shell.get("UV_CONFIG_FILE"):
        return [Path(named)]
    system = [Path(folder) for folder in shell.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if folder]
    machine = [folder / "uv" / "uv.toml" for folder in system] + [Path("/etc/uv/uv.toml")]
    mine = shell.get("XDG_CONFIG_HOME") or f"{shell.get('HOME', '/nonexistent')}/.config"
    first = [file for file in machine if os.path.exists(file)][:1]  # noqa: PTH110 - never raises
    return [*first, Path(mine) / "uv" / "uv.toml"]
