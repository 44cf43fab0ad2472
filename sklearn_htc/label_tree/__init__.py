"""Many labels: a tree that leads documents to the few labels that may be theirs."""
