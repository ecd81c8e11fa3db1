"""A bundle behind kserve's ModelServer, as its documentation writes a model; run by a python of its own.

Arguments: those of kserve.model_server, and --bundle.
"""

import argparse
from pathlib import Path
from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.utils.utils import generate_uuid

from serving.predictor import Predictor


class BundleModel(Model):
    def __init__(self, name: str, bundle: Path) -> None:
        super().__init__(name)
        self.predictor = Predictor(bundle)
        self.ready = True

    def predict(self, payload: InferRequest, headers: Any = None, response_headers: Any = None) -> InferResponse:
        predictor = self.predictor
        data = {tensor.name: tensor.data for tensor in payload.inputs}
        columns = [list(data[name]) for name in predictor.task.inputs]
        probabilities = predictor.probabilities(predictor.task.read(columns))
        answers = predictor.task.answers(columns, probabilities, predictor.decider)
        outputs = []
        for output in predictor.task.outputs:
            if output.name in predictor.task.shown:
                values = list(answers[output.name])
                data = [str(value) if output.datatype == "BYTES" else float(value) for value in values]
                outputs.append(InferOutput(output.name, [len(values)], output.datatype, data))
        return InferResponse(payload.id or generate_uuid(), self.name, outputs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--bundle", type=Path, required=True)
    given, _ = parser.parse_known_args()
    ModelServer(http_port=given.http_port, workers=1, enable_grpc=False).start(
        [BundleModel(given.model_name, given.bundle)]
    )
