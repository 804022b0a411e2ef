"""The named recipes, one YAML file each, like those that users write."""
