"""Long work: what is to be done, the queue, the worker process, progress, resume."""
