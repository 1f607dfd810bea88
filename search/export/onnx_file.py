"""A network as an ONNX file, and the runtime that checks it.

Shapes: B images, C channels, H height, W width, K classes.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from search.errors import ExportError

OPSET = 20
INPUT, OUTPUT, BATCH = "images", "logits", "batch"  # names in the file


def onnx_of(net: nn.Module, shape: tuple[int, int, int]) -> bytes:
    """The network for any number of images, by the exporter of PyTorch that traces.

    What the exporter notes about the machine and the code is left out, so that equal networks
    give equal files.

    Args:
        net: on the CPU, in evaluation mode.
        shape: channels, height and width of one image.

    Raises:
        ExportError: the exporter cannot.
    """
    import onnx  # takes a while to import, as what follows does: only when it is needed

    with _quiet():
        try:
            program = torch.onnx.export(
                net,
                (torch.zeros(2, *shape),),
                dynamo=True,
                dynamic_shapes=({0: BATCH},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # it raises all sorts
            raise ExportError(
                f"no ONNX file could be made: {type(error).__name__}: {str(error)[:500]}"
            ) from error
        assert program is not None
        model = program.model_proto
        for part in (model, model.graph, *model.graph.node, *model.functions):
            part.ClearField("doc_string")
            part.ClearField("metadata_props")
        for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
            value.ClearField("doc_string")
            value.ClearField("metadata_props")
        for tensor in model.graph.initializer:
            tensor.ClearField("doc_string")
            tensor.ClearField("metadata_props")
        onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


class OnnxNetwork:
    """An ONNX file, run by onnxruntime on the CPU.

    Args:
        content: of the file.
    """

    def __init__(self, content: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, x_BCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits, B x K."""
        (logits_BK,) = self._session.run([OUTPUT], {INPUT: x_BCHW})
        return np.asarray(logits_BK, dtype=np.float32)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of packages that are not needed."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
