"""Who does the work: revisions of the package, the bare reference, other queues."""
