"""madmom's networks as ONNX graphs: onnxruntime runs the same weights dozens of times faster than madmom's numpy.

Graphs are built in memory from the layers of the installed package whenever a network is loaded;
nothing is converted ahead or kept on disk.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.madmom_compat import madmom_names

Floats = npt.NDArray[np.float32]

_OPSET = 18
_IR_VERSION = 8  # the oldest that may carry this opset: onnx may be newer than onnxruntime
_LSTM_CHUNK_FRAMES = 4096


def read_layers(path: str) -> list[Any]:
    """The layers of a network that madmom has pickled. Unpickling runs code: the file must be a trusted one."""
    with madmom_names():
        from madmom.ml.nn import NeuralNetwork

        return list(NeuralNetwork.load(path).layers)


class Graph:
    """A float32 ONNX graph under construction; a node's or constant's name stands for its value."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, array: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator: str, *inputs: str, num_outputs: int = 1, **attributes: Any) -> list[str]:
        from onnx import helper

        outputs = [f"{operator}{len(self._nodes)}.{output}" for output in range(num_outputs)]
        self._nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs

    def session(self, inputs: dict[str, tuple[int | str, ...]], outputs: Sequence[str]) -> Any:
        """Compile to an ``onnxruntime.InferenceSession`` on one thread, which gives its memory back after each run."""
        import onnxruntime
        from onnx import ValueInfoProto, helper

        floats = [helper.make_tensor_value_info(name, 1, shape) for name, shape in inputs.items()]
        graph = helper.make_graph(
            self._nodes, "madmom", floats, [ValueInfoProto(name=name) for name in outputs], self._constants
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class ConvolutionalNetwork:
    """Convolution, batch normalisation and pooling layers, averaged over frequency at the end.

    Called with a spectrogram ``(frames, bands)`` it returns ``(positions, channels)``.
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        graph, value, padding = Graph(), "spectrogram", 0
        for layer, following in zip(layers, [*layers[1:], None], strict=True):
            match type(layer).__name__:
                case "PadLayer":
                    padding = layer.width
                case "ConvolutionalLayer":
                    weights, bias = _normalised(layer, following)
                    constants = graph.constant(weights), graph.constant(bias)
                    (value,) = graph.node("Conv", value, *constants, pads=[padding] * 4)
                    padding = 0
                case "BatchNormLayer":  # folded into the convolution before it; its activation is left
                    (value,) = graph.node({"elu": "Elu", "relu": "Relu"}[layer.activation_fn.__name__], value)
                case "MaxPoolLayer":
                    (value,) = graph.node("MaxPool", value, kernel_shape=layer.size, strides=layer.stride)
        (value,) = graph.node("ReduceMean", value, graph.constant(np.array([3])), keepdims=0)
        self._session = graph.session({"spectrogram": (1, 1, "frames", "bands")}, [value])

    def __call__(self, spectrogram: Floats) -> Floats:
        (channels,) = self._session.run(None, {"spectrogram": spectrogram[None, None]})
        return np.asarray(channels[0].T, dtype=np.float32)


def _normalised(convolution: Any, normalisation: Any) -> tuple[Floats, Floats]:
    """Weights and bias of a convolution followed by batch normalisation.

    madmom keeps kernels as (inputs, outputs, time, frequency) and flips them, as convolutions do;
    ONNX has (outputs, inputs, ...) and does not flip. None of these convolutions has a bias of its own.
    """
    scale = normalisation.gamma * normalisation.inv_std
    kernels = convolution.weights.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    return kernels * scale[:, None, None, None], normalisation.beta - normalisation.mean * scale


class LstmLayer:
    """One direction of a layer of LSTM units with peepholes, run in chunks that hand on their state.

    Called with ``(frames, inputs)`` it returns ``(frames, units)``, the same as in one piece.
    """

    def __init__(self, layer: Any, *, backward: bool) -> None:
        graph, self._backward, self._num_units = Graph(), backward, layer.cell.bias.size
        constants = [graph.constant(weights[None].astype(np.float32)) for weights in _lstm_weights(layer)]
        outputs = graph.node(
            "LSTM",
            "frames",
            *constants[:3],
            "",  # every sequence has full length
            "output",
            "cell",
            constants[3],
            num_outputs=3,
            hidden_size=self._num_units,
            direction="reverse" if backward else "forward",
        )
        state = (1, 1, self._num_units)
        self._session = graph.session({"frames": ("time", 1, "inputs"), "output": state, "cell": state}, outputs)

    def __call__(self, frames: Floats) -> Floats:
        outputs = np.empty((len(frames), self._num_units), dtype=np.float32)
        output = cell = np.zeros((1, 1, self._num_units), dtype=np.float32)
        starts = range(0, len(frames), _LSTM_CHUNK_FRAMES)
        for start in reversed(starts) if self._backward else starts:
            chunk = slice(start, start + _LSTM_CHUNK_FRAMES)
            inputs = {"frames": frames[chunk, None], "output": output, "cell": cell}
            sequence, output, cell = self._session.run(None, inputs)
            outputs[chunk] = sequence[:, 0, 0]
        return outputs


def _lstm_weights(layer: Any) -> tuple[Floats, Floats, Floats, Floats]:
    """Input weights, recurrent weights, biases and peepholes, gates in the order of ONNX: input, output, forget, cell.

    ONNX has a second bias, for the recurrent input, which stays zero.
    """
    gates = [layer.input_gate, layer.output_gate, layer.forget_gate, layer.cell]
    biases = [gate.bias for gate in gates]
    return (
        np.concatenate([gate.weights.T for gate in gates]),
        np.concatenate([gate.recurrent_weights.T for gate in gates]),
        np.concatenate([*biases, *map(np.zeros_like, biases)]),
        np.concatenate([gate.peephole_weights for gate in gates[:3]]),
    )
