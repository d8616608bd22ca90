"""The process that runs a submission: it gets probe names and plain data, and gives plain data back.

Nothing in this folder imports the judge, and everything in it is copied into the worker's own folder
(judge/staging.py).
"""
