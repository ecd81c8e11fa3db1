"""Fine-tunes a classifier on the encoded dataset; the only step that imports TensorFlow."""
