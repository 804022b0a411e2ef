"""One module per section of the page: run data in, figure groups and tables out."""
