"""What is trained and asked, and what is measured: cells, baseline, trials, results."""
