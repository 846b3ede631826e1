"""automtl"""
