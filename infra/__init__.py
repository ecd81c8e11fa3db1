"""What stands outside the process: manifests for the cluster, locks of the images, and the stack of one machine."""
