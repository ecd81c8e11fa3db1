"""What the checkpoint has beside its own model."""

# The float ONNX of the linear model that the training is compared with; a checkpoint that is linear itself has none.
LINEAR = "linear.onnx"
