"""The live page: the report's figures, drawn anew while a search runs."""
