"""A fitted model whose hierarchy changes: what stays, and what is learned anew."""
