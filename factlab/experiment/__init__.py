"""What is trained and evaluated, and what is measured: cells, baseline, trials, results."""
