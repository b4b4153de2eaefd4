"""An asyncio proxy that speaks Toxiproxy's HTTP API, for machines where the real server is not available.

tests/integration/test_toxiproxy_conformance.py compares it with the real one. Where Toxiproxy 2.12 crashes (a slicer of
size 0) or wedges (a toxic removed while its output is blocked), this one does not; it listens on loopback only.

    toxics.py   what each toxic does to the chunks of one direction of one connection
    links.py    that direction: reader, chain of toxics, writer; toxics added and removed in flight
    proxies.py  listener, connections, up and down
    api.py      what each request of the HTTP API does and answers
    server.py   HTTP itself
"""
