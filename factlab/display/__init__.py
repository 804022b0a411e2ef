"""How text that others wrote is shown: what a terminal or a browser would obey becomes readable."""
