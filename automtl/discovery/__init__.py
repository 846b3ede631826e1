"""What labels lie in a folder, and a first recipe for them."""
