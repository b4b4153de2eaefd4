"""Everything as containers: Compose for the stack, the docker SDK for what changes in it."""
