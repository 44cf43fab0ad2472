"""The deep path: how a network is planned and trained, and what it has learned."""
