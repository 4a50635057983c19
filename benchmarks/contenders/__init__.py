"""What is measured: revisions of the package, the bare reference, other queues."""
