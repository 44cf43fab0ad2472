"""What the user gave, checked: documents, labels, and the rows that are held out."""
