"""Wrong data: what is left when the dust has settled."""
