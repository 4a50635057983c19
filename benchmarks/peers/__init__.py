"""The lab's workloads against other queues, each behind one small adapter, side by side in one run.

A candidate's adapter runs in a process, and where it needs packages in an environment, of its own:
`adapter`, `adapters` and `driver` are what runs there and need the standard library only.
"""
