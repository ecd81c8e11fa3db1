"""The encoders that can be fine-tuned: what their configs say, what their tensors are called, how they are built."""
