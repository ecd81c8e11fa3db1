"""The finetune part: speed beside a PyTorch loop and by option, memory, resuming, and scores on public sets."""

PARTS = ("speed", "memory", "options", "resume", "banking77", "clinc150", "snips_joint", "wnut17")
