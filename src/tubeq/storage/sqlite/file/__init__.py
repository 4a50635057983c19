"""The file under the storage: connections, locks, the write-ahead log."""
