"""Models answer questions: one backend, batching, likelihoods, drift."""
