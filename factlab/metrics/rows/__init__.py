"""The rows of the metric catalogue, a module per question that metrics answer."""
