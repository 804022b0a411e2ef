"""A Llama-shaped decoder in few large operations, over packed tokens, for one or many adapters."""
