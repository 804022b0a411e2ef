"""What a person writes, and the records that a run keeps."""
