"""Published sets → documents of fact and passage files: a module per set, with its row `SET`."""
