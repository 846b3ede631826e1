"""Where the files of trials lie that every machine must find: a folder, or any fsspec address."""
