"""The steps of the workflow, a file each, of the name of its rule: files in, files out."""
