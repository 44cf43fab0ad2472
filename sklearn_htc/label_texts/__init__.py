"""What the texts of labels say about documents, above all of labels that have none."""
