"""Why a label was predicted: what each term, document and path adds to its score."""
