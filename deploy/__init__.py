"""Starting the system without Kubernetes."""
