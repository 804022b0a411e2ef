"""The run folder: layout, durable writes, locking and resuming."""
