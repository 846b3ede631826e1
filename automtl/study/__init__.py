"""The main path: recipe, proposals, dispatch, ledger, front."""
