"""A Llama-shaped decoder in few large operations, over packed tokens, for one or many adapters."""

# In inference, columns of attention come in multiples of so many, zeros at the end.
# Its sums take whole vectors of so many numbers, and what is left over otherwise: bits would depend
# on where the longest text of a batch ends.
COLUMNS = 16
