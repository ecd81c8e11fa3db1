"""Networks that begin without pretraining, over the base model's tokenizer."""
