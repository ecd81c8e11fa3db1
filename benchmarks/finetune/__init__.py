"""The finetune part: speed beside a PyTorch loop, memory, resuming, and scores on public sets."""

PARTS = ("speed", "memory", "resume", "banking77", "clinc150", "snips_joint")
