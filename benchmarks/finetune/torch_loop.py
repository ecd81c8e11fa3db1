"""A plain PyTorch and transformers loop over the same batches; run by a python of its own, for speed.py.

Arguments: base model, batches (.npz), labels, threads. Prints JSON: seconds of each batch, those of a length's first
one apart.
"""

import json
import sys
import time
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification


def main() -> None:
    base_model, file, labels, threads = sys.argv[1:5]
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(base_model, num_labels=int(labels))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.01)

    def step(ids: Any, mask: Any, label: Any) -> float:
        optimizer.zero_grad()
        found = model(
            input_ids=torch.from_numpy(ids).long(),
            attention_mask=torch.from_numpy(mask).long(),
            labels=torch.from_numpy(label).long(),
        )
        found.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return float(found.loss.item())

    arrays = np.load(file)
    batches = [(arrays[f"{n}.ids"], arrays[f"{n}.mask"], arrays[f"{n}.labels"]) for n in range(len(arrays.files) // 3)]
    first = {batch[0].shape[1]: batch for batch in batches}
    started = time.perf_counter()
    for batch in first.values():
        step(*batch)
    warming = time.perf_counter() - started
    seconds = []
    for batch in batches:
        started = time.perf_counter()
        step(*batch)
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"first": warming, "seconds": seconds, "rows": sum(len(batch[2]) for batch in batches)}))


main()
